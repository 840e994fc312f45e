"""The bytes of a scripted turn in the wire forms: a list of server-sent events, or one JSON document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Answer = tuple[str, list[str]]
"""Content type, and the pieces of the body."""


def dumps(value: Any) -> str:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def usage_of(turn: Mapping[str, Any], body: Mapping[str, Any]) -> Mapping[str, int] | None:
    """What the turn says; by default a quarter of the request's characters in, and 40 out."""
    if "usage" in turn:
        return turn["usage"]  # type: ignore[no-any-return]
    return {"input": max(1, len(dumps(body)) // 4), "output": 40}


def responses_items(turn: Mapping[str, Any], uid: str) -> list[dict[str, Any]]:
    """The output items of a turn."""
    items: list[dict[str, Any]] = list(turn.get("items", []))
    if turn.get("reasoning"):
        summary = [{"type": "summary_text", "text": turn["reasoning"]}]
        items.append({"type": "reasoning", "id": f"rs_{uid}", "summary": summary, "encrypted_content": f"secret-{uid}"})
    if turn.get("say"):
        kind, key = ("refusal", "refusal") if turn.get("stop") == "refusal" else ("output_text", "text")
        part = {"type": kind, key: turn["say"], **({} if kind == "refusal" else {"annotations": []})}
        items.append(
            {"type": "message", "id": f"msg_{uid}", "role": "assistant", "status": "completed", "content": [part]}
        )
    for number, call in enumerate(turn.get("calls", [])):
        arguments = call["arguments"] if isinstance(call["arguments"], str) else dumps(call["arguments"])
        common = {
            "id": f"fc_{uid}{number}",
            "call_id": f"call_{uid}{number}",
            "name": call["name"],
            "status": "completed",
        }
        items.append({"type": "function_call", **common, "arguments": arguments})
    return items


def responses_answer(body: Mapping[str, Any], turn: Mapping[str, Any], uid: str) -> Answer:
    """As the Responses API would send it."""
    items = responses_items(turn, uid)
    cut = turn.get("stop") == "length"
    response: dict[str, Any] = {
        "id": f"resp_{uid}",
        "object": "response",
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "error": None,
        "model": body.get("model"),
        "output": items,
    }
    usage = usage_of(turn, body)
    if usage is not None:
        response["usage"] = {
            "input_tokens": usage["input"],
            "input_tokens_details": {"cached_tokens": usage.get("cached", 0)},
            "output_tokens": usage["output"],
            "output_tokens_details": {"reasoning_tokens": usage.get("reasoning", 0)},
            "total_tokens": usage["input"] + usage["output"],
        }
    if turn.get("plain") or not body.get("stream"):
        return "application/json", [dumps(response)]
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    events: list[dict[str, Any]] = [{"type": "response.created", "response": begun}]
    for place, item in enumerate(items):
        events += responses_events(place, item)
    events.append({"type": "response.incomplete" if cut else "response.completed", "response": response})
    for number, event in enumerate(events):
        event["sequence_number"] = number
    return "text/event-stream", [f"event: {event['type']}\ndata: {dumps(event)}\n\n" for event in events]


def responses_events(place: int, item: dict[str, Any]) -> list[dict[str, Any]]:
    """The events that one output item streams as."""
    where = {"output_index": place, "item_id": item.get("id", "")}
    begun = {**item, "status": "in_progress"}
    begun.update({key: value for key, value in (("content", []), ("arguments", "")) if key in item})
    events = [{"type": "response.output_item.added", "output_index": place, "item": begun}]
    if item["type"] == "message":
        part = item["content"][0]
        kind = "refusal" if part["type"] == "refusal" else "output_text"
        text = part.get("text", part.get("refusal", ""))
        half = len(text) // 2
        delta = {"type": f"response.{kind}.delta", **where, "content_index": 0}
        events += [{**delta, "delta": piece} for piece in (text[:half], text[half:])]
    elif item["type"] == "function_call":
        half = len(item["arguments"]) // 2
        delta = {"type": "response.function_call_arguments.delta", **where}
        events += [{**delta, "delta": piece} for piece in (item["arguments"][:half], item["arguments"][half:])]
    elif item["type"] == "reasoning" and item.get("summary"):
        text = item["summary"][0]["text"]
        events.append({"type": "response.reasoning_summary_text.delta", **where, "summary_index": 0, "delta": text})
    return [*events, {"type": "response.output_item.done", "output_index": place, "item": item}]


def chat_answer(body: Mapping[str, Any], turn: Mapping[str, Any], uid: str) -> Answer:
    """As Chat Completions would send it."""
    base = {"id": f"chatcmpl-{uid}", "created": 1, "model": body.get("model")}
    made = chat_calls(turn, uid)
    stop = {"length": "length", "refusal": "content_filter"}.get(turn.get("stop", ""), "tool_calls" if made else "stop")
    counted = usage_of(turn, body)
    usage = (
        None
        if counted is None
        else {
            "prompt_tokens": counted["input"],
            "completion_tokens": counted["output"],
            "total_tokens": counted["input"] + counted["output"],
            "prompt_tokens_details": {"cached_tokens": counted.get("cached", 0)},
            "completion_tokens_details": {"reasoning_tokens": counted.get("reasoning", 0)},
        }
    )
    text = turn.get("say") or ""
    if turn.get("plain") or not body.get("stream"):
        message: dict[str, Any] = {"role": "assistant", "content": text or None}
        if turn.get("reasoning"):
            message["reasoning_content"] = turn["reasoning"]
        if made:
            message["tool_calls"] = made
        choice = {"index": 0, "message": message, "finish_reason": stop}
        document = {**base, "object": "chat.completion", "choices": [choice]}
        return "application/json", [dumps({**document, "usage": usage} if usage else document)]
    deltas = chat_deltas(turn, made)
    chunks = [{**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": stop}]})
    if usage and (body.get("stream_options") or {}).get("include_usage"):
        chunks.append({**base, "choices": [], "usage": usage})
    return "text/event-stream", [*(f"data: {dumps(chunk)}\n\n" for chunk in chunks), "data: [DONE]\n\n"]


def chat_calls(turn: Mapping[str, Any], uid: str) -> list[dict[str, Any]]:
    """The tool calls of a turn."""
    made = []
    for number, call in enumerate(turn.get("calls", [])):
        arguments = call["arguments"] if isinstance(call["arguments"], str) else dumps(call["arguments"])
        function = {"name": call["name"], "arguments": arguments}
        made.append({"id": f"call_{uid}{number}", "type": "function", "function": function})
    return made


def chat_deltas(turn: Mapping[str, Any], made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pieces that a turn streams as."""
    text = turn.get("say") or ""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if turn.get("reasoning"):
        deltas.append({"reasoning_content": turn["reasoning"]})
    deltas += [{"content": piece} for piece in (text[: len(text) // 2], text[len(text) // 2 :]) if piece]
    for number, call in enumerate(made):
        arguments = call["function"]["arguments"]
        begun = {**call, "function": {"name": call["function"]["name"], "arguments": ""}}
        deltas.append({"tool_calls": [{"index": number, **begun}]})
        for piece in (arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :]):
            deltas.append({"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
    return deltas


def messages_blocks(turn: Mapping[str, Any], uid: str) -> list[dict[str, Any]]:
    """The content blocks of a turn."""
    blocks: list[dict[str, Any]] = list(turn.get("items", []))
    if turn.get("reasoning"):
        blocks.append({"type": "thinking", "thinking": turn["reasoning"], "signature": f"signed-{uid}"})
    if turn.get("say"):
        blocks.append({"type": "text", "text": turn["say"]})
    for number, call in enumerate(turn.get("calls", [])):
        blocks.append(
            {"type": "tool_use", "id": f"call_{uid}{number}", "name": call["name"], "input": call["arguments"]}
        )
    return blocks


def messages_answer(body: Mapping[str, Any], turn: Mapping[str, Any], uid: str) -> Answer:
    """As Anthropic Messages would send it."""
    blocks = messages_blocks(turn, uid)
    stop = {"length": "max_tokens", "refusal": "refusal"}.get(turn.get("stop", ""))
    stop = stop or ("tool_use" if turn.get("calls") else "end_turn")
    counted = usage_of(turn, body) or {"input": 0, "output": 0}
    read, written = counted.get("cached", 0), counted.get("written", 0)
    usage = {
        "input_tokens": counted["input"] - read - written,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "output_tokens": counted["output"],
    }
    message: dict[str, Any] = {
        "id": f"msg_{uid}",
        "type": "message",
        "role": "assistant",
        "model": body.get("model", ""),
    }
    if turn.get("plain") or not body.get("stream"):
        whole = {**message, "content": blocks, "stop_reason": stop, "stop_sequence": None, "usage": usage}
        return "application/json", [dumps(whole)]
    begun = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": 1},
    }
    events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for place, block in enumerate(blocks):
        events += messages_events(place, block)
    delta = {"stop_reason": stop, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": usage["output_tokens"]}})
    events.append({"type": "message_stop"})
    return "text/event-stream", [f"event: {event['type']}\ndata: {dumps(event)}\n\n" for event in events]


def messages_events(place: int, block: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The events that one content block streams as."""
    begun, deltas = dict(block), list[dict[str, Any]]()
    if block["type"] == "text":
        begun["text"] = ""
        deltas = [{"type": "text_delta", "text": piece} for piece in halves(block["text"])]
    elif block["type"] == "thinking":
        begun |= {"thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in halves(block["thinking"])]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    elif block["type"] == "tool_use":
        begun["input"] = {}
        given = block["input"]
        text = given if isinstance(given, str) else dumps(given)
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *halves(text))]
    return [
        {"type": "content_block_start", "index": place, "content_block": begun},
        *({"type": "content_block_delta", "index": place, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": place},
    ]


def halves(text: str) -> tuple[str, str]:
    """The text in two pieces."""
    return text[: len(text) // 2], text[len(text) // 2 :]
