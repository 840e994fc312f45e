"""Answers that no server should send: each is a reply or a failure with words, never a crash of ours."""

from __future__ import annotations

import asyncio
import copy
import json
import random
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest

from midwatch.domain.conversation import Reply
from midwatch.domain.errors import ModelError
from midwatch.models.config import build, load_models
from midwatch.models.providers import BUILT_IN
from midwatch.models.retry import Passing
from midwatch.models.transport import DONE
from tests.support.asking import SHELL, followed_by, view_of

CASES = sorted((Path(__file__).parents[1] / "cases/streams").iterdir())
ENVIRON = {provider.api_key_env: "key-0123456789" for provider in BUILT_IN.values() if provider.api_key_env} | {
    "AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:9",
    "AWS_REGION": "x",
    "ANTHROPIC_VERTEX_PROJECT_ID": "x",
}
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    7,
    2.5,
    "",
    "x",
    "\udcff",
    [],
    [None],
    [{}],
    {},
    {"type": 5},
    {"type": "text", "text": 1},
)


def events_of(case: Path) -> list[Mapping[str, Any]]:
    """The events of a stored answer."""
    lines = (case / "answer.txt").read_text("utf-8").splitlines()
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    return [DONE if text == "[DONE]" else json.loads(text) for text in data]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) below a value."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


def damaged(events: list[Mapping[str, Any]], chance: random.Random) -> list[Mapping[str, Any]]:
    """The same with one to three values replaced, removed, or events dropped, doubled or swapped."""
    odd = [DONE if event is DONE else copy.deepcopy(event) for event in events]
    for _ in range(chance.randint(1, 3)):
        found = [place for event in odd if event is not DONE for place in places(event)]
        if not found:
            break
        container, key = chance.choice(found)
        match chance.randint(0, 4):
            case 0:
                container.pop(key) if isinstance(container, dict) else container.clear()
            case 1:
                here = chance.randrange(len(odd))
                odd.insert(here, odd[chance.randrange(len(odd))])
            case 2 if len(odd) > 1:
                odd.pop(chance.randrange(len(odd)))
            case _:
                container[key] = copy.deepcopy(chance.choice(ODD))
    return odd


async def stream(events: list[Mapping[str, Any]]) -> AsyncGenerator[Mapping[str, Any]]:
    """As the transport gives them."""
    for event in events:
        yield event
        await asyncio.sleep(0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_damaged_answer_is_a_reply_that_can_be_given_back_or_a_failure_with_words(case: Path) -> None:
    described = json.loads((case / "case.json").read_text("utf-8"))
    environ = ENVIRON | ({"MIDWATCH_WIRE": described["wire"]} if "wire" in described else {})
    model: Any = build(described["model"], load_models({}, environ))
    events, chance = events_of(case), random.Random(case.name)
    replies = 0
    for _ in range(80):
        odd = damaged(events, chance)
        try:
            pieces = [piece async for piece in model._read(view_of(), 2, stream(odd))]
        except (Passing, ModelError) as error:
            assert str(error)  # noqa: PT017  (either is right)
            continue
        reply = pieces[-1]
        assert isinstance(reply, Reply)
        assert all(isinstance(call.arguments, str) and isinstance(call.name, str) for call in reply.calls)
        assert len({call.id for call in reply.calls}) == len(reply.calls)
        body = model._body(followed_by(view_of(), reply), (SHELL,), 5000)
        assert isinstance(json.loads(body), dict)
        replies += 1
    assert replies > 15, "most damage is harmless"


@pytest.mark.parametrize("content", [True, 7, {"a": 1}, None])
async def test_a_message_whose_content_is_no_list_says_nothing(content: object) -> None:
    model: Any = build("openai/gpt-5", load_models({}, ENVIRON))
    item = {"type": "message", "role": "assistant", "content": content}
    events: list[Mapping[str, Any]] = [{"type": "response.completed", "response": {"output": [item]}}]
    (reply,) = [piece async for piece in model._read(view_of(), 2, stream(events))]
    assert (reply.text, reply.stop) == ("", "end")
