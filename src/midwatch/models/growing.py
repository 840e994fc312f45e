"""The body of a request that begins with the bytes of the one before: only what is new is written anew.

Without this a turn costs the more processor time the longer its conversation is.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from midwatch.domain.conversation import Item
from midwatch.models.card import dumps

Write = Callable[[Sequence[Item], bool], Iterable[Mapping[str, Any]]]
"""What some items of a conversation are on the wire; whether they are the first ones."""

KEPT_FROM = 64 << 10


@dataclass(frozen=True, slots=True)
class Begin:
    """What never changes in a conversation."""

    fields: Mapping[str, Any]
    key: str
    """Of the history."""
    first: Mapping[str, Any] | None = None
    """What stands before the history, in the same list."""


class Growing:
    """Of one conversation at a time; another one is written whole. Holds on to the last body where it is large: a small
    one is quickly written, and thousands may be waiting for their answers."""

    def __init__(self, kept_from: int = KEPT_FROM) -> None:
        """`kept_from`: bytes from which a body is large."""
        self._kept_from = kept_from
        self._items: tuple[Item, ...] = ()
        self._begin = b""
        self._body = b""
        self._end = 0
        """Where the history ends in the body."""

    def body(self, start: Begin, items: tuple[Item, ...], write: Write, tail: Mapping[str, Any]) -> bytes:
        """As `card.request`: what never changes, then the history, then what may change from call to call. Items must
        never change; they are known again by being the same objects."""
        first = "" if start.first is None else dumps(start.first)
        begin = _encoded(f"{dumps(start.fields)[:-1]},{dumps(start.key)}:[{first}")
        known = len(self._items)
        if begin != self._begin or known > len(items) or not all(map(operator.is_, self._items, items)):
            known = 0
        pieces: list[bytes | memoryview] = [memoryview(self._body)[: self._end] if known else begin]
        if new := _encoded(",".join(map(dumps, write(items[known:], known == 0)))):
            pieces += [b","] if first or len(pieces[0]) > len(begin) else []
            pieces.append(new)
        end = sum(map(len, pieces))
        pieces.append(_encoded(f"],{dumps(tail)[1:]}" if tail else "]}"))
        body = b"".join(pieces)
        if len(body) < self._kept_from:
            self._items, self._begin, self._body, self._end = (), b"", b"", 0
        else:
            self._items, self._begin, self._body, self._end = items, begin, body, end
        return body


def _encoded(text: str) -> bytes:
    # Half a surrogate pair (a file name that is not UTF-8) cannot be sent; it becomes a question mark.
    return text.encode("utf-8", "replace")
