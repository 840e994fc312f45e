"""Pictures: how each wire carries them, and what a model that takes none is told."""

from __future__ import annotations

from typing import Any

import pytest

from midwatch.domain.conversation import Answered, Image, Replied, Said, ToolCall, View
from midwatch.models.base import Model
from midwatch.models.config import build, load_models
from tests.models.test_sdk_types import type_of_body
from tests.support.asking import ask, view_of
from tests.support.model_server import ModelServer, says
from tests.support.shapes import faults

PNG = Image("image/png", "iVBORw0KGgo=")
JPEG = Image("image/jpeg", "/9j/4AAQ")
CALLS = (ToolCall("call_1", "view_image", '{"path":"a.png"}'), ToolCall("call_2", "shell", '{"command":"ls"}'))
MODELS = {"responses": "openai/gpt-5", "chat": "openai/gpt-5", "messages": "anthropic/claude-opus-5"}
WIRES = pytest.mark.parametrize("wire", list(MODELS))


def conversation() -> View:
    """A person shows two pictures, and a tool one."""
    asked = Replied("elsewhere", "", CALLS, ())
    answers = (Answered("call_1", "view_image", "a.png, 1 by 1", True, (PNG,)), Answered("call_2", "shell", "a", True))
    return view_of(Said("Like these.", (PNG, JPEG)), asked, *answers)


def at(base_url: str, wire: str, name: str = "", **fields: Any) -> Model:
    """A model over that wire."""
    name = name or MODELS[wire]
    values = {"providers": {name.partition("/")[0]: {"base_url": base_url, "wire": wire, **fields}}}
    return build(name, load_models(values, {"MIDWATCH_API_KEY": "key-0123456789"}))


async def sent(server: ModelServer, wire: str, name: str = "", **fields: Any) -> Any:
    """The body of a request with that conversation."""
    base_url = server.script(says("Done."))
    model = at(base_url, wire, name, **fields)
    await ask(model, conversation())
    await model.close()
    return server.requests_to(base_url)[0].body


@WIRES
async def test_pictures_have_the_shape_that_the_sdk_describes(server: ModelServer, wire: str) -> None:
    assert faults(await sent(server, wire), type_of_body(wire)) == []


async def test_responses_carries_them_in_messages_and_results(server: ModelServer) -> None:
    history = (await sent(server, "responses"))["input"]
    png = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "auto"}
    jpeg = {"type": "input_image", "image_url": "data:image/jpeg;base64,/9j/4AAQ", "detail": "auto"}
    assert history[1]["content"] == [{"type": "input_text", "text": "Like these."}, png, jpeg]
    assert history[-2]["output"] == [{"type": "input_text", "text": "a.png, 1 by 1"}, png]
    assert history[-1]["output"] == "a"


async def test_chat_carries_those_of_results_in_a_message_after_all_results(server: ModelServer) -> None:
    history = (await sent(server, "chat"))["messages"]
    png = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    assert [message["role"] for message in history] == ["system", "user", "user", "assistant", "tool", "tool", "user"]
    assert history[2]["content"][1] == png
    assert history[4]["content"] == "a.png, 1 by 1"
    assert history[-1]["content"][1:] == [png]


async def test_messages_carries_them_as_blocks(server: ModelServer) -> None:
    history = (await sent(server, "messages"))["messages"]
    png = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    assert history[0]["content"][1:3] == [{"type": "text", "text": "Like these."}, png]
    assert history[2]["content"][0]["content"] == [{"type": "text", "text": "a.png, 1 by 1"}, png]
    assert history[2]["content"][1]["content"] == "a"


@WIRES
async def test_a_model_that_takes_none_is_told_that_they_are_left_out(server: ModelServer, wire: str) -> None:
    for body in (await sent(server, wire, "vllm/deepseek-coder"), await sent(server, wire, images=False)):
        text = str(body)
        assert "iVBOR" not in text
        assert "[2 images left out: this model is not known to take images; a program in the sandbox can" in text
        assert "[an image left out: this model is not known to take images; " in text
    assert "iVBOR" in str(await sent(server, wire, "vllm/deepseek-coder", images=True))


@WIRES
async def test_the_beginning_stays_the_same_when_the_conversation_goes_on(server: ModelServer, wire: str) -> None:
    base_url = server.script(says("Done."))
    model = at(base_url, wire)
    view = conversation()
    await ask(model, view)
    await ask(model, View(view.instructions, view.brief, (*view.items, Replied("elsewhere", "I see.", (), ()))))
    await model.close()
    first, second = (request.raw for request in server.requests_to(base_url))
    assert second.startswith(first[: first.rindex(b'],"max_')])


def test_the_bytes_of_a_picture_are_not_in_its_repr() -> None:
    assert PNG.data not in repr(PNG)
