"""Anthropic Messages, streaming, at Anthropic itself and wherever else only the address and the key differ.

The native items of a reply are its content blocks as they came: thinking with its signature and redacted thinking are
given back unchanged, because the API refuses a conversation whose thinking was touched.

Where the provider places its cache marks itself (`automatic`) they are asked for once, before the conversation. Where
it does not (`blocks`) they stand at the end of the last two messages of the person's side, and move on with them; the
text before them stays the same bytes, which is what the cache is found by.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from midwatch.domain.conversation import (
    Answered,
    Delta,
    Image,
    Item,
    Replied,
    Reply,
    Said,
    ToolCall,
    ToolSpec,
    Usage,
    View,
)
from midwatch.models.blocks import Blocks
from midwatch.models.card import CallIds, count, estimated, instructed, is_object, request, shown
from midwatch.models.refusals import from_event
from midwatch.models.retry import Passing
from midwatch.models.transport import DONE, Events
from midwatch.models.wire import WireModel

WIRE = "messages"

_MARK = {"type": "ephemeral"}
_MARKED_MESSAGES = 2
"""The newest, and the one before it: where the newest has more blocks than the cache looks back over."""

_STOPS = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",  # the reply is to be asked on, which is what a cut one is, too
    "refusal": "refusal",
}
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192}
_LARGEST_BUDGET = 16_384
_LEAST_BUDGET = 1024
"""Tokens: fewer are refused."""


class MessagesModel(WireModel):
    """A model that is asked by `POST base_url/messages`."""

    wire = WIRE
    path = "/messages"
    # What we send is the same in the version of 2026, which not every server knows yet.
    headers: ClassVar[Mapping[str, str]] = {"anthropic-version": "2023-06-01"}

    def _body(self, view: View, tools: Sequence[ToolSpec], max_output: int) -> bytes:
        card = self._card
        head = card.head()
        system: dict[str, Any] = {"type": "text", "text": instructed(card, view)}
        if card.cache_marks == "automatic":
            head["cache_control"] = _MARK
        if card.cache_marks != "none":
            system["cache_control"] = _MARK  # tools and instructions are the same for every task
        if tools:
            head["tools"] = [_tool(tool) for tool in tools]
        head["system"] = [system]
        messages = list(self._messages(view.items))
        if card.cache_marks == "blocks":
            _mark(messages)
        tail: dict[str, Any] = {"max_tokens": max_output}
        config: dict[str, Any] = {}
        if view.schema and card.output_schema:
            config["format"] = {"type": "json_schema", "schema": dict(view.schema)}
        if card.thinking == "adaptive" and card.effort != "none":
            head["thinking"] = {"type": "adaptive"}
            if card.effort:
                config["effort"] = card.effort
        elif card.effort and card.effort != "none":
            budget = min(_BUDGETS.get(card.effort, _LARGEST_BUDGET), max_output // 2)
            if budget >= _LEAST_BUDGET:
                tail["thinking"] = {"type": "enabled", "budget_tokens": budget}
        if config:
            tail["output_config"] = config
        return request(head, "messages", messages, tail)

    def _messages(self, items: Sequence[Item]) -> Iterator[dict[str, Any]]:
        """The history: what is said and answered between two replies is one message."""
        gathered: list[dict[str, Any]] = []
        for item in items:
            if isinstance(item, Said):
                gathered += self._said(item.text, item.images)
            elif isinstance(item, Answered):
                content = self._said(item.output, item.images) if item.images else item.output
                block = {"type": "tool_result", "tool_use_id": _id(item.call_id), "content": content}
                gathered.append(block if item.ok else {**block, "is_error": True})
            else:
                if gathered:
                    yield {"role": "user", "content": gathered}
                    gathered = []
                blocks = list(_native(item) if self._is_own(item) else _converted(item))
                if blocks:
                    yield {"role": "assistant", "content": blocks}
        if gathered:
            yield {"role": "user", "content": gathered}

    def _said(self, text: str, images: Sequence[Image]) -> list[dict[str, Any]]:
        text, images = shown(self._card, text, images)
        blocks: list[dict[str, Any]] = [{"type": "text", "text": text if text.strip() else "(nothing)"}]
        for image in images:
            source = {"type": "base64", "media_type": image.media_type, "data": image.data}
            blocks.append({"type": "image", "source": source})
        return blocks

    async def _read(self, view: View, size: int, events: Events) -> AsyncGenerator[Delta | Reply]:
        """Deltas as they come; the reply when the message has been stopped."""
        blocks = Blocks()
        async for event in events:
            kind = event.get("type")
            if kind == "error" or (not kind and event.get("error")):
                raise from_event(self._asked, event.get("error") or event)
            if kind == "message":
                blocks.document(event)
            for delta in blocks.add(event):
                yield delta
            if kind in ("message", "message_stop") or (event is DONE and blocks.stop):
                break
        if not blocks.stop:
            raise Passing(f"{self._asked.endpoint.shown} ended its stream before the answer was complete")
        yield self._reply(view, size, blocks)

    def _reply(self, view: View, size: int, blocks: Blocks) -> Reply:
        ids = CallIds(view)
        items: list[dict[str, Any]] = []
        calls: list[ToolCall] = []
        for block, written in blocks.finished():
            if block.get("type") == "tool_use":
                block["id"] = ids.take(block.get("id"))
                calls.append(ToolCall(block["id"], str(block.get("name") or ""), written))
            items.append(block)
        text = "\n\n".join(str(b["text"]) for b in items if b.get("type") == "text" and b.get("text"))
        usage = _usage(blocks.usage) or estimated(size, text, *(call.arguments for call in calls))
        stop = _STOPS.get(blocks.stop) or ("calls" if calls else "end")
        return Reply(self.name, WIRE, text, tuple(calls), tuple(items), usage, stop)


def _tool(tool: ToolSpec) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)}


def _id(call_id: str) -> str:
    """Ids that came from another wire may hold what this one refuses."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", call_id)


