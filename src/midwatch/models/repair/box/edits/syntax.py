"""A file that does not parse: characters missing or too much, and wrong indentation, near the reported line."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

from .contract import Edit

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_HEADS = (
    b"if ",
    b"elif ",
    b"else",
    b"for ",
    b"while ",
    b"def ",
    b"class ",
    b"try",
    b"except",
    b"finally",
    b"with ",
    b"async ",
)


def mended(path: str, source: bytes, error: SyntaxError) -> Iterator[Edit]:
    """Edits after which the whole file compiles, those nearest to the reported line first."""
    lines = [match.span() for match in _LINE.finditer(source)]
    told = max(1, min(error.lineno or 1, len(lines)))
    seen: set[bytes] = set()
    order = sorted(range(max(0, told - 6), min(len(lines), told + 3)), key=lambda at: (abs(at + 1 - told), -at))
    for rank, at in enumerate(order):
        start, stop = lines[at]
        for low, high, new, cost, what in _changes(source[start:stop].rstrip(b"\r\n")):
            first, last = start + low, start + high
            result = source[:first] + new + source[last:]
            if result not in seen and _compiles(result):
                seen.add(result)
                total = cost + 0.3 * rank
                yield Edit(path, first, last, new, "syntax", total, at + 1, what, total)


def _changes(line: bytes) -> Iterator[tuple[int, int, bytes, float, str]]:
    """(start, end, new, cost, what) of edits of one line."""
    end, body = len(line), line.strip()
    if not body or body.startswith(b"#"):
        return
    if body.startswith(_HEADS) and not body.endswith(b":"):
        yield end, end, b":", 0.5, "a colon ends the line"
    for char in (b")", b"]", b"}", b'"', b"'", b",", b"):", b":"):
        yield end, end, char, 1.0, f"`{char.decode()}` ends the line"
        if body.endswith(b":"):
            yield end - 1, end - 1, char, 1.0, f"`{char.decode()}` comes before the colon"
    for at, code in enumerate(line):
        letter = chr(code)
        if letter in "()[]{}\"':,=":
            yield at, at + 1, b"", 1.5, f"the `{letter}` in column {at + 1} goes"
        if letter == "=" and line[at + 1 : at + 2] != b"=":
            yield at, at, b"=", 1.2, "`=` becomes `==`"
    for match in re.finditer(rb"[\w)\]}'\"]\s+(?=[\w(\[{'\"])", line):
        yield match.start() + 1, match.start() + 1, b",", 1.8, f"a comma comes in column {match.start() + 2}"
    indent = len(line) - len(line.lstrip(b" \t"))
    for width in (indent - 4, indent + 4, indent - 1, indent + 1, indent - 2, indent + 2):
        if width >= 0:
            yield 0, indent, b" " * width, 1.6, f"the line is indented by {width}"
    if line[:indent].count(b"\t"):
        yield 0, indent, line[:indent].expandtabs(8), 1.5, "blanks take the place of tabs"


def _compiles(source: bytes) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "candidate", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return False
    return True
