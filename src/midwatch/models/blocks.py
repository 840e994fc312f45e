"""Puts the content blocks of an Anthropic Messages stream together, as they will be given back.

A block keeps every field that the server sent, signatures of thinking among them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from midwatch.domain.conversation import Delta
from midwatch.models.card import dumps, is_object

_KINDS = {"text": "text", "thinking": "reasoning"}


class Blocks:
    """What has come so far of one message."""

    def __init__(self) -> None:
        self.stop = ""
        """The server's reason to stop; empty while there is none."""
        self.usage: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._written: dict[int, str] = {}
        """The arguments of calls, as the model wrote them."""

    def add(self, event: Mapping[str, Any]) -> Iterator[Delta]:
        """Take one event of a stream in; what of it can be shown."""
        kind = event.get("type")
        place = event.get("index")
        place = place if isinstance(place, int) else max(self._blocks, default=-1)
        if kind == "message_start":
            self._whole(_part(event, "message"))
        elif kind == "message_delta":
            self._count(event.get("usage"))
            self.stop = str(_part(event, "delta").get("stop_reason") or self.stop)
        elif kind == "content_block_start":
            self._blocks[place] = block = dict(_part(event, "content_block"))
            yield from _begun(block)
        elif kind == "content_block_delta" and place in self._blocks:
            yield from self._piece(place, _part(event, "delta"))

    def document(self, message: Mapping[str, Any]) -> None:
        """Take a whole message in, from a server that does not stream."""
        self._whole(message)
        self.stop = str(message.get("stop_reason") or "end_turn")

    def finished(self) -> list[tuple[dict[str, Any], str]]:
        """The blocks in their order, each with the arguments that the model wrote (empty where it is no call)."""
        done = []
        for place in sorted(self._blocks):
            block, written = self._blocks[place], self._written.get(place, "")
            if block.get("type") == "tool_use":
                given = block.get("input")
                if written:
                    # The API takes nothing but objects back.
                    block["input"] = json.loads(written) if is_object(written) else {"malformed_arguments": written}
                elif not isinstance(given, Mapping):
                    block["input"] = {}
                written = written or dumps(block["input"])
            done.append((block, written))
        return done

    def _whole(self, message: Mapping[str, Any]) -> None:
        self._count(message.get("usage"))
        content = message.get("content")
        for block in content if isinstance(content, list) else ():
            if isinstance(block, Mapping):
                self._blocks[len(self._blocks)] = dict(block)

    def _count(self, usage: Any) -> None:
        # Later counts are sums and win; what an event leaves out or sends as null stays as it was.
        if isinstance(usage, Mapping):
            self.usage.update({key: value for key, value in usage.items() if value is not None})

    def _piece(self, place: int, delta: Mapping[str, Any]) -> Iterator[Delta]:
        block, kind = self._blocks[place], delta.get("type")
        if kind in ("text_delta", "thinking_delta"):
            name = str(kind).removesuffix("_delta")
            text = str(delta.get(name) or "")
            block[name] = str(block.get(name) or "") + text
            if text:
                yield Delta(_KINDS[name], text)
        elif kind == "input_json_delta":
            text = str(delta.get("partial_json") or "")
            self._written[place] = self._written.get(place, "") + text
            if text:
                yield Delta("call", text)
        elif kind == "signature_delta":
            block["signature"] = delta.get("signature")
        elif kind == "citations_delta" and delta.get("citation"):
            block["citations"] = [*(block.get("citations") or []), delta["citation"]]


def _begun(block: Mapping[str, Any]) -> Iterator[Delta]:
    """What the beginning of a block shows."""
    kind = str(block.get("type"))
    if kind == "tool_use":
        yield Delta("call", f"{block.get('name')} ")
    elif kind in _KINDS and block.get(kind):
        yield Delta(_KINDS[kind], str(block[kind]))


def _part(event: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = event.get(key)
    return value if isinstance(value, Mapping) else {}
