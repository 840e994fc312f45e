"""Dataclasses to JSON and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.domain.codec import from_json, to_json
from midwatch.domain.conversation import Usage
from midwatch.domain.events import ModelReplied, ToolFinished
from midwatch.domain.evidence import Checkpoint, CheckRun, Evidence
from midwatch.domain.limits import Limits
from tests.support import samples

texts = st.text(st.characters(codec=None))


@given(st.builds(CheckRun, texts, st.none() | st.integers(), texts, st.integers(), texts, st.integers(), st.integers()))
def test_what_is_written_is_read_back(run: CheckRun) -> None:
    evidence = Evidence("t", (run, run))
    assert from_json(Evidence, json.loads(json.dumps(to_json(evidence)))) == evidence


def test_a_nested_body_with_native_items_is_read_back() -> None:
    reply = ModelReplied(
        "m", "w", "t", (samples.call(),), ({"a": [1, {"b": None}], "c": 0.5},), Usage(1), None, 2, "end"
    )
    assert from_json(ModelReplied, json.loads(json.dumps(to_json(reply)))) == reply


def test_a_missing_field_takes_its_default_and_an_unknown_one_is_ignored() -> None:
    assert from_json(Limits, {"turns": 3, "moonlight": 1}) == Limits(turns=3)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"call_id": 7}, "ToolFinished.call_id: expected str, found int"),
        ({"ok": 1}, "ToolFinished.ok: expected bool, found int"),
        ({"number": True}, "ToolFinished.number: expected int, found bool"),
        ({"checkpoint": []}, "ToolFinished.checkpoint: expected an object"),
        ({"checkpoint": {"tree": "x"}}, "ToolFinished.checkpoint.commit is missing"),
        ({"exit_code": "0"}, "ToolFinished.exit_code: expected int"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, object], where: str) -> None:
    good = to_json(ToolFinished("c", "shell", True, "", "", 1, Checkpoint("t", "c")))
    with pytest.raises(ValueError, match=where):
        from_json(ToolFinished, {**good, **change})
