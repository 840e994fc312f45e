"""A second model for when the first is down."""

from __future__ import annotations

import socket

import pytest

from midwatch.domain.conversation import Reply, Usage
from midwatch.domain.errors import InputError, ModelError
from midwatch.models.base import ContextTooLong
from midwatch.models.config import build, load_models
from midwatch.models.fake import FakeModel, says
from midwatch.models.fallback import REST_SECONDS, FallbackModel
from tests.support import model_server
from tests.support.asking import ask, followed_by, view_of
from tests.support.model_server import ModelServer, calls, fails

DOWN = ModelError("the first is overloaded", retryable=True)


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def pair(first: list[Reply | BaseException], clock: Clock | None = None) -> tuple[FakeModel, FakeModel, FallbackModel]:
    """Two models that answer each in its own name, and the one that has both."""
    one = FakeModel(first, name="a/first", price_microusd=1)
    other = FakeModel([says("second")] * 3, name="b/second", price_microusd=5)
    return one, other, FallbackModel(one, other, clock or Clock())


async def test_the_second_is_asked_where_the_first_is_down_and_the_reply_names_it() -> None:
    _, _, model = pair([DOWN, says("first")])
    deltas, reply = await ask(model)
    assert (reply.text, reply.model) == ("second", "b/second")
    assert [delta.text for delta in deltas if delta.kind == "notice"] == [
        "the first is overloaded; asking b/second instead"
    ]


async def test_the_first_is_left_alone_for_a_while_and_then_asked_again() -> None:
    clock = Clock()
    one, other, model = pair([DOWN, says("first")], clock)
    names = []
    for seconds in (0.0, REST_SECONDS / 2, REST_SECONDS):
        clock.now += seconds
        names.append((await ask(model))[1].model)
    assert names == ["b/second", "b/second", "a/first"]
    assert (len(one.asked), len(other.asked)) == (2, 2)


async def test_the_first_is_asked_when_the_second_fails_while_the_first_rests() -> None:
    one = FakeModel([DOWN, says("first")], name="a/first")
    other = FakeModel([says("second"), ModelError("down, too", retryable=True), says("never")], name="b/second")
    model = FallbackModel(one, other, Clock())
    _, first = await ask(model)
    one._turns[1] = ([], says("first"))
    _, second = await ask(model, followed_by(view_of(), first))
    assert [first.model, second.model] == ["b/second", "a/first"]
    assert (await ask(model))[1].model == "a/first", "it has shown that it is back"


@pytest.mark.parametrize("error", [ModelError("the key was refused"), ContextTooLong("too long")])
async def test_what_will_not_pass_is_not_asked_elsewhere(error: ModelError) -> None:
    _, other, model = pair([error, says("first")])
    with pytest.raises(type(error), match=error.message):
        await ask(model)
    assert other.asked == []


async def test_when_both_fail_both_are_named() -> None:
    one = FakeModel([DOWN, says("first")], name="a/first")
    other = FakeModel([ModelError("the second wants a key"), says("second")], name="b/second")
    with pytest.raises(
        ModelError, match=r"the second wants a key \(asked because a/first failed: the first is"
    ) as raised:
        await ask(FallbackModel(one, other))
    assert raised.value.retryable


async def test_a_reply_has_the_price_of_the_model_that_gave_it_and_the_worst_case_is_the_dearer_one() -> None:
    _, _, model = pair([DOWN, says("first")])
    _, reply = await ask(model)
    assert reply.cost_microusd == 5 * reply.usage.total
    assert model.cost(Usage(input_tokens=10)) == 50
    one = FakeModel([says("x")], price_microusd=None)
    assert FallbackModel(one, one).cost(Usage(input_tokens=10)) is None


async def test_the_settings_name_the_second_model_and_another_wire_reads_the_conversation_on(
    server: ModelServer,
) -> None:
    first_url = server.script(calls("shell", command="ls"), fails(503, times=-1), model_server.says("never"))
    second_url = server.script(model_server.says("unused"), model_server.says("Done."))
    values = {
        "fallback": "spare/claude",
        "providers": {
            "main": {"base_url": first_url, "retry_seconds": 0, "wire": "responses"},
            "spare": {"base_url": second_url, "wire": "messages"},
        },
    }
    model = build("main/gpt-5", load_models(values, {}))
    _, first = await ask(model)
    _, second = await ask(model, followed_by(view_of(), first, "a.py"))
    await model.close()
    assert (first.model, second.model, second.text) == ("main/gpt-5", "spare/claude", "Done.")
    (request,) = server.requests_to(second_url)
    assert [message["role"] for message in request.body["messages"]] == ["user", "assistant", "user"]
    assert request.body["messages"][1]["content"][0]["input"] == {"command": "ls"}


async def test_an_endpoint_that_nobody_listens_at_is_one_that_is_down(server: ModelServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    values = {
        "providers": {
            "main": {"base_url": f"http://127.0.0.1:{port}/v1", "retry_seconds": 0},
            "spare": {"base_url": server.script(model_server.says("Done."))},
        },
    }
    model = build("main/m", load_models(values, {"MIDWATCH_FALLBACK_MODEL": "spare/m"}))
    _, reply = await ask(model)
    await model.close()
    assert reply.model == "spare/m"


def test_a_second_model_that_cannot_be_built_is_said_before_anything_is_asked() -> None:
    with pytest.raises(InputError, match="the fall-back model: openai needs a key"):
        build("ollama/m", load_models({"fallback": "openai/gpt-5"}, {}))
    with pytest.raises(InputError, match="the fall-back model: 'repair' is no name of a model"):
        build("ollama/m", load_models({"fallback": "repair"}, {}))


async def test_the_address_and_the_key_of_the_environment_are_the_firsts_alone(server: ModelServer) -> None:
    first_url, second_url = server.script(fails(503, times=-1)), server.script(model_server.says("Done."))
    values = {"fallback": "spare/m", "providers": {"spare": {"base_url": second_url, "api_key_env": "SPARE_KEY"}}}
    environ = {
        "MIDWATCH_BASE_URL": first_url, "MIDWATCH_API_KEY": "first-0123456789", "MIDWATCH_WIRE": "responses",
        "MIDWATCH_RETRY_SECONDS": "0", "SPARE_KEY": "spare-0123456789",
    }  # fmt: skip
    model = build("openai/gpt-5", load_models(values, environ))
    _, reply = await ask(model)
    await model.close()
    assert reply.model == "spare/m"
    assert server.requests_to(first_url)[0].headers["authorization"] == "Bearer first-0123456789"
    (request,) = server.requests_to(second_url)
    assert request.path.endswith("/chat/completions")
    assert request.headers["authorization"] == "Bearer spare-0123456789"
