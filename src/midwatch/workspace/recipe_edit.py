"""Changing single values of a recipe's text; everything else in it stays as it was written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from midwatch.domain.errors import InputError
from midwatch.workspace.recipe import FILE, LARGEST, parse
from midwatch.workspace.recipe_text import Scan, scanned

Value = str | bool | int | float | Sequence[str] | None
"""None takes the key away."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_WIDTH = 100


def edited(text: str, changes: Mapping[tuple[str, ...], Value]) -> str:
    """The text with these values, by key (`("setup",)`, `("network", "agent")`). Raises InputError for a text that is
    no TOML, or in which a key cannot be changed by itself."""
    for place, value in changes.items():
        text = _changed(text, place, value)
        if len(text) > LARGEST:  # the next change would read all of it
            break
    parse(text.encode("utf-8", "surrogatepass"))
    return text


def _changed(text: str, place: tuple[str, ...], value: Value) -> str:
    found = scanned(text)
    if place in found.values:
        return _replaced(text, found, place, value)
    if value is None or (not isinstance(value, bool | int | float | str) and not value):
        return text
    line = f"{_key(place[-1])} = {_written(value)}\n"
    if len(place) == 1:
        return _at_top(text, found, line)
    table = place[:-1]
    if table in found.values or any(key[: len(table)] == table for key in found.inline):
        raise InputError(
            f"{FILE}: `{'.'.join(table)}` is written in one line", f"write it as a table: [{'.'.join(table)}]"
        )
    if table in found.tables:
        end = found.tables[table]
        at = text.find("\n", end)
        return f"{text}\n{line}" if at < 0 else text[: at + 1] + line + text[at + 1 :]
    gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
    return f"{text}{gap}[{'.'.join(map(_key, table))}]\n{line}"


def _replaced(text: str, found: Scan, place: tuple[str, ...], value: Value) -> str:
    start, end = found.values[place]
    if value is not None:
        return text[:start] + _written(value) + text[end:]
    if place in found.inline:
        raise InputError(f"{FILE}: `{'.'.join(place)}` is a part of a line", "take it out of the text")
    begin = text.rfind("\n", 0, found.keys[place]) + 1
    after = text.find("\n", end)
    return text[:begin] + ("" if after < 0 else text[after + 1 :])


def _at_top(text: str, found: Scan, line: str) -> str:
    """A key of no table stands before all tables, and the comments that are above the first one stay with that."""
    if found.first_table is None:
        return text + ("" if not text or text.endswith("\n") else "\n") + line
    at = text.rfind("\n", 0, found.first_table) + 1
    while at > 0:
        before = text.rfind("\n", 0, at - 1) + 1
        if not text[before:at].lstrip().startswith("#"):
            break
        at = before
    if text[:at].endswith("\n\n"):  # beside what stands there, and one empty line is enough
        return text[: at - 1] + line + text[at - 1 :]
    return text[:at] + line + "\n" + text[at:]


def _written(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    entries = [_quoted(one) for one in value or ()]
    line = f"[{', '.join(entries)}]"
    if len(line) <= _WIDTH and len(entries) < 2:
        return line
    return "[\n" + "".join(f"  {entry},\n" for entry in entries) + "]"


def _quoted(text: str) -> str:
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)
