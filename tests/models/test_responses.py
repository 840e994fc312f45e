"""The Responses API at the wire."""

from __future__ import annotations

import itertools
import json

import pytest

from midwatch.domain.conversation import Answered, Replied, Reply, Said, ToolCall, ToolSpec, Usage
from midwatch.domain.errors import ModelError
from midwatch.models.base import ContextTooLong
from tests.support.asking import SHELL, ask, followed_by, model_at, view_of
from tests.support.model_server import ModelServer, calls_all, raw, says


def stream(*events: object) -> str:
    """A body of server-sent events."""
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events)


async def test_a_reply_carries_text_calls_usage_and_the_items_as_they_came(server: ModelServer) -> None:
    usage = {"input": 1000, "cached": 900, "output": 50, "reasoning": 30}
    turn = calls_all(
        ("shell", {"command": "ls"}), ("shell", {"command": "pwd"}), say="Looking.", reasoning="Hm.", usage=usage
    )
    model = model_at(server.script(turn), "responses")
    deltas, reply = await ask(model)
    await model.close()
    assert reply.text == "Looking."
    assert [json.loads(call.arguments)["command"] for call in reply.calls] == ["ls", "pwd"]
    assert [item["type"] for item in reply.items] == ["reasoning", "message", "function_call", "function_call"]
    assert reply.items[0]["encrypted_content"].startswith("secret-")
    assert reply.usage == Usage(1000, 900, 0, 50, 30)
    assert (reply.stop, reply.wire, reply.model) == ("calls", "responses", "openai/gpt-5")
    shown = {
        kind: "".join(delta.text for delta in deltas if delta.kind == kind) for kind in ("text", "reasoning", "call")
    }
    assert shown == {
        "text": "Looking.",
        "reasoning": "Hm.",
        "call": 'shell {"command":"ls"}shell {"command":"pwd"}',
    }


async def test_the_request_is_stateless_and_asks_for_encrypted_reasoning(server: ModelServer) -> None:
    base_url = server.script(says("Done."))
    model = model_at(base_url, "responses", OPENAI_API_KEY="sk-test-1234567890")
    await ask(model, max_output=500)
    await model.close()
    (request,) = server.requests_to(base_url)
    body = request.body
    assert (body["stream"], body["store"], body["include"]) == (True, False, ["reasoning.encrypted_content"])
    assert body["instructions"] == "Do it well."
    assert body["tools"] == [
        {
            "type": "function",
            "name": "shell",
            "description": SHELL.description,
            "parameters": SHELL.parameters,
            "strict": False,
        }
    ]
    assert body["input"] == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Fix the sign."}]}
    ]
    assert body["max_output_tokens"] == 500
    assert request.headers["authorization"] == "Bearer sk-test-1234567890"
    assert list(body).index("tools") < list(body).index("input")


async def test_each_request_starts_with_the_one_before_it_byte_for_byte(server: ModelServer) -> None:
    script = [calls_all(("shell", {"command": f"echo é {n}"}), say=f"Step {n}.", reasoning="So.") for n in range(4)]
    base_url = server.script(*script, says("Done."))
    model = model_at(base_url, "responses")
    view = view_of()
    for limit in (9000, 8000, 7000, 6000, 5000):
        _, reply = await ask(model, view, max_output=limit)
        view = followed_by(view, reply, f"out “{limit}”")
    await model.close()
    bodies = [request.raw for request in server.requests_to(base_url)]
    for earlier, later in itertools.pairwise(bodies):
        history = earlier[: earlier.rindex(b'],"max_output_tokens"')]
        assert later.startswith(history)
        assert len(later) > len(earlier)


async def test_native_items_go_back_as_they_came_and_calls_are_answered_by_their_id(server: ModelServer) -> None:
    base_url = server.script(calls_all(("shell", {"command": "ls"}), reasoning="Hm."), says("Done."))
    model = model_at(base_url, "responses")
    _, first = await ask(model)
    await ask(model, followed_by(view_of(), first, "file.py"))
    await model.close()
    sent = server.requests_to(base_url)[1].body["input"]
    assert sent[1:3] == list(first.items)
    assert sent[3] == {"type": "function_call_output", "call_id": first.calls[0].id, "output": "file.py"}


