"""Each folder of tests/cases/streams: an answer as that provider streams it, and what is to be read out of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from midwatch.domain.conversation import Usage
from midwatch.domain.errors import ModelError
from midwatch.models.base import Model
from midwatch.models.config import build, load_models
from midwatch.models.providers import BUILT_IN
from tests.support.asking import ask, followed_by, view_of
from tests.support.model_server import ModelServer, raw, says

CASES = sorted((Path(__file__).parents[1] / "cases/streams").iterdir())
KEYS = {provider.api_key_env: "key-0123456789" for provider in BUILT_IN.values() if provider.api_key_env}


def read(case: Path) -> tuple[str, dict[str, Any]]:
    """The answer, and what is expected."""
    return (case / "answer.txt").read_text("utf-8"), json.loads((case / "case.json").read_text("utf-8"))


def at(base_url: str, expected: dict[str, Any], **fields: Any) -> Model:
    """The case's model, with its provider's own settings, at the server."""
    provider = expected["model"].partition("/")[0]
    fields |= {"base_url": base_url, "retry_seconds": 0}
    if "wire" in expected:
        fields["wire"] = expected["wire"]
    return build(expected["model"], load_models({"providers": {provider: fields}}, KEYS))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_an_answer_is_read_and_goes_back_as_it_came(server: ModelServer, case: Path) -> None:
    answer, expected = read(case)
    base_url = server.script(raw(answer), says("Done."))
    model = at(base_url, expected)
    deltas, reply = await ask(model)
    await ask(model, followed_by(view_of(), reply))
    await model.close()
    assert reply.text == expected["text"]
    assert [[call.name, call.arguments] for call in reply.calls] == expected["calls"]
    assert reply.stop == expected["stop"]
    assert reply.usage == Usage(*expected["usage"])
    assert "".join(delta.text for delta in deltas if delta.kind == "text") == expected["text"]
    assert "".join(delta.text for delta in deltas if delta.kind == "reasoning") == expected["reasoning"]
    if "again" in expected:
        body = server.requests_to(base_url)[1].body
        history = body.get("input") or body["messages"]
        ours = [item for item in history if item.get("role") not in ("user", "system", "tool")]
        assert [item for item in ours if not str(item.get("type")).endswith("_output")] == expected["again"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_an_answer_that_breaks_off_anywhere_is_asked_for_again_or_complete(
    server: ModelServer, case: Path
) -> None:
    answer, expected = read(case)
    events = answer.split("\n\n")
    for kept in range(0, len(events) - 1, max(1, len(events) // 6)):
        base_url = server.script(raw("\n\n".join(events[:kept]) + "\n\n"))
        model = at(base_url, expected, attempts=2)
        try:
            _, came = await ask(model)
        except ModelError as error:
            assert [error.retryable, len(server.requests_to(base_url))] == [True, 2]  # noqa: PT017  (either is right)
        else:
            assert [[call.name, call.arguments] for call in came.calls] == expected["calls"]
            assert came.text == expected["text"]
        await model.close()


def test_every_provider_has_a_case() -> None:
    assert {read(case)[1]["model"].partition("/")[0] for case in CASES} == set(BUILT_IN)
