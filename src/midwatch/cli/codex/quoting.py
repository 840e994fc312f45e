"""Shell words quoted as Codex quotes them, so that who compares command lines finds them alike.

Piece by piece: each piece is the longest that can stand without quotes, in single ones or in double ones.
"""

from __future__ import annotations

import string
from collections.abc import Callable

_BARE = frozenset(string.ascii_letters + string.digits + "+-./:@]_")


def _bare(text: str) -> bool:
    return text in _BARE


def _single(text: str) -> bool:
    return text not in "'^\\"


def _double(text: str) -> bool:
    return text not in "`$!^"


_FORMS: tuple[tuple[Callable[[str], bool], Callable[[str], str]], ...] = (
    (_bare, lambda piece: piece),
    (_single, lambda piece: f"'{piece}'"),
    (_double, lambda piece: '"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"'),
)


def quoted(text: str) -> str:
    """One word for a POSIX shell."""
    if not text:
        return "''"
    pieces, start = list[str](), 0
    while start < len(text):
        ends = [_end(text, start, fits) for fits, _ in _FORMS]
        end = max(ends)
        if end == start:  # a caret at the front of a piece, which only single quotes take
            end, form = start + 1, _FORMS[1][1]
        else:
            form = _FORMS[ends.index(end)][1]
        pieces.append(form(text[start:end]))
        start = end
    return "".join(pieces)


def _end(text: str, start: int, fits: Callable[[str], bool]) -> int:
    """Where the piece ends that has this form and begins at `start`."""
    first = start
    if fits is _single and text[start] == "^":
        start += 1
    while start < len(text) and fits(text[start]):
        start += 1
    return start if start > first else first
