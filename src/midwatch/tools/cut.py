"""Output made fit to be read: harmless characters, and the middle left out when it is long."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

CAP = 40_000
"""Bytes of UTF-8 that a model is given of one output: about 10,000 tokens."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CONTROL_OR_BREAK = re.compile("[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Cut:
    """What is left of an output, and whether something was left out."""

    text: str
    truncated: bool


def harmless(text: str, *, newlines: bool = True) -> str:
    """Control characters as `\\x1b`, so that they steer no terminal; tabs and line breaks stay unless told otherwise.
    Half surrogates become question marks: they cannot be sent anywhere."""
    pattern = _CONTROL if newlines else _CONTROL_OR_BREAK
    text = pattern.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
    return text.encode("utf-8", "replace").decode()


LINE = 200
"""Characters of a call in a line."""


def one_line(text: str) -> str:
    """Harmless, and cut where it is longer than LINE."""
    line = harmless(text, newlines=False)
    return line if len(line) <= LINE else line[: LINE - 1] + "…"


def fit(path: Path, lines: int, number: int, cap: int = CAP) -> Cut:
    """The file's content within about `cap` bytes: the head and the tail, cut between lines where there are any.
    `lines` is how many it has, `number` the command that the full log is cited by. Memory does not grow with the
    file. Raises OSError."""
    half = cap // 2
    with path.open("rb") as file:
        head = file.read(cap + 1)
        if len(head) <= cap:
            text = harmless(head.decode("utf-8", "replace"))
            if len(text.encode()) <= cap:
                return Cut(text, False)
        size = file.seek(0, 2)
        # Two halves that overlap would show lines twice; the file is then short enough to split in the middle.
        middle = min(half, size // 2)
        file.seek(max(middle, size - half))
        tail = file.read(half)
    first = _head(head[:middle], half)
    last = _tail(tail, half)
    left_out = max(0, lines - _count(first) - _count(last))
    what = f"{left_out:,} lines" if left_out > 1 else "part of a line" if left_out == 0 else "1 line"
    note = (
        f"… {what} left out here ({size:,} bytes in all); the full log is command {number}: "
        "read more of it with the tool `log` …"
    )
    return Cut("\n".join([first.removesuffix("\n"), note, last]), True)


def _head(data: bytes, cap: int) -> str:
    text = _within(harmless(_whole(data).decode("utf-8", "replace")), cap, from_end=False)
    end = text.rfind("\n")
    return text[: end + 1] if end >= len(text) // 2 else text


def _tail(data: bytes, cap: int) -> str:
    rest = 0  # bytes of a character that began before
    while rest < min(3, len(data)) and data[rest] & 0xC0 == 0x80:
        rest += 1
    text = _within(harmless(data[rest:].decode("utf-8", "replace")), cap, from_end=True)
    start = text.find("\n")
    return text[start + 1 :] if 0 <= start < len(text) // 2 else text


def _whole(data: bytes) -> bytes:
    """Without a character that the cut went through."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0xC0:
            width = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return data[:-back] if width > back else data
        if byte < 0x80:
            break
    return data


def _within(text: str, cap: int, *, from_end: bool) -> str:
    """At most `cap` bytes of the text: control characters take more room as `\\x00` than they did."""
    data = text.encode()
    if len(data) <= cap:
        return text
    return (data[-cap:] if from_end else data[:cap]).decode("utf-8", "ignore")


def _count(text: str) -> int:
    return text.count("\n") + (not text.endswith("\n") and bool(text))