def _native(reply: Replied) -> Iterator[Mapping[str, Any]]:
    """The blocks as they came, without those that are refused when they are given back: blank text, thinking that
    was cut before its signature, and thinking that nothing followed."""
    blocks = [block for block in reply.items if _can_go_back(block)]
    while blocks and blocks[-1].get("type") in ("thinking", "redacted_thinking"):
        blocks.pop()
    for block in blocks:
        yield {**block, "id": _id(block["id"])} if block.get("type") == "tool_use" else block


def _can_go_back(block: Mapping[str, Any]) -> bool:
    if block.get("type") == "text":
        return bool(str(block.get("text") or "").strip())
    return block.get("type") != "thinking" or bool(block.get("signature"))


def _converted(reply: Replied) -> Iterator[Mapping[str, Any]]:
    """A reply that came over another wire, or from another model."""
    if reply.text.strip():
        yield {"type": "text", "text": reply.text}
    for call in reply.calls:
        given = json.loads(call.arguments) if is_object(call.arguments) else {"malformed_arguments": call.arguments}
        yield {"type": "tool_use", "id": _id(call.id), "name": call.name, "input": given}


def _mark(messages: Sequence[dict[str, Any]]) -> None:
    """Mark the end of the newest messages of the person's side; as the last key, so that what precedes it is the same
    with and without."""
    ours = [message for message in messages if message["role"] == "user"]
    for message in ours[-_MARKED_MESSAGES:]:
        message["content"][-1] = {**message["content"][-1], "cache_control": _MARK}


def _usage(value: Mapping[str, Any]) -> Usage | None:
    """This API counts what was read from and written to the cache beside `input_tokens`, not in it."""
    read, written = count(value, "cache_read_input_tokens"), count(value, "cache_creation_input_tokens")
    whole = count(value, "input_tokens") + read + written
    if not whole:
        return None
    return Usage(
        input_tokens=whole,
        cached_input_tokens=read,
        cache_write_tokens=written,
        output_tokens=count(value, "output_tokens"),
        reasoning_tokens=count(value, "output_tokens_details", "thinking_tokens"),
    )
