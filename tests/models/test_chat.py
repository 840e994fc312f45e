"""Chat Completions at the wire, with the habits of the servers that speak it."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from midwatch.domain.conversation import Answered, Replied, Said, ToolCall, Usage
from midwatch.domain.errors import ModelError
from midwatch.models.base import ContextTooLong
from tests.support.asking import ask, followed_by, model_at, view_of
from tests.support.model_server import ModelServer, calls_all, cut_after, raw, says


def stream(*deltas: dict[str, Any], finish: str | None = "stop", done: bool = True) -> str:
    """A body of chunks."""
    chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    if finish:
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + ("data: [DONE]\n\n" if done else "")


def piece(index: int | None, call_id: str | None, name: str | None, arguments: Any) -> dict[str, Any]:
    """A delta with one piece of a call."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    call = {key: value for key, value in (("index", index), ("id", call_id)) if value is not None}
    return {"tool_calls": [{**call, "function": function}]}


async def test_a_reply_carries_text_calls_usage_and_the_message_as_it_came(server: ModelServer) -> None:
    usage = {"input": 1000, "cached": 900, "output": 50, "reasoning": 30}
    turn = calls_all(
        ("shell", {"command": "ls"}), ("shell", {"command": "pwd"}), say="Looking.", reasoning="Hm.", usage=usage
    )
    model = model_at(server.script(turn), "chat")
    deltas, reply = await ask(model)
    await model.close()
    assert (reply.text, reply.stop, reply.wire) == ("Looking.", "calls", "chat")
    assert [json.loads(call.arguments)["command"] for call in reply.calls] == ["ls", "pwd"]
    assert reply.usage == Usage(1000, 900, 0, 50, 30)
    (message,) = reply.items
    assert message["reasoning_content"] == "Hm."
    assert [call["id"] for call in message["tool_calls"]] == [call.id for call in reply.calls]
    assert {delta.kind for delta in deltas} == {"text", "reasoning", "call"}


async def test_the_request_names_model_tools_and_messages(server: ModelServer) -> None:
    base_url = server.script(says("Done."))
    model = model_at(base_url, "chat", "ollama/qwen3:8b")
    await ask(model, max_output=700)
    await model.close()
    (request,) = server.requests_to(base_url)
    body = request.body
    assert body["model"] == "qwen3:8b"
    assert body["stream_options"] == {"include_usage": True}
    assert body["tools"][0]["function"]["name"] == "shell"
    assert body["messages"] == [
        {"role": "system", "content": "Do it well."},
        {"role": "user", "content": "Fix the sign."},
    ]
    assert body["max_tokens"] == 700
    assert "authorization" not in request.headers


async def test_each_request_starts_with_the_one_before_it_byte_for_byte(server: ModelServer) -> None:
    script = [calls_all(("shell", {"command": f"echo é {n}"}), say=f"Step {n}.", reasoning="So.") for n in range(4)]
    base_url = server.script(*script, says("Done."))
    model = model_at(base_url, "chat")
    view = view_of()
    for limit in (9000, 8000, 7000, 6000, 5000):
        _, reply = await ask(model, view, max_output=limit)
        view = followed_by(view, reply, f"out “{limit}”")
    await model.close()
    bodies = [request.raw for request in server.requests_to(base_url)]
    for earlier, later in itertools.pairwise(bodies):
        assert later.startswith(earlier[: earlier.rindex(b'],"max_completion_tokens"')])
        assert len(later) > len(earlier)


async def test_the_message_goes_back_as_it_came_and_calls_are_answered_by_their_id(server: ModelServer) -> None:
    base_url = server.script(calls_all(("shell", {"command": "ls"}), reasoning="Hm."), says("Done."))
    model = model_at(base_url, "chat")
    _, first = await ask(model)
    await ask(model, followed_by(view_of(), first, "file.py"))
    await model.close()
    sent = server.requests_to(base_url)[1].body["messages"]
    assert sent[2] == first.items[0]
    assert sent[3] == {"role": "tool", "tool_call_id": first.calls[0].id, "content": "file.py"}


