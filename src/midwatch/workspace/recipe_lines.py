"""On which lines of a recipe its keys and the entries of its lists stand, and on which line a fault is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from midwatch.domain.errors import InputError
from midwatch.workspace.recipe import FILE, Recipe, parse
from midwatch.workspace.recipe_text import Place, scanned

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


def line_of(text: str, *place: str | int) -> int:
    """The line of a key or an entry, or else of what it stands in; 0 for none."""
    known, left = scanned(text).lines, tuple(place)
    while left and left not in known:
        left = left[:-1]
    return known.get(left, 0)


def _line_of(text: str, message: str) -> int:
    if at := _AT_LINE.search(message):
        return int(at[1]) if at[1] else text.rstrip("\n").count("\n") + 1
    known = scanned(text).lines
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
    written = text.split("\n")
    for quoted in re.findall(r"'([^'\n]+)'", message):
        for found, line in known.items():
            in_it = found[: len(place)] == place and isinstance(found[-1], int)
            if in_it and quoted in written[line - 1]:
                return line
    return known[place]
