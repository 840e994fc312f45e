"""Requests that grow are, byte for byte, those of a model that has never been asked before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from midwatch.domain.conversation import Answered, Brief, Image, Item, Replied, Said, ToolCall, View
from midwatch.domain.limits import Limits
from midwatch.models.config import build, load_models
from midwatch.models.wire import WireModel
from midwatch.tools.toolset import default_tools

PICTURE = Image("image/png", data="aGk=")


def model(wire: str) -> WireModel:
    values = {"providers": {"here": {"base_url": "http://127.0.0.1:9/v1", "wire": wire}}}
    made = build("here/gpt-5.5", load_models(values, {}))
    assert isinstance(made, WireModel)
    return made


def said(wire: str, number: int) -> list[Item]:
    """A reply with a call, and its answer; some calls are of a custom tool, some replies another model's."""
    call = ToolCall(f"call_{number}", "apply_patch" if number % 2 else "shell", '{"command": "ls"}')
    native: dict[str, Any] = {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": "{}"}
    if number % 2:
        native = {"type": "custom_tool_call", "call_id": call.id, "name": call.name, "input": "patch"}
    if wire == "chat":
        function = {"name": call.name, "arguments": call.arguments}
        native = {"role": "assistant", "content": "é", "tool_calls": [{"id": call.id, "function": function}]}
    other = "another/model" if number % 3 == 0 else ""
    return [
        Replied(wire, "é", (call,), (native,), other),
        Answered(call.id, call.name, f"out \udcff {number}", ok=True),
    ]


def view(*items: Item, instructions: str = "Be brief.") -> View:
    return View(instructions, Brief("do it", "/workspace", (), Limits()), tuple(items))


@pytest.mark.parametrize("wire", ["responses", "chat"])
def test_each_request_of_a_conversation_is_as_if_it_were_the_first(wire: str) -> None:
    tools, grown, items = default_tools().specs, model(wire), list[Item]([Said("go")])
    for number in range(8):
        body = grown._body(view(*items), tools, 1000 + number)
        assert body == model(wire)._body(view(*items), tools, 1000 + number)
        json.loads(body)
        items += said(wire, number)
    undone, other = items[:5], [Said("something else"), *said(wire, 1)]
    pictured = [*items, Said("look", (PICTURE,)), *said(wire, 20)]
    for now in (
        items,
        items,
        undone,
        [*undone, Said("on")],
        other,
        [],
        [Said("go")],
        pictured,
        [*pictured, Said("and")],
    ):
        assert grown._body(view(*now), tools, 7) == model(wire)._body(view(*now), tools, 7)


@pytest.mark.parametrize("wire", ["responses", "chat"])
def test_other_instructions_are_never_those_of_the_request_before(wire: str) -> None:
    asked, items = model(wire), [Said("go"), *said(wire, 1)]
    asked._body(view(*items), (), 7)
    changed = view(*items, instructions="Be long.")
    assert asked._body(changed, (), 7) == model(wire)._body(changed, (), 7)
