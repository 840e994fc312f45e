"""On which lines of a recipe its keys and the entries of its lists stand, and on which line a fault is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from midwatch.domain.errors import InputError
from midwatch.workspace.recipe import FILE, Recipe, parse

Place = tuple[str | int, ...]
"""Keys, and numbers of entries (counted from 0): `("setup", 2)`, `("network", "agent", 0)`."""

_TOKEN = re.compile(
    r'(?P<text>"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\')'
    r"|(?P<comment>\#[^\n]*)|(?P<newline>\n)|(?P<mark>[\[\]{}=,.])|(?P<word>[^\s\[\]{}=,.\#\"']+)|(?P<space>[ \t\r]+)",
    re.DOTALL,
)
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")
_ENTRY = re.compile(r"entry (\d+) of `([\w.]+)`")
_COMMAND = re.compile(r": (check|setup|maintenance) (\d+) is empty")
_KEYS = (
    re.compile(r"unknown key '([^']+)'"),
    re.compile(r"`([\w.-]+)` "),
    re.compile(r": (secrets\.\w+)"),
    re.compile(r"variable (\w+)"),
    re.compile(r"the value of (\w+)"),
    re.compile(r"'([^']*)' cannot be the name of"),
    re.compile(r": (labels|network|lock_files|base)\b"),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a recipe."""

    line: int
    """Counted from 1; 0 where it is of no line in particular."""
    text: str
    mend: str


def checked(text: str) -> tuple[Recipe | None, Fault | None]:
    """The recipe in a text, or the first thing that is wrong in it."""
    try:
        return parse(text.encode("utf-8", "surrogatepass")), None
    except InputError as error:
        said = error.message.removeprefix(f"{FILE}: ").removeprefix(f"{FILE} ")
        return None, Fault(_line_of(text, error.message), said, error.mend)


def lines(text: str) -> Mapping[Place, int]:
    """The line of each key and of each entry of a list, counted from 1. Of a text that is no TOML, as far as it goes;
    raises nothing."""
    found: dict[Place, int] = {}
    tokens = list(_tokens(text))
    at, table = 0, ()  # type: tuple[int, Place]
    while at < len(tokens):
        kind, value, line = tokens[at]
        if kind == "mark" and value == "[":
            at, table = _header(tokens, at)
            found.setdefault(table, line)
        elif kind in ("word", "text"):
            at = _pair(tokens, at, table, found)
        else:
            at += 1
    return found


def line_of(text: str, *place: str | int) -> int:
    """The line of a key or an entry, or else of what it stands in; 0 for none."""
    known, left = lines(text), tuple(place)
    while left and left not in known:
        left = left[:-1]
    return known.get(left, 0)


def _line_of(text: str, message: str) -> int:
    if at := _AT_LINE.search(message):
        return int(at[1]) if at[1] else text.rstrip("\n").count("\n") + 1
    known = lines(text)
    if entry := _ENTRY.search(message):
        return line_of(text, *entry[2].split("."), int(entry[1]) - 1)
    if command := _COMMAND.search(message):
        return line_of(text, "checks" if command[1] == "check" else command[1], int(command[2]) - 1)
    for pattern in _KEYS:
        if (named := pattern.search(message)) is None:
            continue
        key = tuple(named[1].split("."))
        for place in (key, ("variables", named[1]), ("secrets", named[1])):
            if place in known:
                return _of_value(text, known, place, message)
    return 0


def _of_value(text: str, known: Mapping[Place, int], place: Place, message: str) -> int:
    """The line of the entry that the message repeats, where there is one in what stands at that place."""
    for quoted in re.findall(r"'([^'\n]+)'", message):
        for found, line in known.items():
            in_it = found[: len(place)] == place and isinstance(found[-1], int)
            if in_it and quoted in text.splitlines()[line - 1]:
                return line
    return known[place]


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    line, at = 1, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:  # a quote that is not closed
            at += 1
            continue
        kind = match.lastgroup or ""
        if kind not in ("comment", "space"):
            yield kind, match[0], line
        line += match[0].count("\n")
        at = match.end()


def _plain(kind: str, value: str) -> str:
    return value[1:-1] if kind == "text" else value


def _header(tokens: list[tuple[str, str, int]], at: int) -> tuple[int, Place]:
    """Past a table's `[a.b]`, and its place."""
    parts: list[str | int] = []
    while at < len(tokens) and tokens[at][0] != "newline":
        if tokens[at][0] in ("word", "text"):
            parts.append(_plain(*tokens[at][:2]))
        at += 1
    return at, tuple(parts)


def _pair(tokens: list[tuple[str, str, int]], at: int, table: Place, found: dict[Place, int]) -> int:
    """Past a `key = value`, whose lines are noted."""
    parts, line = list(table), tokens[at][2]
    while at < len(tokens) and tokens[at][1] != "=" and tokens[at][0] != "newline":
        if tokens[at][0] in ("word", "text"):
            parts.append(_plain(*tokens[at][:2]))
        at += 1
    found.setdefault(tuple(parts), line)
    if at < len(tokens) and tokens[at][1] == "=":
        return _value(tokens, at + 1, tuple(parts), found)
    return at + 1


def _value(tokens: list[tuple[str, str, int]], at: int, place: Place, found: dict[Place, int]) -> int:
    """Past a value; the entries of a list and the keys of an inline table are noted."""
    if at >= len(tokens):
        return at
    if tokens[at][1] == "{":
        return _inline(tokens, at + 1, place, found)
    if tokens[at][1] != "[":
        while at < len(tokens) and not (tokens[at][0] == "newline" or tokens[at][1] in ",]}"):
            at += 1
        return at
    number, at = 0, at + 1
    while at < len(tokens) and tokens[at][1] != "]":
        if tokens[at][0] == "newline" or tokens[at][1] == ",":
            at += 1
            continue
        found.setdefault((*place, number), tokens[at][2])
        number, at = number + 1, max(at + 1, _value(tokens, at, (*place, number), found))
    return at + 1


def _inline(tokens: list[tuple[str, str, int]], at: int, place: Place, found: dict[Place, int]) -> int:
    while at < len(tokens) and tokens[at][1] != "}" and tokens[at][0] != "newline":
        at = _pair(tokens, at, place, found) if tokens[at][0] in ("word", "text") else at + 1
    return at + 1