async def test_a_reply_of_another_wire_is_put_into_this_wires_words(server: ModelServer) -> None:
    base_url = server.script(says("Done."))
    model = model_at(base_url, "chat")
    other = Replied("responses", "", (ToolCall("call_1", "shell", "{oops"),), ({"type": "function_call"},))
    await ask(model, view_of(other, Answered("call_1", "shell", "bad arguments", False), Said("Go on.")))
    await model.close()
    sent = server.requests_to(base_url)[0].body["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool", "user"]
    function = sent[2]["tool_calls"][0]["function"]
    assert json.loads(function["arguments"]) == {"malformed_arguments": "{oops"}, "templates of servers parse it"


ONE, TWO = '{"n":1}', '{"n":2}'
CALLS = {
    "whole at once": [piece(0, "a", "shell", ONE), piece(1, "b", "shell", TWO)],
    "both in one chunk": [
        {"tool_calls": [*piece(0, "a", "shell", ONE)["tool_calls"], *piece(1, "b", "shell", TWO)["tool_calls"]]},
    ],
    "interleaved": [
        piece(0, "a", "shell", ONE[:4]),
        piece(1, "b", "shell", TWO[:4]),
        piece(0, None, None, ONE[4:]),
        piece(1, None, None, TWO[4:]),
    ],
    "every index 0, ids differ": [piece(0, "a", "shell", ONE), piece(0, "b", "shell", TWO)],
    "every index 0, no ids": [piece(0, None, "shell", ONE), piece(0, None, "shell", TWO)],
    "no index": [
        piece(None, "a", "shell", ONE),
        piece(None, "b", "shell", TWO[:4]),
        piece(None, "b", None, TWO[4:]),
    ],
    "no index, no ids": [
        piece(None, None, "shell", ONE[:4]),
        piece(None, None, None, ONE[4:]),
        piece(None, None, "shell", TWO),
    ],
    "id and name with each piece": [
        piece(0, "a", "shell", ""),
        piece(0, "a", "shell", ONE),
        piece(0, "a", "shell", ""),
        piece(1, "b", "shell", TWO),
    ],
    "arguments as an object": [piece(0, "a", "shell", {"n": 1}), piece(1, "b", "shell", {"n": 2})],
}


@pytest.mark.parametrize("habit", CALLS)
async def test_calls_are_put_together_whatever_the_servers_habit(server: ModelServer, habit: str) -> None:
    model = model_at(server.script(raw(stream(*CALLS[habit], finish="tool_calls"))), "chat")
    _, reply = await ask(model)
    await model.close()
    assert [call.name for call in reply.calls] == ["shell", "shell"]
    assert [json.loads(call.arguments) for call in reply.calls] == [{"n": 1}, {"n": 2}]
    assert len({call.id for call in reply.calls}) == 2
    assert all(call.id for call in reply.calls)


async def test_missing_ids_are_made_from_the_conversation_alone(server: ModelServer) -> None:
    body = stream(piece(0, None, "shell", "{}"), finish="tool_calls")
    model = model_at(server.script(raw(body)), "chat")
    _, first = await ask(model)
    _, again = await ask(model)
    _, second = await ask(model, followed_by(view_of(), first))
    await model.close()
    assert [reply.calls[0].id for reply in (first, again, second)] == ["call_0_0", "call_0_0", "call_1_0"]