async def test_a_custom_tool_call_is_a_call_and_gets_its_own_kind_of_answer(server: ModelServer) -> None:
    item = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_x", "name": "apply_patch", "input": "*** Begin"}
    base_url = server.script(says("", items=[item]), says("Done."))
    model = model_at(base_url, "responses")
    _, first = await ask(model)
    await ask(model, followed_by(view_of(), first, "done"))
    await model.close()
    assert first.calls == (ToolCall("call_x", "apply_patch", '{"input":"*** Begin"}'),)
    sent = server.requests_to(base_url)[1].body["input"]
    assert sent[1] == item
    assert sent[2] == {"type": "custom_tool_call_output", "call_id": "call_x", "output": "done"}


async def test_a_tool_with_a_grammar_is_offered_as_such_to_a_model_that_takes_it_and_as_a_function_elsewhere(
    server: ModelServer,
) -> None:
    patch = ToolSpec("apply_patch", "Edits.", SHELL.parameters, 'start: "x"')
    base_url = server.script(says("Done."))
    for name in ("openai/gpt-5", "openai/gpt-4.1"):
        for wire in ("responses", "chat", "messages"):
            model = model_at(base_url, wire, name)
            await ask(model, tools=(SHELL, patch))
            await model.close()
    bodies = [request.body for request in server.requests_to(base_url)]
    form = {"type": "grammar", "syntax": "lark", "definition": 'start: "x"'}
    assert bodies[0]["tools"][1] == {"type": "custom", "name": "apply_patch", "description": "Edits.", "format": form}
    assert bodies[0]["tools"][0]["type"] == "function"
    assert not any('"custom"' in json.dumps(body) for body in bodies[1:])


async def test_reasoning_that_another_model_has_encrypted_is_not_given_back(server: ModelServer) -> None:
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]}
    base_url = server.script(says("Done."))
    model = model_at(base_url, "responses")
    said = [Replied("responses", "Hi.", (), (reasoning, message), name) for name in ("azure/gpt-5", "openai/gpt-5")]
    await ask(model, view_of(said[0], Said("Go on."), said[1], Said("Go on.")))
    await model.close()
    sent = server.requests_to(base_url)[0].body["input"]
    assert [item["type"] for item in sent] == ["message", "message", "message", "reasoning", "message", "message"]


async def test_a_reply_of_another_wire_is_put_into_this_wires_words(server: ModelServer) -> None:
    base_url = server.script(says("Done."))
    model = model_at(base_url, "responses")
    call = ToolCall("call_1", "shell", '{"command":"ls"}')
    other = Replied("chat", "Looking.", (call,), ({"role": "assistant", "content": "Looking."},))
    await ask(model, view_of(other, Answered("call_1", "shell", "a.py", True), Said("Go on.")))
    await model.close()
    sent = server.requests_to(base_url)[0].body["input"]
    assert [item["type"] for item in sent] == ["message", "message", "function_call", "function_call_output", "message"]
    assert sent[1]["content"] == "Looking."
    assert sent[2] == {"type": "function_call", "call_id": "call_1", "name": "shell", "arguments": '{"command":"ls"}'}


async def test_reasoning_that_cannot_be_given_back_is_left_out(server: ModelServer) -> None:
    bare, open_, last = (
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "reasoning", "id": "rs_2", "summary": [], "content": [{"type": "reasoning_text", "text": "t"}]},
        {"type": "reasoning", "id": "rs_3", "summary": [], "encrypted_content": "x"},
    )
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]}
    base_url = server.script(says("Done."))
    model = model_at(base_url, "responses")
    await ask(model, view_of(Replied("responses", "Hi.", (), (bare, open_, message, last)), Said("Go on.")))
    await model.close()
    assert server.requests_to(base_url)[0].body["input"][1:-1] == [open_, message]


async def test_a_reply_cut_by_length_is_a_result(server: ModelServer) -> None:
    model = model_at(server.script(says("Half a", stop="length")), "responses")
    _, reply = await ask(model)
    await model.close()
    assert (reply.text, reply.stop) == ("Half a", "length")


