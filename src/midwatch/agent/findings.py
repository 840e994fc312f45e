"""The answer of a review: its form, and reading it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from midwatch.domain.review import Finding

VERDICTS = ("correct", "incorrect")
MOST = 100
"""Findings that are read; more are not read by anybody."""
_TITLE, _BODY = 200, 8000
"""Characters that are kept."""

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "findings": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "title": {"type": "string"},
                    "body": {"type": "string"},
                    "priority": {"type": "integer", "enum": [0, 1, 2, 3]},
                    "confidence": {"type": "number"},
                    "file": {"type": "string"},
                    "first_line": {"type": "integer"},
                    "last_line": {"type": "integer"},
                },
                "required": ["title", "body", "priority", "confidence", "file", "first_line", "last_line"],
                "additionalProperties": False,
            },
        },
        "verdict": {"type": "string", "enum": list(VERDICTS)},
        "explanation": {"type": "string"},
    },
    "required": ["findings", "verdict", "explanation"],
    "additionalProperties": False,
}


class BadAnswer(Exception):
    """The answer does not fit; the text says why, for the model."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model has answered, the gravest finding first."""

    findings: tuple[Finding, ...]
    verdict: str
    explanation: str


def read(text: str, workdir: str) -> Answer:
    """The answer as an object; words or a fence around it are passed over, and paths below `workdir` are taken for
    relative ones. Raises BadAnswer."""
    value = _object(text)
    findings = value.get("findings")
    if not isinstance(findings, list):
        raise BadAnswer('"findings" must be an array')
    verdict = value.get("verdict")
    if verdict not in VERDICTS:
        raise BadAnswer(f'"verdict" must be one of {", ".join(VERDICTS)}')
    read_ones = [_finding(number, item, workdir) for number, item in enumerate(findings[:MOST], 1)]
    read_ones.sort(key=lambda finding: (finding.priority, -finding.confidence))
    return Answer(tuple(read_ones), verdict, _text(value, "explanation", "the answer")[:_BODY])


def again(error: BadAnswer) -> str:
    """What the model is told about an answer that does not fit."""
    return (
        f"Your answer does not fit its form: {error}. Answer again, with the JSON object alone and no tool call; its "
        f"JSON Schema is {json.dumps(SCHEMA, separators=(',', ':'))}"
    )


def _object(text: str) -> dict[str, Any]:
    first, last = text.find("{"), text.rfind("}")
    if first < 0 or last < first:
        raise BadAnswer("there is no JSON object in it")
    try:
        value = json.loads(text[first : last + 1], strict=False)
    except (ValueError, RecursionError) as error:
        raise BadAnswer(f"it is not valid JSON ({error})") from None
    if not isinstance(value, dict):
        raise BadAnswer("it must be a JSON object")
    return value


def _finding(number: int, item: Any, workdir: str) -> Finding:
    where = f"finding {number}"
    if not isinstance(item, dict):
        raise BadAnswer(f"{where} must be an object")
    priority, confidence = _whole(item, "priority", where), item.get("confidence")
    if not 0 <= priority <= 3:
        raise BadAnswer(f'"priority" of {where} must be 0, 1, 2 or 3')
    if not isinstance(confidence, int | float) or isinstance(confidence, bool) or not 0 <= confidence <= 1:
        raise BadAnswer(f'"confidence" of {where} must be a number from 0 to 1')
    first, last = _whole(item, "first_line", where), _whole(item, "last_line", where)
    if not 1 <= first <= last:
        raise BadAnswer(f'the lines of {where} must be counted from 1, "last_line" not before "first_line"')
    file = _text(item, "file", where).removeprefix(f"{workdir}/").removeprefix("./")
    title = " ".join(_text(item, "title", where).split())[:_TITLE]
    if not title or not file:
        raise BadAnswer(f"{where} must have a title and a file")
    return Finding(title, _text(item, "body", where)[:_BODY], priority, float(confidence), file, first, last)


def _whole(item: Mapping[str, Any], name: str, where: str) -> int:
    value = item.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadAnswer(f'"{name}" of {where} must be a whole number')
    return value


def _text(item: Mapping[str, Any], name: str, where: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise BadAnswer(f'"{name}" of {where} must be a string')
    return value.encode("utf-8", "replace").decode().strip()
