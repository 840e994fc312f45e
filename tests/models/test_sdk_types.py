"""The providers' own SDKs read what we send, and read the same out of an answer as we do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from midwatch.domain.conversation import Answered, Delta, Replied, Reply, Said, ToolCall, View
from midwatch.models.base import Model
from midwatch.models.config import build, load_models
from midwatch.tools.toolset import default_tools
from tests.support.asking import ask, view_of
from tests.support.model_server import ModelServer, calls_all, says
from tests.support.shapes import faults

CALLS = (ToolCall("call_1", "shell", '{"command":"ls"}'), ToolCall("call_2", "apply_patch", '{"pat'))
RESULTS = (Answered("call_1", "shell", "a.py", True), Answered("call_2", "apply_patch", "bad", False))
PATCH = "*** Begin Patch\n*** Delete File: a\n*** End Patch"
ITEMS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "responses": (
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}],
         "encrypted_content": "opaque"},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": "Looking.", "annotations": [], "logprobs": []}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_3", "name": "shell", "arguments": "{}",
         "status": "completed"},
        {"type": "custom_tool_call", "id": "ctc_1", "call_id": "call_4", "name": "apply_patch", "input": PATCH},
    ),
    "chat": (
        {"role": "assistant", "content": "Looking.", "tool_calls": [
            {"id": "call_3", "type": "function", "function": {"name": "shell", "arguments": "{}"}},
            {"id": "call_4", "type": "function", "function": {"name": "apply_patch", "arguments": "{}"}},
        ]},
    ),
    "messages": (
        {"type": "thinking", "thinking": "Hm.", "signature": "signed"},
        {"type": "redacted_thinking", "data": "opaque"},
        {"type": "text", "text": "Looking.", "citations": None},
        {"type": "tool_use", "id": "call_3", "name": "shell", "input": {"command": "ls"}},
        {"type": "tool_use", "id": "call_4", "name": "apply_patch", "input": {"patch": PATCH}},
    ),
}  # fmt: skip
WIRES = pytest.mark.parametrize("wire", list(ITEMS))
MODELS = {"responses": "openai/gpt-5", "chat": "openai/gpt-5", "messages": "anthropic/claude-opus-5"}
KEY = "key-0123456789"


def conversation(wire: str) -> View:
    """One that holds every kind of item: native ones, some of another wire, words, results, failures."""
    native = Replied(wire, "Looking.", (), ITEMS[wire])
    answers = (Answered("call_3", "shell", "out", True), Answered("call_4", "apply_patch", "", True))
    other = Replied("elsewhere", "Now this.", CALLS, ())
    return view_of(native, *answers, Said("Go on."), other, *RESULTS, Said("And on."))


def at(base_url: str, wire: str, name: str, **fields: Any) -> Model:
    """A model at the server, over that wire."""
    provider = name.partition("/")[0]
    values = {"providers": {provider: {"base_url": base_url, "wire": wire, **fields}}}
    return build(name, load_models(values, {"MIDWATCH_API_KEY": KEY}))


def type_of_body(wire: str) -> Any:
    """What the SDK calls the body of a streaming request."""
    if wire == "responses":
        from openai.types.responses import response_create_params

        return response_create_params.ResponseCreateParamsStreaming
    if wire == "chat":
        from openai.types.chat import completion_create_params

        return completion_create_params.CompletionCreateParamsStreaming
    from anthropic.types import message_create_params

    return message_create_params.MessageCreateParamsStreaming


@WIRES
@pytest.mark.parametrize(
    "fields",
    [{}, {"reasoning_effort": "high", "prompt_cache_key": True}, {"cache_marks": "blocks"}],
    ids=lambda fields: "+".join(fields) or "plain",
)
async def test_a_request_has_the_shape_that_the_sdk_describes(
    server: ModelServer, wire: str, fields: Mapping[str, Any]
) -> None:
    names = {MODELS[wire], "anthropic/claude-sonnet-4-5" if wire == "messages" else "openai/gpt-4.1"}
    for name in names:
        base_url = server.script(says("Done."))
        model = at(base_url, wire, name, **fields)
        await ask(model, conversation(wire), default_tools().specs)
        await model.close()
        (request,) = server.requests_to(base_url)
        assert faults(request.body, type_of_body(wire)) == []


async def test_a_request_that_the_sdk_would_not_describe_is_noticed(server: ModelServer) -> None:
    """The measure itself: each of these is one mistake in a body that is otherwise right."""
    base_url = server.script(says("Done."))
    model = at(base_url, "messages", MODELS["messages"])
    await ask(model, conversation("messages"), default_tools().specs)
    await model.close()
    (request,) = server.requests_to(base_url)
    mistakes = [
        ('"max_tokens"', '"max_tokes"', 2),
        ('"tool_use_id"', '"call_id"', 1),
        ('"thinking","', '"thoughts","', 1),
        ('"is_error":true', '"is_error":"yes"', 1),
    ]
    for right, wrong, least in mistakes:
        text = request.raw.decode()
        assert right in text
        assert len(faults(json.loads(text.replace(right, wrong, 1)), type_of_body("messages"))) >= least, wrong


async def read_by_us(model: Model) -> tuple[list[Delta], Reply]:
    """What the adapter makes of the first turn."""
    answer = await ask(model, view_of(), default_tools().specs)
    await model.close()
    return answer


TURN = calls_all(
    ("shell", {"command": "ls -la 'é'"}), ("update_plan", {"plan": [], "explanation": "“x”"}),
    say="Looking at it.", reasoning="Hm, so.", usage={"input": 1000, "cached": 600, "output": 50},
)  # fmt: skip


async def test_the_openai_sdk_reads_the_same_out_of_responses(server: ModelServer) -> None:
    import openai

    base_url = server.script(TURN)
    _, reply = await read_by_us(at(base_url, "responses", MODELS["responses"]))
    body = server.requests_to(base_url)[0].body
    async with openai.AsyncOpenAI(base_url=base_url, api_key=KEY, max_retries=0) as client:
        events = [event async for event in await client.responses.create(**body)]
    assert server.requests_to(base_url)[1].body == body
    last = events[-1]
    assert last.type == "response.completed"
    theirs = [item.to_dict() for item in last.response.output]
    assert [item["type"] for item in theirs] == [item["type"] for item in reply.items]
    assert [item.get("encrypted_content", "") != "" for item in theirs] == [
        item.get("encrypted_content", "") != "" for item in reply.items
    ]
    assert [(item["name"], item["arguments"]) for item in theirs if item["type"] == "function_call"] == [
        (call.name, call.arguments) for call in reply.calls
    ]
    assert last.response.output_text == reply.text
    assert last.response.usage.input_tokens_details.cached_tokens == reply.usage.cached_input_tokens == 600


async def test_the_openai_sdk_reads_the_same_out_of_chat_completions(server: ModelServer) -> None:
    import openai

    base_url = server.script(TURN)
    _, reply = await read_by_us(at(base_url, "chat", MODELS["chat"]))
    body = server.requests_to(base_url)[0].body
    async with openai.AsyncOpenAI(base_url=base_url, api_key=KEY, max_retries=0) as client:
        chunks = [chunk async for chunk in await client.chat.completions.create(**body)]
    assert server.requests_to(base_url)[1].body == body
    pieces = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert "".join(piece.content or "" for piece in pieces) == reply.text
    calls: dict[int, list[str]] = {}
    for call in (call for piece in pieces for call in piece.tool_calls or []):
        assert call.function is not None
        known = calls.setdefault(call.index, ["", ""])
        known[0] += call.function.name or ""
        known[1] += call.function.arguments or ""
    assert list(calls.values()) == [[call.name, call.arguments] for call in reply.calls]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == reply.usage.input_tokens


async def test_the_anthropic_sdk_reads_the_same_out_of_messages(server: ModelServer) -> None:
    import anthropic

    base_url = server.script(TURN)
    _, reply = await read_by_us(at(base_url, "messages", MODELS["messages"]))
    body = {key: value for key, value in server.requests_to(base_url)[0].body.items() if key != "stream"}
    address = base_url.removesuffix("/v1")
    async with anthropic.AsyncAnthropic(base_url=address, api_key=KEY, max_retries=0) as client:
        async with client.messages.stream(**body) as stream:
            message = await stream.get_final_message()
    first, second = server.requests_to(base_url)
    assert first.body == second.body
    theirs = [block.to_dict() for block in message.content]
    for block in theirs:
        block.pop("id", None)  # the server counts on
        block.pop("signature", None)
    assert theirs == [{k: v for k, v in item.items() if k not in ("id", "signature")} for item in reply.items]
    usage = message.usage
    assert usage.input_tokens + (usage.cache_read_input_tokens or 0) == reply.usage.input_tokens == 1000
