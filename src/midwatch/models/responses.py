"""The OpenAI Responses API, streaming and stateless: the whole conversation goes with each request, and nothing is
stored at the provider. What the model says is kept item by item as it came (encrypted reasoning among it) and given
back so.
"""

from __future__ import annotations

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
    request,
    shown,
)
from midwatch.models.refusals import from_event
from midwatch.models.retry import Passing
from midwatch.models.transport import Events
from midwatch.models.wire import WireModel

WIRE = "responses"

_DELTAS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "text",
    "response.reasoning_summary_text.delta": "reasoning",
    "response.reasoning_text.delta": "reasoning",
    "response.function_call_arguments.delta": "call",
    "response.custom_tool_call_input.delta": "call",
}
_ENDS = {"response.completed", "response.incomplete", "response.done"}


class ResponsesModel(WireModel):
    """A model that is asked by `POST base_url/responses`."""

    wire = WIRE
    path = "/responses"

    def _body(self, view: View, tools: Sequence[ToolSpec], max_output: int) -> bytes:
        card = self._card
        head = {**card.head(), "store": False}
        if card.reasoning:
            head["include"] = ["reasoning.encrypted_content"]
        if card.effort:
            head["reasoning"] = {"effort": card.effort}
        if card.cache_key:
            head["prompt_cache_key"] = cache_key(card, view, tools)
        head["instructions"] = instructed(card, view)
        if tools:
            head["parallel_tool_calls"] = True
            head["tools"] = [_custom(tool) if card.custom_tools and tool.grammar else _tool(tool) for tool in tools]
        tail: dict[str, Any] = {"max_output_tokens": max_output}
        if form := answer_schema(card, view):
            tail["text"] = {"format": {"type": "json_schema", **form}}
        return request(head, "input", list(self._input(view)), tail)

    def _input(self, view: View) -> Iterator[Mapping[str, Any]]:
        """The history as input items."""
        custom: set[str] = set()
        for item in view.items:
            if isinstance(item, Said):
                yield {"type": "message", "role": "user", "content": self._parts(item.text, item.images)}
            elif isinstance(item, Answered):
                kind = "custom_tool_call_output" if item.call_id in custom else "function_call_output"
                output = self._parts(item.output, item.images) if item.images else item.output
                yield {"type": kind, "call_id": item.call_id, "output": output}
            elif self._is_own(item):
                custom |= {str(one.get("call_id")) for one in item.items if one.get("type") == "custom_tool_call"}
                yield from _native(item)
            else:
                yield from _converted(item)

    def _parts(self, text: str, images: Sequence[Image]) -> list[dict[str, Any]]:
        text, images = shown(self._card, text, images)
        parts: list[dict[str, Any]] = [{"type": "input_text", "text": text}]
        return parts + [{"type": "input_image", "image_url": data_url(one), "detail": "auto"} for one in images]

    async def _read(self, view: View, size: int, events: Events) -> AsyncGenerator[Delta | Reply]:
        """Deltas as they come; the reply when the terminal event has come."""
        done: dict[int, dict[str, Any]] = {}
        async for event in events:
            kind = str(event.get("type") or "")
            if kind in _DELTAS:
                if text := event.get("delta"):
                    yield Delta(_DELTAS[kind], str(text))
            elif kind == "response.output_item.added":
                if name := _part(event, "item").get("name"):
                    yield Delta("call", f"{name} ")
            elif kind == "response.output_item.done":
                place = event.get("output_index")
                done[place if isinstance(place, int) else len(done)] = _part(event, "item")
            elif kind in _ENDS:
                yield self._reply(view, size, _part(event, "response"), [done[place] for place in sorted(done)])
                return
            elif kind == "response.failed":
                raise from_event(self._asked, _part(event, "response").get("error") or {})
            elif kind == "error" or (not kind and event.get("error")):
                raise from_event(self._asked, event.get("error") or event)
            elif event.get("object") == "response":  # one document instead of a stream
                if event.get("status") == "failed" or event.get("error"):
                    raise from_event(self._asked, event.get("error") or {})
                yield self._reply(view, size, dict(event), [])
                return
        raise Passing(f"{self._asked.endpoint.shown} ended its stream before the answer was complete")

    def _reply(self, view: View, size: int, response: dict[str, Any], done: list[dict[str, Any]]) -> Reply:
        # The last event repeats all items, but some servers leave its list empty.
        output = response.get("output")
        items = done or [item for item in (output if isinstance(output, list) else []) if isinstance(item, dict)]
        ids = CallIds(view)
        calls: list[ToolCall] = []
        texts: list[str] = []
        refused = False
        for number, item in enumerate(items):
            if item.get("type") in ("function_call", "custom_tool_call"):
                taken = ids.take(item.get("call_id") or item.get("id"))
                if item.get("call_id") != taken:
                    items[number] = item = {**item, "call_id": taken}
                calls.append(ToolCall(taken, str(item.get("name") or ""), _arguments(item)))
            elif item.get("type") == "message":
                text, refusal = _said(item)
                texts.append(text)
                refused = refused or refusal
        why = str(_part(response, "incomplete_details").get("reason") or "")
        if response.get("status") == "incomplete" or why:
            stop = "refusal" if why == "content_filter" else "length"
        else:
            stop = "calls" if calls else "refusal" if refused else "end"
        text = "\n\n".join(filter(None, texts))
        usage = _usage(response.get("usage")) or estimated(size, text, *(call.arguments for call in calls))
        return Reply(self.name, WIRE, text, tuple(calls), tuple(items), usage, stop)


