"""Code that was written twice with other names: `left[i]` and `right[j]` tell that left goes with i as right with j."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WORD = re.compile(r"(?<![\w.'\"])[^\W\d]\w*(?!['\"])")
_ANY_WORD = re.compile(r"[^\W\d]\w*")
MOST = 24
_OPPOSED = (
    "left right", "first last", "start end", "low high", "min max", "head tail", "row column", "row col", "x y",
    "prev next", "width height", "top bottom", "begin end", "lower upper", "key value", "source target", "old new",
    "parent child", "first second", "before after", "rows columns", "rows cols", "i j", "a b", "start stop",
    "open close",
)  # fmt: skip
OPPOSITES: list[dict[str, str]] = [{a: b, b: a} for a, b in (row.split() for row in _OPPOSED)]
"""Words that stand side by side in so many programs that one calls for the other."""


def renamings(texts: Iterable[str]) -> list[dict[str, str]]:
    """Ways to rename variables together, seen in texts that are alike but for their names."""
    shapes: dict[str, list[tuple[str, ...]]] = {}
    for text in texts:
        words = tuple(_WORD.findall(text))
        if words and len(text) < 80:
            shapes.setdefault(_WORD.sub("_", text), []).append(words)
    found: list[dict[str, str]] = []
    for rows in shapes.values():
        for one in rows[:6]:
            for two in rows[:6]:
                mapping = {old: new for old, new in _pairs(one, two) if old != new}
                same = all(mapping.get(old, old) == new for old, new in _pairs(one, two))
                one_to_one = len(set(mapping.values())) == len(mapping)
                if mapping and len(one) > 1 and same and one_to_one and mapping not in found:
                    found.append(mapping)
    both = [_closed(mapping) for mapping in found]
    unique = [mapping for at, mapping in enumerate(both) if mapping not in both[:at]]
    return sorted(unique, key=len, reverse=True)[:MOST]


def _pairs(one: tuple[str, ...], two: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for index in range(min(len(one), len(two))):
        yield one[index], two[index]


def _closed(mapping: dict[str, str]) -> dict[str, str]:
    """A renaming and its reverse in one, where they do not conflict."""
    closed = dict(mapping)
    for old, new in mapping.items():
        closed.setdefault(new, old)
    return closed


def opposite(text: str, mapping: dict[str, str]) -> str | None:
    """A text with words exchanged for their opposites, names of attributes too; None when it has none of them."""
    new = _ANY_WORD.sub(lambda match: mapping.get(match.group(), match.group()), text)
    return new if new != text else None


def renamed(text: str, mapping: dict[str, str]) -> str | None:
    """A text with its variables renamed; None when nothing changes or it no longer reads."""
    new = _WORD.sub(lambda match: mapping.get(match.group(), match.group()), text)
    if new == text:
        return None
    try:
        ast.parse(new)
    except SyntaxError:
        return None
    return new
