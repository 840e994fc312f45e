"""Which lines of a pull request's difference can have a remark beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping

Lines = Mapping[int, int]
"""By the line in the new file, the one in the old file that it is; 0 for one that was added."""

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_ESCAPE = re.compile(r"\\([0-7]{3}|.)")
_ESCAPED = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13}


def of_hunks(text: str) -> dict[int, int]:
    """The lines that the hunks of one file show. What is no hunk is passed over."""
    found: dict[int, int] = {}
    old = new = 0
    for line in text.split("\n"):
        if hunk := _HUNK.match(line):
            old, new = int(hunk[1]), int(hunk[2])
        elif new and line.startswith("+"):
            found[new] = 0
            new += 1
        elif new and line.startswith("-"):
            old += 1
        elif new and line.startswith(" "):
            found[new] = old
            old, new = old + 1, new + 1
    return found


def of_patch(text: str) -> dict[str, dict[int, int]]:
    """The same for a whole patch as git writes it, by the path of the new file."""
    found: dict[str, dict[int, int]] = {}
    for part in re.split(r"^diff --git ", text, flags=re.MULTILINE)[1:]:
        head, mark, hunks = part.partition("\n@@ ")
        name = re.search(r"^\+\+\+ (.+?)\t?$", head, re.MULTILINE)
        if mark and name and name[1] != "/dev/null":
            found[_unquoted(name[1]).removeprefix("b/")] = of_hunks(f"@@ {hunks}")
    return found


def _unquoted(name: str) -> str:
    if not name.startswith('"'):
        return name
    raw = _ESCAPE.sub(lambda m: chr(int(m[1], 8)) if len(m[1]) == 3 else chr(_ESCAPED.get(m[1], ord(m[1]))), name[1:-1])
    try:
        return raw.encode("latin1").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return raw
