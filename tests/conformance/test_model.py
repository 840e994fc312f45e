"""What every model must do. Those at an endpoint are asked at a real server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from midwatch.domain.conversation import Delta, Said, ToolCall, Usage
from midwatch.domain.errors import ModelError
from midwatch.domain.events import ModelReplied
from midwatch.models import fake
from midwatch.models.base import Model
from midwatch.models.replay import ReplayModel
from tests.support.asking import ask, followed_by, model_at, view_of
from tests.support.model_server import ModelServer, calls_all, says, serving

KINDS = ["responses", "chat", "fake", "replay"]


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with serving() as running:
        yield running


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest, server: ModelServer) -> Model:
    """Says `Looking.` with two calls, then `Done.`"""
    pairs = (("shell", {"command": "ls"}), ("shell", {"command": "pwd"}))
    if request.param == "fake":
        return fake.FakeModel([fake.calls_all(*pairs, said="Looking."), fake.says("Done.")])
    if request.param == "replay":
        calls = (ToolCall("call_a", "shell", '{"command":"ls"}'), ToolCall("call_b", "shell", '{"command":"pwd"}'))
        return ReplayModel(
            [
                ModelReplied("m", "chat", "Looking.", calls, (), Usage(10, output_tokens=5), 0, 1, "calls"),
                ModelReplied("m", "chat", "Done.", (), (), Usage(20, output_tokens=5), 0, 1, "end"),
            ]
        )
    return model_at(server.script(calls_all(*pairs, say="Looking."), says("Done.")), request.param)


async def test_deltas_come_first_and_one_reply_last(model: Model) -> None:
    deltas, reply = await ask(model)
    await model.close()
    assert "".join(delta.text for delta in deltas if delta.kind == "text") == reply.text == "Looking."
    assert {delta.kind for delta in deltas} == {"text", "call"}
    assert reply.stop == "calls"
    assert [call.name for call in reply.calls] == ["shell", "shell"]
    assert len({call.id for call in reply.calls}) == 2
    assert reply.usage.input_tokens > 0
    assert reply.usage.output_tokens > 0


async def test_its_own_reply_can_be_given_back(model: Model) -> None:
    view = view_of()
    _, first = await ask(model, view)
    _, second = await ask(model, followed_by(view, first))
    await model.close()
    assert (second.text, second.calls, second.stop) == ("Done.", (), "end")


async def test_the_same_view_may_be_asked_twice(model: Model) -> None:
    _, first = await ask(model)
    _, again = await ask(model)
    await model.close()
    assert [call.arguments for call in first.calls] == [call.arguments for call in again.calls]


async def test_two_conversations_may_use_it_at_once(model: Model) -> None:
    replies = await asyncio.gather(ask(model), ask(model), ask(model, view_of(Said("Hurry."))))
    await model.close()
    assert [reply.text for _, reply in replies] == ["Looking."] * 3


async def test_it_may_be_left_early_and_asked_again(model: Model) -> None:
    stream = model.reply(view_of(), ())
    assert isinstance(await anext(stream), Delta)
    await stream.aclose()
    _, reply = await ask(model)
    await model.close()
    assert reply.text == "Looking."


async def test_it_takes_a_cap_on_its_output(model: Model) -> None:
    _, reply = await ask(model, max_output=100)
    await model.close()
    assert reply.text == "Looking."


async def test_it_states_its_name_and_sizes_and_closes_twice(model: Model) -> None:
    assert model.name
    assert model.wire in KINDS
    assert 0 < model.max_output <= model.window
    assert isinstance(model.cost(Usage(10, output_tokens=1)), int | None)
    await model.close()
    await model.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_what_goes_wrong_is_a_model_error(kind: str, server: ModelServer) -> None:
    if kind in ("fake", "replay"):
        broken: Model = fake.FakeModel([]) if kind == "fake" else ReplayModel([])
    else:
        broken = model_at(server.url + "/nothing/v1", kind)
    with pytest.raises(ModelError) as raised:
        await ask(broken)
    await broken.close()
    assert raised.value.message
