"""What somebody asks for in a remark: the words after our name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_REVIEW = re.compile(r"\s*(?:please\s+)?review\b(?P<more>[^.!?\n]*)", re.IGNORECASE)
_RESOLVE = re.compile(r"\s*(?:please\s+)?(?:resolve|fix|solve)\s+(?:the\s+|all\s+)?(?:merge\s+)?conflicts?\b", re.I)
_REBASE = re.compile(r"\s*(?:please\s+)?rebase\b", re.IGNORECASE)
_TICKS = re.compile(r"(`+)")
_ALL = re.compile(r"\b(all|everything|p[23]|nits?)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that is wanted."""

    verb: Literal["work", "review", "resolve"]
    text: str
    """In their words, without our name; may be empty."""
    everything: bool = False
    """Of a review: also what is not urgent."""


def asked(body: str, mention: str) -> Asked | None:
    """What is asked of `@mention` in a remark; None when it is not called there. What is quoted, or stands in code,
    calls nobody."""
    name = re.compile(rf"(?<![\w/@.`-])@{re.escape(mention)}(?:\[bot\])?(?![\w/-])", re.IGNORECASE)
    lines, first = [], None
    for line, spoken in _lines(body):
        found = name.search(_without_code(line)) if spoken else None
        if found is not None and first is None:
            first = line[found.end() :]
        lines.append(name.sub("", line) if spoken and found is not None else line)
    if first is None:
        return None
    text = "\n".join(lines).strip().lstrip(",:").strip()
    after = first.lstrip(",: ")
    if (review := _REVIEW.match(after)) is not None:
        return Asked("review", text, _ALL.search(review["more"]) is not None)
    if _RESOLVE.match(after) or _REBASE.match(after):
        return Asked("resolve", text)
    return Asked("work", text)


def _lines(body: str) -> list[tuple[str, bool]]:
    """Each line, and whether it is said: not quoted, and not inside a block of code."""
    found, fence = [], ""
    for line in body.splitlines():
        mark = _FENCE.match(line)
        inside = bool(fence)
        if mark is not None and not fence:
            fence = mark[1]
        elif mark is not None and mark[1][0] == fence[0] and len(mark[1]) >= len(fence):
            fence = ""
        code = inside or mark is not None or line.startswith(("    ", "\t"))
        found.append((line, not code and not line.lstrip().startswith(">")))
    return found


def _without_code(line: str) -> str:
    """With spans of code blanked, each character by one. Linear: anybody writes these lines."""
    parts = _TICKS.split(line)
    ends = {mark: at for at, mark in enumerate(parts) if at % 2}  # where each length of marks stands last
    at = 1
    while at < len(parts):
        if ends[parts[at]] == at:  # nothing closes it
            at += 2
            continue
        close = next(n for n in range(at + 2, len(parts), 2) if parts[n] == parts[at])
        parts[at + 1 : close] = [" " * len(part) for part in parts[at + 1 : close]]
        at = close + 2
    return "".join(parts)
