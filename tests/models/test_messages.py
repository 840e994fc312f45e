"""Anthropic Messages at the wire."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from midwatch.domain.conversation import Answered, Replied, Reply, Said, ToolCall, Usage
from midwatch.domain.errors import ModelError
from midwatch.models.base import ContextTooLong, Model
from midwatch.models.config import build, load_models
from tests.support.asking import SHELL, ask, followed_by, model_at, view_of
from tests.support.model_server import ModelServer, calls_all, fails, raw, says

CLAUDE = "anthropic/claude-sonnet-4-5"
MARK = {"type": "ephemeral"}


def stream(*events: object) -> str:
    """A body of server-sent events."""
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events)


def at(base_url: str, name: str = CLAUDE, **fields: object) -> Model:
    """The model at a test server, with these fields of its provider."""
    values = {"providers": {name.partition("/")[0]: {"base_url": base_url, "retry_seconds": 0, **fields}}}
    return build(name, load_models(values, {"ANTHROPIC_API_KEY": "sk-ant-0123456789"}))


async def sent_by(server: ModelServer, model_name: str = CLAUDE, max_output: int = 9000, **fields: object) -> Any:
    """The body of the first request."""
    base_url = server.script(says("Done."))
    model = at(base_url, model_name, **fields)
    await ask(model, max_output=max_output)
    await model.close()
    return server.requests_to(base_url)[0].body


async def test_a_reply_carries_text_calls_usage_and_the_blocks_as_they_came(server: ModelServer) -> None:
    hidden = {"type": "redacted_thinking", "data": "b3BhcXVl"}
    turn = calls_all(
        ("shell", {"command": "ls"}), ("shell", {"command": "pwd"}), say="Looking.", reasoning="Hm.", items=[hidden],
        usage={"input": 1000, "cached": 700, "written": 200, "output": 50},
    )  # fmt: skip
    model = at(server.script(turn))
    deltas, reply = await ask(model)
    await model.close()
    assert reply.text == "Looking."
    assert [json.loads(call.arguments)["command"] for call in reply.calls] == ["ls", "pwd"]
    assert [item["type"] for item in reply.items] == ["redacted_thinking", "thinking", "text", "tool_use", "tool_use"]
    assert reply.items[0] == hidden
    assert reply.items[1]["signature"].startswith("signed-")
    assert reply.usage == Usage(1000, 700, 200, 50, 0)
    assert (reply.stop, reply.wire, reply.model) == ("calls", "messages", CLAUDE)
    shown = {kind: "".join(d.text for d in deltas if d.kind == kind) for kind in ("text", "reasoning", "call")}
    assert shown == {
        "text": "Looking.",
        "reasoning": "Hm.",
        "call": 'shell {"command":"ls"}shell {"command":"pwd"}',
    }


async def test_the_request_has_the_key_the_version_and_the_tools_before_the_messages(server: ModelServer) -> None:
    base_url = server.script(says("Done."))
    model = at(base_url)
    await ask(model, max_output=500)
    await model.close()
    (request,) = server.requests_to(base_url)
    assert request.path.endswith("/v1/messages")
    assert request.headers["x-api-key"] == "sk-ant-0123456789"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in request.headers
    assert request.body == {
        "model": "claude-sonnet-4-5",
        "stream": True,
        "cache_control": MARK,
        "tools": [{"name": "shell", "description": SHELL.description, "input_schema": SHELL.parameters}],
        "system": [{"type": "text", "text": "Do it well.", "cache_control": MARK}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Fix the sign."}]}],
        "max_tokens": 500,
    }
    assert list(request.body).index("tools") < list(request.body).index("messages")


async def test_a_token_of_the_environment_is_sent_as_a_bearer_when_there_is_no_key(server: ModelServer) -> None:
    base_url = server.script(says("Done."), name="gateway")
    environ = {"ANTHROPIC_AUTH_TOKEN": "token-0123456789", "ANTHROPIC_BASE_URL": base_url.removesuffix("/v1")}
    model = build(CLAUDE, load_models({}, environ))
    await ask(model)
    await model.close()
    headers = server.requests_to(base_url)[-1].headers
    assert headers["authorization"] == "Bearer token-0123456789"
    assert "x-api-key" not in headers


async def test_results_are_one_message_with_their_calls_ids_and_failures_are_marked(server: ModelServer) -> None:
    base_url = server.script(calls_all(("shell", {"command": "ls"}), ("shell", {"command": "x"}), say="A"), says("B"))
    model = at(base_url)
    _, first = await ask(model)
    answers = (Answered(first.calls[0].id, "shell", "a.py", True), Answered(first.calls[1].id, "shell", "no", False))
    told = Replied(first.wire, first.text, first.calls, first.items, first.model)
    await ask(model, view_of(told, *answers, Said("Hurry.")))
    await model.close()
    messages = server.requests_to(base_url)[1].body["messages"]
    assert messages[1] == {"role": "assistant", "content": list(first.items)}
    assert messages[2] == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": first.calls[0].id, "content": "a.py"},
            {"type": "tool_result", "tool_use_id": first.calls[1].id, "content": "no", "is_error": True},
            {"type": "text", "text": "Hurry."},
        ],
    }


async def test_marks_that_we_place_stand_at_the_end_of_the_last_two_messages_and_the_text_before_them_stays(
    server: ModelServer,
) -> None:
    script = [calls_all(("shell", {"command": f"echo é {n}"}), say=f"Step {n}.", reasoning="So.") for n in range(4)]
    base_url = server.script(*script, says("Done."))
    model = at(base_url, cache_marks="blocks")
    view = view_of()
    for _ in range(5):
        _, reply = await ask(model, view)
        view = followed_by(view, reply, "out")
    await model.close()
    requests = server.requests_to(base_url)
    for request in requests:
        assert "cache_control" not in request.body
        ours = [message["content"][-1] for message in request.body["messages"] if message["role"] == "user"]
        assert all("cache_control" in block for block in ours[-2:])
        assert not any("cache_control" in block for block in ours[:-2])
        assert request.raw.count(b'"cache_control"') <= 4
    mark = b',"cache_control":{"type":"ephemeral"}'
    for earlier, later in itertools.pairwise(request.raw for request in requests):
        assert later.replace(mark, b"").startswith(earlier.replace(mark, b"").rpartition(b']}],"max_tokens"')[0])
        assert later.startswith(earlier[: earlier.index(mark, earlier.index(b'"messages"'))])


async def test_no_marks_are_sent_where_the_settings_say_so(server: ModelServer) -> None:
    assert "cache_control" not in json.dumps(await sent_by(server, cache_marks="none"))


@pytest.mark.parametrize(
    ("model", "effort", "max_output", "expected"),
    [
        ("anthropic/claude-sonnet-4-5", None, 9000, {}),
        ("anthropic/claude-sonnet-4-5", "low", 9000, {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        ("anthropic/claude-sonnet-4-5", "high", 9000, {"thinking": {"type": "enabled", "budget_tokens": 4500}}),
        ("anthropic/claude-sonnet-4-5", "high", 1500, {}),
        ("anthropic/claude-opus-5", None, 9000, {"thinking": {"type": "adaptive"}}),
        ("anthropic/claude-opus-5", "none", 9000, {}),
        (
            "anthropic/claude-opus-5",
            "xhigh",
            9000,
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}},
        ),
    ],
)
async def test_thinking_is_asked_for_in_the_way_that_the_model_takes(
    server: ModelServer, model: str, effort: str | None, max_output: int, expected: dict[str, Any]
) -> None:
    body = await sent_by(server, model, max_output, **({"reasoning_effort": effort} if effort else {}))
    assert {key: body[key] for key in ("thinking", "output_config") if key in body} == expected


async def test_a_path_that_holds_the_model_and_further_fields_serve_platforms_that_differ_in_the_address(
    server: ModelServer,
) -> None:
    base_url = server.script(says("Done."), name="platform")
    values = {"providers": {"vertex": {"base_url": base_url}}}
    environ = {"GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.0123456789", "ANTHROPIC_VERTEX_PROJECT_ID": "p"}
    model = build("vertex/claude-sonnet-4-5@20250929", load_models(values, environ))
    _, reply = await ask(model)
    await model.close()
    request = server.requests_to(base_url)[-1]
    assert reply.text == "Done."
    assert request.path.endswith("/v1/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict")
    assert "model" not in request.body
    assert request.body["anthropic_version"] == "vertex-2023-10-16"
    assert request.headers["authorization"] == "Bearer ya29.0123456789"
    assert "cache_control" not in request.body
    assert request.body["messages"][-1]["content"][-1]["cache_control"] == MARK


async def test_a_reply_of_another_wire_or_model_is_put_into_this_wires_words(server: ModelServer) -> None:
    calls = (ToolCall("call_1|fc.2", "shell", '{"command":"ls"}'), ToolCall("call_2", "shell", '{"comm'))
    other = Replied("chat", "Looking.", calls, ({"role": "assistant", "content": "Looking."},))
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "of another"}
    stranger = Replied("messages", "Hi.", (), (thought, {"type": "text", "text": "Hi."}), "bedrock/claude")
    base_url = server.script(says("Done."))
    model = at(base_url)
    results = (Answered("call_1|fc.2", "shell", "a.py", True), Answered("call_2", "shell", "bad", False))
    await ask(model, view_of(other, *results, stranger, Said("Go on.")))
    await model.close()
    messages = server.requests_to(base_url)[0].body["messages"]
    assert messages[1]["content"] == [
        {"type": "text", "text": "Looking."},
        {"type": "tool_use", "id": "call_1_fc_2", "name": "shell", "input": {"command": "ls"}},
        {"type": "tool_use", "id": "call_2", "name": "shell", "input": {"malformed_arguments": '{"comm'}},
    ]
    assert messages[2]["content"][0]["tool_use_id"] == "call_1_fc_2"
    assert messages[3]["content"] == [{"type": "text", "text": "Hi."}]


async def test_blocks_that_would_be_refused_are_not_given_back(server: ModelServer) -> None:
    signed = {"type": "thinking", "thinking": "Hm.", "signature": "s"}
    unsigned = {"type": "thinking", "thinking": "cut", "signature": ""}
    text = {"type": "text", "text": "Hi."}
    mixed = Replied("messages", "Hi.", (), (unsigned, signed, {"type": "text", "text": " \n"}, text, signed))
    cut = Replied("messages", "", (), (signed,))
    base_url = server.script(says("Done."))
    model = at(base_url)
    await ask(model, view_of(mixed, Said("Go on."), cut, Said("")))
    await model.close()
    messages = server.requests_to(base_url)[0].body["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user", "user"]
    assert messages[1]["content"] == [signed, text]
    assert messages[3]["content"] == [{"type": "text", "text": "(nothing)"}]


async def test_arguments_that_are_no_object_reach_the_tool_as_written_and_go_back_as_an_object(
    server: ModelServer,
) -> None:
    base_url = server.script({"calls": [{"name": "shell", "arguments": '{"command": "ls'}]}, says("Done."))
    model = at(base_url)
    _, first = await ask(model)
    await ask(model, followed_by(view_of(), first))
    await model.close()
    assert first.calls[0].arguments == '{"command": "ls'
    block = server.requests_to(base_url)[1].body["messages"][1]["content"][0]
    assert block["input"] == {"malformed_arguments": '{"command": "ls'}


async def test_calls_with_an_id_of_an_earlier_turn_get_a_new_one(server: ModelServer) -> None:
    block = {"type": "tool_use", "id": "toolu_1", "name": "shell", "input": {"command": "ls"}}
    base_url = server.script(says("", items=[block]), says("", items=[block]), says("Done."))
    model = at(base_url)
    _, first = await ask(model)
    view = followed_by(view_of(), first)
    _, second = await ask(model, view)
    await ask(model, followed_by(view, second))
    await model.close()
    assert [call.id for call in (*first.calls, *second.calls)] == ["toolu_1", "call_1_0"]
    messages = server.requests_to(base_url)[2].body["messages"]
    assert messages[3]["content"][0]["id"] == messages[4]["content"][0]["tool_use_id"] == "call_1_0"


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("end_turn", "end"),
        ("stop_sequence", "end"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "length"),
        ("refusal", "refusal"),
    ],
)
async def test_the_reason_to_stop_is_told(server: ModelServer, reason: str, stop: str) -> None:
    body = stream(
        {"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 9, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi."}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": reason},
            "usage": {"input_tokens": None, "output_tokens": 7},
        },
        {"type": "message_stop"},
    )
    model = at(server.script(raw(body)))
    _, reply = await ask(model)
    await model.close()
    assert (reply.text, reply.stop, reply.usage) == ("Hi.", stop, Usage(9, 0, 0, 7, 0))


async def test_a_document_instead_of_a_stream_is_accepted(server: ModelServer) -> None:
    model = at(server.script(calls_all(("shell", {"command": "ls"}), say="Hi.", plain=True)))
    _, reply = await ask(model)
    await model.close()
    assert (reply.text, len(reply.calls), reply.stop) == ("Hi.", 1, "calls")
    assert json.loads(reply.calls[0].arguments) == {"command": "ls"}


@pytest.mark.parametrize(
    ("status", "error", "expected", "words"),
    [
        (400, {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum"}, ContextTooLong,
         "too long for claude-sonnet-4-5"),
        (400, {"type": "invalid_request_error", "message": "input length and `max_tokens` exceed context limit"},
         ContextTooLong, "too long for"),
        (413, {"type": "request_too_large", "message": "Request exceeds the maximum size"}, ContextTooLong, "too long"),
        (400, {"type": "invalid_request_error", "message": "Your credit balance is too low to access it"}, ModelError,
         "no credit left"),
        (404, {"type": "not_found_error", "message": "model: claude-sonnet-4-5"}, ModelError, "has no model"),
        (401, {"type": "authentication_error", "message": "invalid x-api-key"}, ModelError,
         "the key in ANTHROPIC_API_KEY was refused"),
        (400, {"type": "invalid_request_error", "message": "tools.0: nonsense"}, ModelError, "tools.0: nonsense"),
    ],
)  # fmt: skip
async def test_an_error_that_will_not_pass_is_told_at_once(
    server: ModelServer, status: int, error: dict[str, str], expected: type[ModelError], words: str
) -> None:
    base_url = server.script(fails(status, error["message"], times=-1, type=error["type"]))
    model = at(base_url)
    with pytest.raises(expected, match=words):
        await ask(model)
    await model.close()
    assert len(server.requests_to(base_url)) == 1


@pytest.mark.parametrize("kind", ["overloaded_error", "api_error", "rate_limit_error", "timeout_error"])
async def test_an_error_in_the_stream_that_may_pass_is_asked_again(server: ModelServer, kind: str) -> None:
    started = {"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 9}}}
    event = {"type": "error", "error": {"type": kind, "message": "Try later"}}
    base_url = server.script(raw(stream(started, event)))
    model = at(base_url)
    with pytest.raises(ModelError, match=r"Try later \(5 attempts\)") as raised:
        await ask(model)
    await model.close()
    assert raised.value.retryable
    assert len(server.requests_to(base_url)) == 5


async def test_the_wire_can_be_chosen_for_any_provider(server: ModelServer) -> None:
    base_url = server.script(says("Done."))
    model = model_at(base_url, "messages", "vllm/qwen3")
    _, reply = await ask(model)
    await model.close()
    assert isinstance(reply, Reply)
    (request,) = server.requests_to(base_url)
    assert "cache_control" not in request.body
    assert "authorization" not in request.headers
