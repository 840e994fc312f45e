"""Reading the answer of a review."""

from __future__ import annotations

import json
from typing import Any

import pytest

from midwatch.agent import findings

GOOD: dict[str, Any] = {
    "title": "Off by one", "body": "The last value is left out.", "priority": 1, "confidence": 0.9,
    "file": "calc.py", "first_line": 3, "last_line": 3,
}  # fmt: skip


def answer(*found: object, **more: object) -> str:
    return json.dumps({"findings": list(found), "verdict": "incorrect", "explanation": "Look again.", **more})


def test_words_and_a_fence_around_the_object_are_passed_over() -> None:
    read = findings.read(f"Here it is:\n```json\n{answer(GOOD)}\n```\n", "/workspace")
    assert (read.verdict, read.explanation) == ("incorrect", "Look again.")
    assert [(f.title, f.priority, f.confidence, f.first_line) for f in read.findings] == [("Off by one", 1, 0.9, 3)]


def test_the_gravest_and_surest_come_first_and_paths_are_relative() -> None:
    found = [
        GOOD | {"priority": 2, "file": "/workspace/a.py"},
        GOOD | {"priority": 0, "confidence": 0.5, "file": "./b.py"},
        GOOD | {"priority": 0, "confidence": 1, "title": " Off\n by one "},
    ]
    read = findings.read(answer(*found), "/workspace")
    assert [f.file for f in read.findings] == ["calc.py", "b.py", "a.py"]
    assert (read.findings[0].title, read.findings[0].confidence) == ("Off by one", 1.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no fault", "no JSON object"),
        ("{'a': 1}", "not valid JSON"),
        (answer(findings="none"), '"findings" must be an array'),
        (answer(verdict="fine"), '"verdict" must be one of correct, incorrect'),
        (answer(explanation=None), '"explanation" of the answer must be a string'),
        (answer("one"), "finding 1 must be an object"),
        (answer(GOOD, GOOD | {"priority": 4}), '"priority" of finding 2'),
        (answer(GOOD | {"priority": "P1"}), '"priority" of finding 1 must be a whole number'),
        (answer(GOOD | {"confidence": 90}), '"confidence" of finding 1'),
        (answer(GOOD | {"first_line": 0}), "the lines of finding 1"),
        (answer(GOOD | {"last_line": 2}), "the lines of finding 1"),
        (answer(GOOD | {"file": ""}), "must have a title and a file"),
        (answer({k: v for k, v in GOOD.items() if k != "body"}), '"body" of finding 1 must be a string'),
    ],
)
def test_what_does_not_fit_is_said_in_words_for_the_model(text: str, words: str) -> None:
    with pytest.raises(findings.BadAnswer) as error:
        findings.read(text, "/workspace")
    assert words in str(error.value)
    assert "JSON Schema" in findings.again(error.value)


def test_the_schema_asks_for_exactly_what_is_read() -> None:
    item = findings.SCHEMA["properties"]["findings"]["items"]
    assert set(item["required"]) == set(item["properties"]) == set(GOOD)
