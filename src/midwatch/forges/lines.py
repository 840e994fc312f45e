"""Which lines of a pull request's difference can have a remark beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping

Lines = Mapping[int, int]
"""By the line in the new file, the one in the old file that it is; 0 for one that was added."""

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


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
