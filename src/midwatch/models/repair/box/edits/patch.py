"""The difference of two texts in the `*** Begin Patch` form."""

from __future__ import annotations

import difflib

CONTEXT = 3


def patch_text(path: str, source: bytes, edited: bytes) -> str:
    """A patch that turns `source` into `edited`; the old lines of each of its chunks occur once in the file.

    Lines come without their line ends, which the tool keeps, so a last line without one may gain one when lines are
    added after it. Bytes that are not UTF-8 become surrogate escapes. Empty when no line differs.
    """
    old, new = _lines(source), _lines(edited)
    chunks = _chunks(old, new)
    if not chunks:
        return ""
    out = ["*** Begin Patch", f"*** Update File: {path}"]
    for start, end, start2, end2 in _merged(chunks, old):
        out.append("@@")
        out.extend(_rendered(old[start:end], new[start2:end2]))
        if end == len(old):
            out.append("*** End of File")
    out.append("*** End Patch")
    return "\n".join(out) + "\n"


def _lines(source: bytes) -> list[str]:
    """Lines as the patch tool sees them: UTF-8 with escapes for other bytes, no byte order mark, no line ends."""
    text = (source[3:] if source.startswith(b"\xef\xbb\xbf") else source).decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line[:-1] if line.endswith("\r") else line for line in lines]


def _chunks(old: list[str], new: list[str]) -> list[tuple[int, int, int, int]]:
    """Ranges (old start, old end, new start, new end) that differ; the common head and tail are cut off first."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    a, b = old[head : len(old) - tail], new[head : len(new) - tail]
    if not a and not b:
        return []
    codes = difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    return [(i1 + head, i2 + head, j1 + head, j2 + head) for tag, i1, i2, j1, j2 in codes if tag != "equal"]


def _merged(chunks: list[tuple[int, int, int, int]], old: list[str]) -> list[tuple[int, int, int, int]]:
    """The chunks with context: enough that their old lines occur once; those that touch become one."""
    done: list[tuple[int, int, int, int]] = []
    for i1, i2, j1, j2 in chunks:
        size = CONTEXT
        while True:
            start, end = max(0, i1 - size), min(len(old), i2 + size)
            if _unique(old, start, end) or (start == 0 and end == len(old)):
                break
            size += max(2, size // 2)
        grown = (start, end, j1 - (i1 - start), j2 + (end - i2))
        while done and grown[0] <= done[-1][1]:
            before = done.pop()
            grown = (
                min(before[0], grown[0]),
                max(before[1], grown[1]),
                min(before[2], grown[2]),
                max(before[3], grown[3]),
            )
        done.append(grown)
    return done


def _unique(old: list[str], start: int, end: int) -> bool:
    wanted, first = old[start:end], old[start] if start < end else ""
    found = 0
    for at in range(len(old) - len(wanted) + 1):
        if old[at] == first and old[at : at + len(wanted)] == wanted:
            found += 1
    return found == 1


def _rendered(old: list[str], new: list[str]) -> list[str]:
    out: list[str] = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            out.extend(" " + line for line in old[i1:i2])
        else:
            out.extend("-" + line for line in old[i1:i2])
            out.extend("+" + line for line in new[j1:j2])
    return out