@pytest.mark.parametrize(
    "body",
    [
        stream({"content": "Done."}, done=False),
        stream({"content": "Done."}, finish=None),
        stream({"content": "Done."}, finish="eos"),
        "data: {}\n\n: keep-alive\n\ndata: {\"choices\": []}\n\n" + stream({"content": "Done."}),
        stream({"role": "assistant", "content": None}, {"content": [{"type": "text", "text": "Done."}]}),
        "\ufeff" + stream({"content": "Done."}).replace("\n", "\r\n"),
    ],
    ids=["no [DONE]", "no reason", "odd reason", "empty chunks", "content in parts", "CRLF and a byte order mark"],
)  # fmt: skip
async def test_streams_with_odd_but_complete_endings_are_replies(server: ModelServer, body: str) -> None:
    base_url = server.script(raw(body))
    model = model_at(base_url, "chat")
    _, reply = await ask(model)
    await model.close()
    assert (reply.text, reply.stop) == ("Done.", "end")
    assert reply.usage.input_tokens == len(server.requests_to(base_url)[0].raw) // 4, "estimated where none is sent"


async def test_a_document_instead_of_a_stream_is_accepted(server: ModelServer) -> None:
    turn = calls_all(("shell", {"command": "ls"}), say="Hi.", reasoning="Hm.", plain=True)
    model = model_at(server.script(turn), "chat")
    _, reply = await ask(model)
    await model.close()
    assert (reply.text, len(reply.calls), reply.stop) == ("Hi.", 1, "calls")


@pytest.mark.parametrize(
    ("finish", "stop"), [("length", "length"), ("content_filter", "refusal"), ("function_call", "end")]
)
async def test_the_reason_to_finish_is_told(server: ModelServer, finish: str, stop: str) -> None:
    model = model_at(server.script(raw(stream({"content": "Half"}, finish=finish))), "chat")
    _, reply = await ask(model)
    await model.close()
    assert reply.stop == stop


async def test_a_refusal_is_a_result(server: ModelServer) -> None:
    model = model_at(server.script(raw(stream({"refusal": "No."}))), "chat")
    _, reply = await ask(model)
    await model.close()
    assert (reply.text, reply.stop) == ("No.", "refusal")


async def test_fields_of_the_servers_own_are_kept_and_given_back(server: ModelServer) -> None:
    signed = piece(0, "a", "shell", "{}")
    signed["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "sig"}}
    detail = {"type": "reasoning.encrypted", "data": "x"}
    base_url = server.script(
        raw(stream({"reasoning": "Hm.", "reasoning_details": [detail]}, signed, finish="tool_calls")), says("Done.")
    )
    model = model_at(base_url, "chat")
    _, first = await ask(model)
    await ask(model, followed_by(view_of(), first))
    await model.close()
    sent = server.requests_to(base_url)[1].body["messages"][2]
    assert sent["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "sig"}}
    assert sent["reasoning_details"] == [detail]


@pytest.mark.parametrize(
    ("error", "expected", "words", "requests"),
    [
        ({"code": 502, "message": "Upstream failed"}, ModelError, "Upstream failed", 5),
        ({"code": 400, "message": "Odd parameter"}, ModelError, "refused the request: Odd parameter", 1),
        ({"code": 400, "message": "maximum context length is 4096 tokens"}, ContextTooLong, "too long", 1),
    ],
)
async def test_an_error_inside_the_stream_is_an_error(
    server: ModelServer, error: dict[str, Any], expected: type[ModelError], words: str, requests: int
) -> None:
    body = stream({"content": "Half"}, finish=None, done=False) + f"data: {json.dumps({'error': error})}\n\n"
    base_url = server.script(raw(body))
    model = model_at(base_url, "chat")
    with pytest.raises(expected, match=words):
        await ask(model)
    await model.close()
    assert len(server.requests_to(base_url)) == requests


async def test_a_connection_that_breaks_after_the_reply_is_complete_does_no_harm(server: ModelServer) -> None:
    base_url = server.script(cut_after(4, times=-1), says("Done."))
    model = model_at(base_url, "chat")
    _, reply = await ask(model)
    await model.close()
    assert (reply.text, reply.stop) == ("Done.", "end")
    assert len(server.requests_to(base_url)) == 1
