"""Chat Completions, streaming, as many servers speak it: OpenRouter, Ollama, vLLM, llama.cpp, …

The native item of a reply is the assistant's message, put together from its pieces with every field that the server
added (reasoning, signatures of calls), because some servers want them back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Any

from midwatch.domain.conversation import Answered, Delta, Image, Replied, Reply, Said, ToolCall, ToolSpec, Usage, View
from midwatch.models.card import (
    CallIds,
    answer_schema,
    cache_key,
    count,
    data_url,
    dumps,
    estimated,
    instructed,
    is_object,
    request,
    shown,
)
from midwatch.models.gather import Gathered
from midwatch.models.refusals import from_event
from midwatch.models.retry import Passing
from midwatch.models.transport import DONE, Events
from midwatch.models.wire import WireModel

WIRE = "chat"

AFTER_FINISH_SECONDS = 10.0
"""How long usage is waited for after the reply itself is complete."""

_FILTERED = ("content_filter", "safety", "recitation", "prohibited_content", "blocklist", "spii")
"""How a reason to finish begins where a filter has stopped the reply; Gemini hands its own names through."""

_REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_details")


class ChatModel(WireModel):
    """A model that is asked by `POST base_url/chat/completions`."""

    wire = WIRE
    path = "/chat/completions"

    def _body(self, view: View, tools: Sequence[ToolSpec], max_output: int) -> bytes:
        card = self._card
        head = card.head()
        if card.cache_marks == "automatic":
            head["cache_control"] = {"type": "ephemeral"}
        if card.ask_usage:
            head["stream_options"] = {"include_usage": True}
        if card.effort:
            head["reasoning_effort"] = card.effort
        if card.cache_key:
            head["prompt_cache_key"] = cache_key(card, view, tools)
        if tools:
            head["tools"] = [_tool(tool) for tool in tools]
        messages = [{"role": "system", "content": instructed(card, view)}, *self._messages(view)]
        tail: dict[str, Any] = {card.output_field: max_output}
        if form := answer_schema(card, view):
            tail["response_format"] = {"type": "json_schema", "json_schema": form}
        return request(head, "messages", messages, tail)

    def _messages(self, view: View) -> Iterator[Mapping[str, Any]]:
        pictures: list[Image] = []  # a tool's message holds text alone, and nothing may come between two of them
        for item in view.items:
            if pictures and not isinstance(item, Answered):
                yield self._said("What the calls above show:", pictures)
                pictures = []
            if isinstance(item, Said):
                yield self._said(item.text, item.images)
            elif isinstance(item, Answered):
                text, images = shown(self._card, item.output, item.images)
                pictures += images
                yield {"role": "tool", "tool_call_id": item.call_id, "content": text}
            elif self._is_own(item):
                hidden = () if self._card.return_reasoning else _REASONING_FIELDS
                for message in item.items:
                    yield _readable({key: value for key, value in message.items() if key not in hidden})
            else:
                yield _converted(item)
        if pictures:
            yield self._said("What the calls above show:", pictures)

    def _said(self, text: str, images: Sequence[Image]) -> Mapping[str, Any]:
        text, images = shown(self._card, text, images)
        if not images:
            return {"role": "user", "content": text}
        parts = [{"type": "image_url", "image_url": {"url": data_url(image)}} for image in images]
        return {"role": "user", "content": [{"type": "text", "text": text}, *parts]}

    async def _read(self, view: View, size: int, events: Events) -> AsyncGenerator[Delta | Reply]:
        """Deltas as they come; the reply when a reason to finish has come, and the usage if it comes soon after."""
        gathered = Gathered()
        while (event := await _next(events, gathered.finish)) is not None and event is not DONE:
            if event.get("error") or event.get("object") == "error":
                raise from_event(self._asked, event.get("error") or event)
            for delta in gathered.add(event):
                yield delta
            if gathered.failure:
                raise from_event(self._asked, gathered.failure)
            if gathered.finish and gathered.usage:
                break
        if gathered.finish.lower().endswith("malformed_function_call"):
            raise Passing(f"the model at {self._asked.endpoint.shown} wrote a call that cannot be read")
        if not gathered.finish and (event is None or gathered.empty):
            raise Passing(f"{self._asked.endpoint.shown} ended its stream before the answer was complete")
        yield self._reply(view, size, gathered)

    def _reply(self, view: View, size: int, gathered: Gathered) -> Reply:
        ids = CallIds(view)
        message = gathered.message(ids.take)
        calls = tuple(
            ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
            for call in message.get("tool_calls", ())
        )
        stop = "calls" if calls else "end"
        finish = gathered.finish.lower()
        if finish in ("length", "max_tokens", "model_length"):
            stop = "length"
        elif finish.startswith(_FILTERED) or (gathered.refusal and not calls):
            stop = "refusal"
        text = gathered.text or gathered.refusal
        usage = _usage(gathered.usage)
        if usage is None:
            usage = estimated(size, text, gathered.reasoning, *(call.arguments for call in calls))
        return Reply(self.name, WIRE, text, calls, (message,), usage, stop)


async def _next(events: Events, finish: str) -> Mapping[str, Any] | None:
    """The next event, None at the end. Once the reply is complete nothing that goes wrong counts any more."""
    if not finish:
        return await anext(events, None)
    try:
        async with asyncio.timeout(AFTER_FINISH_SECONDS):
            return await anext(events, None)
    except (TimeoutError, Passing):
        return None


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


def _converted(reply: Replied) -> Mapping[str, Any]:
    """A reply that came over another wire."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in reply.calls
        ]
    elif not reply.text:
        message["content"] = ""
    return _readable(message)


def _readable(message: dict[str, Any]) -> Mapping[str, Any]:
    """The message with arguments that are JSON objects: servers put them through a template, and one malformed call
    in the history would fail every request after it."""
    calls = message.get("tool_calls") or []
    if all(is_object(call["function"]["arguments"]) for call in calls):
        return message
    mended = []
    for call in calls:
        arguments = call["function"]["arguments"]
        if not is_object(arguments):
            arguments = dumps({"malformed_arguments": arguments})
        mended.append({**call, "function": {**call["function"], "arguments": arguments}})
    return {**message, "tool_calls": mended}


def _usage(value: Mapping[str, Any]) -> Usage | None:
    if not count(value, "prompt_tokens"):
        return None
    cached = count(value, "prompt_tokens_details", "cached_tokens") or count(value, "prompt_cache_hit_tokens")
    return Usage(
        input_tokens=count(value, "prompt_tokens"),
        cached_input_tokens=cached,
        cache_write_tokens=count(value, "prompt_tokens_details", "cache_write_tokens"),
        output_tokens=count(value, "completion_tokens"),
        reasoning_tokens=count(value, "completion_tokens_details", "reasoning_tokens"),
    )
