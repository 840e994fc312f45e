"""The front matter of Markdown files: `key: value` lines between two lines of `---` at the very top."""

from __future__ import annotations

import re
from collections.abc import Collection

_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_KEY = re.compile(r"([a-z][a-z-]*):[ \t]*(.*)")


def read(text: str, keys: Collection[str]) -> tuple[dict[str, str], str]:
    """The values of those keys, and the text below. A value may be quoted or go on, indented, below its key."""
    front = _FRONT.match(text)
    facts: dict[str, list[str]] = {}
    key = ""
    for line in front[1].splitlines() if front else ():
        found = _KEY.fullmatch(line)
        if found and found[1] in keys:
            key = found[1]
            value = found[2].strip()
            facts[key] = [] if re.fullmatch(r"[|>][+-]?", value) else [_unquoted(value)]
        elif key and line[:1] in (" ", "\t"):
            facts[key].append(line.strip())
        else:
            key = ""
    values = {name: " ".join(part for part in parts if part) for name, parts in facts.items()}
    return values, text[front.end() :].lstrip("\r\n") if front else text


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
