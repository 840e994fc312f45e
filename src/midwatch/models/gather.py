"""Puts the chunks of a Chat Completions stream together, from servers that each do it a little differently.

Known habits: whole calls in one chunk; indexes that interleave, are missing, or are 0 for every call; ids that are
missing or come again with each piece; arguments as an object instead of a text; content as a list of parts; chunks
without choices; a document (`message`) instead of chunks (`delta`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from midwatch.domain.conversation import Delta
from midwatch.models.card import dumps, is_object


class Gathered:
    """What has come so far of one reply."""

    def __init__(self) -> None:
        self.text = ""
        self.refusal = ""
        self.reasoning = ""
        self.finish = ""
        """The server's reason to finish; empty while there is none."""
        self.usage: Mapping[str, Any] = {}
        self.failure: Any = None
        """What a choice says went wrong, if one does."""
        self._more: dict[str, Any] = {}
        self._calls: list[dict[str, Any]] = []
        self._at: dict[int, dict[str, Any]] = {}

    @property
    def empty(self) -> bool:
        """Nothing was said and nothing called."""
        return not (self.text or self.refusal or self._calls)

    def add(self, chunk: Mapping[str, Any]) -> Iterator[Delta]:
        """Take one chunk in; what of it can be shown."""
        usage = chunk.get("usage")
        if isinstance(usage, Mapping) and usage:
            self.usage = usage
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, Mapping):
            return
        piece = choice.get("delta") or choice.get("message")
        if isinstance(piece, Mapping):
            yield from self._piece(piece)
        reason = choice.get("finish_reason")
        if reason == "error":
            self.failure = choice.get("error") or {"message": "the model failed"}
        elif reason:
            self.finish = str(reason)

    def message(self, take_id: Callable[[Any], str]) -> dict[str, Any]:
        """The assistant's message as it is kept and given back; `take_id` settles the ids of the calls."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None, **self._more}
        if self._calls:
            message["tool_calls"] = [_settled(call, take_id) for call in self._calls]
        elif not self.text:
            message["content"] = self.refusal
        return message

    def _piece(self, piece: Mapping[str, Any]) -> Iterator[Delta]:
        for key in ("reasoning_content", "reasoning"):
            if isinstance(text := piece.get(key), str) and text:
                # Servers that send both names say the same in both.
                if key == "reasoning_content" or not piece.get("reasoning_content"):
                    self.reasoning += text
                    yield Delta("reasoning", text)
                self._more[key] = self._more.get(key, "") + text
        if isinstance(details := piece.get("reasoning_details"), list):
            self._more.setdefault("reasoning_details", []).extend(details)
        for kind, text in _content(piece.get("content")):
            if kind == "text":
                self.text += text
            else:
                self.reasoning += text
            yield Delta(kind, text)
        if isinstance(refusal := piece.get("refusal"), str) and refusal:
            self.refusal += refusal
            yield Delta("text", refusal)
        calls = piece.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, Mapping):
                yield from self._call(call)

    def _call(self, piece: Mapping[str, Any]) -> Iterator[Delta]:
        function = piece.get("function")
        function = function if isinstance(function, Mapping) else {}
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else dumps(arguments) if arguments else ""
        name = str(function.get("name") or "")
        call = self._slot(piece, name, text)
        if name and not call["function"]["name"]:
            call["function"]["name"] = name
            yield Delta("call", f"{name} ")
        call["function"]["arguments"] += text
        # Fields of the server's own, signatures for example, are kept where they were.
        call.update({key: value for key, value in piece.items() if key not in ("function", "index") and value})
        rest = {key: value for key, value in function.items() if key not in ("name", "arguments") and value}
        call["function"].update(rest)
        if text:
            yield Delta("call", text)

    def _slot(self, piece: Mapping[str, Any], name: str, text: str) -> dict[str, Any]:
        """The call that this piece belongs to; a new one where it begins one."""
        index, given = piece.get("index"), piece.get("id")
        if isinstance(index, int):
            known = self._at.get(index)
        elif given:
            known = next((call for call in self._calls if call.get("id") == given), None)
        else:
            known = self._calls[-1] if self._calls and not name else None
        if known is not None:
            other = given and known.get("id") and known["id"] != given
            again = name and text and is_object(known["function"]["arguments"])
            if not other and not again:
                return known
        call: dict[str, Any] = {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
        self._calls.append(call)
        if isinstance(index, int):
            self._at[index] = call
        return call


def _settled(call: dict[str, Any], take_id: Callable[[Any], str]) -> dict[str, Any]:
    function = {**call["function"], "arguments": call["function"]["arguments"] or "{}"}
    return {**call, "id": take_id(call.get("id")), "function": function}


def _content(content: Any) -> Iterator[tuple[str, str]]:
    """(kind, text) of a content that is a text or a list of parts."""
    if isinstance(content, str):
        if content:
            yield "text", content
        return
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, Mapping):
            continue
        if isinstance(part.get("text"), str) and part["text"]:
            yield "text", part["text"]
        thinking = part.get("thinking")
        if isinstance(thinking, str) and thinking:
            yield "reasoning", thinking
        elif isinstance(thinking, list):
            yield from (("reasoning", text) for kind, text in _content(thinking) if kind == "text")