async def test_a_refusal_is_a_result(server: ModelServer) -> None:
    model = model_at(server.script(says("I cannot help with that.", stop="refusal")), "responses")
    deltas, reply = await ask(model)
    await model.close()
    assert (reply.text, reply.stop) == ("I cannot help with that.", "refusal")
    assert "".join(delta.text for delta in deltas) == reply.text


async def test_a_document_instead_of_a_stream_is_accepted(server: ModelServer) -> None:
    model = model_at(server.script(calls_all(("shell", {"command": "ls"}), say="Hi.", plain=True)), "responses")
    _, reply = await ask(model)
    await model.close()
    assert (reply.text, len(reply.calls), reply.stop) == ("Hi.", 1, "calls")


async def test_items_are_taken_from_the_last_event_when_the_server_sends_no_other(server: ModelServer) -> None:
    item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]}
    body = stream({"type": "response.completed", "response": {"status": "completed", "output": [item]}})
    model = model_at(server.script(raw(body)), "responses")
    _, reply = await ask(model)
    await model.close()
    assert reply.text == "Hi."
    assert reply.usage.input_tokens > 0, "without the server's count it is estimated"


async def test_calls_without_an_id_or_with_one_of_an_earlier_turn_get_a_new_one(server: ModelServer) -> None:
    def call(call_id: str) -> dict[str, str]:
        return {"type": "function_call", "call_id": call_id, "name": "shell", "arguments": "{}"}

    base_url = server.script(says("", items=[call("a"), call("")]), says("", items=[call("a")]), says("Done."))
    model = model_at(base_url, "responses")
    _, first = await ask(model)
    view = followed_by(view_of(), first)
    _, second = await ask(model, view)
    await ask(model, followed_by(view, second))
    await model.close()
    assert [call.id for call in (*first.calls, *second.calls)] == ["a", "call_0_0", "call_1_0"]
    ids = [item["call_id"] for item in server.requests_to(base_url)[2].body["input"] if "call_id" in item]
    assert ids == ["a", "call_0_0", "a", "call_0_0", "call_1_0", "call_1_0"]


@pytest.mark.parametrize(
    ("error", "expected", "words"),
    [
        ({"code": "context_length_exceeded", "message": "Your input is too big"}, ContextTooLong, "too long for gpt-5"),
        ({"code": "insufficient_quota", "message": "You have none"}, ModelError, "no credit left"),
        ({"code": "invalid_prompt", "message": "not allowed"}, ModelError, "refused the request: not allowed"),
    ],
)
async def test_a_failed_response_that_will_not_pass_is_raised_at_once(
    server: ModelServer, error: dict[str, str], expected: type[ModelError], words: str
) -> None:
    body = stream({"type": "response.failed", "response": {"status": "failed", "error": error}})
    base_url = server.script(raw(body))
    model = model_at(base_url, "responses")
    with pytest.raises(expected, match=words):
        await ask(model)
    await model.close()
    assert len(server.requests_to(base_url)) == 1


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "Try later"}}},
        {"type": "error", "code": "rate_limit_exceeded", "message": "Try later"},
        {"type": "error", "error": {"type": "overloaded_error", "message": "Try later"}},
        {"error": {"message": "Try later"}},
    ],
)
async def test_a_failed_response_that_may_pass_is_asked_again(server: ModelServer, event: object) -> None:
    base_url = server.script(raw(stream(event)))
    model = model_at(base_url, "responses")
    with pytest.raises(ModelError, match=r"Try later \(5 attempts\)") as raised:
        await ask(model)
    await model.close()
    assert raised.value.retryable
    assert len(server.requests_to(base_url)) == 5


async def test_half_a_surrogate_pair_in_an_output_does_not_stop_the_request(server: ModelServer) -> None:
    base_url = server.script(says("Done."))
    model = model_at(base_url, "responses")
    _, reply = await ask(model, view_of(Said("a file named \udcff")))
    await model.close()
    assert isinstance(reply, Reply)
    assert server.requests_to(base_url)[0].body["input"][1]["content"][0]["text"] == "a file named ?"
