"""Where the keys of a recipe's text stand: enough of TOML to point at a line, or to change a value and leave all else,
comments too, as it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

Place = tuple[str | int, ...]
"""Keys, and numbers of entries (counted from 0): `("setup", 2)`, `("network", "agent", 0)`."""

DEEPEST = 40
"""Parts of a place: no recipe has as many, and what lies deeper is not looked at."""
_TOKEN = re.compile(
    r'(?P<text>"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\')'
    r"|(?P<comment>\#[^\n]*)|(?P<newline>\n)|(?P<mark>[\[\]{}=,.])|(?P<word>[^\s\[\]{}=,.\#\"']+)|(?P<space>[ \t\r]+)",
    re.DOTALL,
)


class _Token(NamedTuple):
    kind: str
    value: str
    line: int
    start: int
    end: int


@dataclass(slots=True)
class Scan:
    """Of one text."""

    lines: dict[Place, int] = field(default_factory=dict)
    """Of tables, keys and entries of lists, counted from 1."""
    values: dict[Place, tuple[int, int]] = field(default_factory=dict)
    """From where to where the value of a key stands."""
    keys: dict[Place, int] = field(default_factory=dict)
    """Where a key begins."""
    tables: dict[Place, int] = field(default_factory=dict)
    """Where the header of a table ends."""
    inline: set[Place] = field(default_factory=set)
    """Keys within an inline table, and dotted keys."""
    first_table: int | None = None
    """Where the first header begins."""


def scanned(text: str) -> Scan:
    """All of it. Of a text that is no TOML, as far as it goes; raises nothing."""
    return _Reader(list(_tokens(text))).read()


def _tokens(text: str) -> Iterator[_Token]:
    line, at = 1, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:  # a quote that is not closed
            at += 1
            continue
        kind = match.lastgroup or ""
        if kind not in ("comment", "space"):
            yield _Token(kind, match[0], line, at, match.end())
        line += match[0].count("\n")
        at = match.end()


class _Reader:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens, self._found = tokens, Scan()

    def read(self) -> Scan:
        at, table = 0, Place()
        while at < len(self._tokens):
            token = self._tokens[at]
            if token.value == "[" and token.kind == "mark":
                at, table = self._header(at)
            elif token.kind in ("word", "text"):
                at = self._pair(at, table, inline=False)
            else:
                at += 1
        return self._found

    def _header(self, at: int) -> tuple[int, Place]:
        """Past `[a.b]`; its place."""
        first, parts = self._tokens[at], list[str | int]()
        if self._found.first_table is None:
            self._found.first_table = first.start
        while at < len(self._tokens) and self._tokens[at].kind != "newline":
            if self._tokens[at].kind in ("word", "text") and len(parts) <= DEEPEST:
                parts.append(_plain(self._tokens[at]))
            at += 1
        table = tuple(parts)
        if not table:
            return at, table
        self._found.lines.setdefault(table, first.line)
        self._found.tables.setdefault(table, self._tokens[at - 1].end)
        return at, table

    def _pair(self, at: int, table: Place, *, inline: bool) -> int:
        """Past `key = value`."""
        first, parts = self._tokens[at], list(table)
        while at < len(self._tokens) and self._tokens[at].value != "=" and self._tokens[at].kind != "newline":
            if self._tokens[at].kind in ("word", "text") and len(parts) <= DEEPEST:
                parts.append(_plain(self._tokens[at]))
            at += 1
        place = tuple(parts)
        for length in range(len(table) + 1, len(place) + 1):
            self._found.lines.setdefault(place[:length], first.line)
        self._found.keys.setdefault(place, first.start)
        if inline or len(place) > len(table) + 1:
            self._found.inline.add(place)
        if at >= len(self._tokens) or self._tokens[at].value != "=":
            return at + 1
        end = self._value(at + 1, place)
        if at + 1 < len(self._tokens):
            last = self._tokens[max(at + 1, min(end, len(self._tokens)) - 1)]
            self._found.values.setdefault(place, (self._tokens[at + 1].start, last.end))
        return end

    def _value(self, at: int, place: Place) -> int:
        """Past a value; the entries of a list and the keys of an inline table are noted."""
        if at >= len(self._tokens) or len(place) > DEEPEST:
            return len(self._tokens)
        if self._tokens[at].value == "{" and self._tokens[at].kind == "mark":
            return self._table(at + 1, place)
        if self._tokens[at].value != "[" or self._tokens[at].kind != "mark":
            while at < len(self._tokens) and not self._ends(at):
                at += 1
            return at
        number, at = 0, at + 1
        while at < len(self._tokens) and not self._is(at, "]"):
            if self._tokens[at].kind == "newline" or self._is(at, ","):
                at += 1
                continue
            self._found.lines.setdefault((*place, number), self._tokens[at].line)
            number, at = number + 1, max(at + 1, self._value(at, (*place, number)))
        return at + 1

    def _table(self, at: int, place: Place) -> int:
        while at < len(self._tokens) and not self._is(at, "}") and self._tokens[at].kind != "newline":
            named = self._tokens[at].kind in ("word", "text")
            at = self._pair(at, place, inline=True) if named else at + 1
        return at + 1

    def _is(self, at: int, mark: str) -> bool:
        return self._tokens[at].kind == "mark" and self._tokens[at].value == mark

    def _ends(self, at: int) -> bool:
        return self._tokens[at].kind == "newline" or any(self._is(at, mark) for mark in ",]}")


def _plain(token: _Token) -> str:
    return token.value[1:-1] if token.kind == "text" else token.value