def _tool(tool: ToolSpec) -> dict[str, Any]:
    parameters = dict(tool.parameters)
    # Where `strict` is left out this API makes every parameter required.
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": parameters,
        "strict": False,
    }


def _custom(tool: ToolSpec) -> dict[str, Any]:
    form = {"type": "grammar", "syntax": "lark", "definition": tool.grammar}
    return {"type": "custom", "name": tool.name, "description": tool.description, "format": form}


def _native(reply: Replied) -> Iterator[Mapping[str, Any]]:
    """The items as they came, without reasoning that cannot be given back: an id alone means nothing to a provider
    that stores nothing, and reasoning that no message or call followed (a cut reply) is refused."""
    items = list(reply.items)
    while items and items[-1].get("type") == "reasoning":
        items.pop()
    for item in items:
        if item.get("type") == "reasoning" and not item.get("encrypted_content") and not item.get("content"):
            continue
        yield item


def _converted(reply: Replied) -> Iterator[Mapping[str, Any]]:
    """A reply of another model. Its messages can be given back where they have this form."""
    messages = [item for item in reply.items if item.get("type") == "message"] if reply.wire == WIRE else []
    yield from messages
    if reply.text and not messages:
        yield {"type": "message", "role": "assistant", "content": reply.text}
    for call in reply.calls:
        yield {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}


def _part(event: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = event.get(key)
    return value if isinstance(value, dict) else {}


def _arguments(item: Mapping[str, Any]) -> str:
    if item.get("type") == "custom_tool_call":
        return dumps({"input": item.get("input") or ""})
    arguments = item.get("arguments")
    return arguments if isinstance(arguments, str) and arguments else dumps(arguments or {})


def _said(message: Mapping[str, Any]) -> tuple[str, bool]:
    """The words of a message, and whether they are a refusal."""
    content = message.get("content")
    if isinstance(content, str):
        return content, False
    parts = [part for part in (content if isinstance(content, list) else ()) if isinstance(part, Mapping)]
    text = "".join(str(part.get("text") or part.get("refusal") or "") for part in parts)
    return text, any(part.get("type") == "refusal" for part in parts)


def _usage(value: Any) -> Usage | None:
    if not count(value, "input_tokens"):
        return None
    return Usage(
        input_tokens=count(value, "input_tokens"),
        cached_input_tokens=count(value, "input_tokens_details", "cached_tokens"),
        cache_write_tokens=count(value, "input_tokens_details", "cache_write_tokens"),
        output_tokens=count(value, "output_tokens"),
        reasoning_tokens=count(value, "output_tokens_details", "reasoning_tokens"),
    )
