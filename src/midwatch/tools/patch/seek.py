"""Where in a file a chunk belongs: the one place that fits, or a refusal that names the candidates."""

from __future__ import annotations

import bisect
import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from midwatch.tools.patch.grammar import GONE, NEW, Chunk, Line, PatchError

_FOLD = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
        **dict.fromkeys("\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "),
    }
)

_PASSES: tuple[Callable[[str], str], ...] = (
    lambda text: text,
    str.rstrip,
    str.strip,
    lambda text: text.strip().translate(_FOLD),
)
"""How two lines may be equal, from strict to loose; a looser pass counts only when the stricter ones find nothing."""

_SHOWN = 12
_WIDTH = 200


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chunk goes: the index of its first line in the file, and the lines of it that count."""

    start: int
    lines: tuple[Line, ...]
    below: int = 0
    """Of a chunk that only adds lines: the index after its header."""

    @property
    def end(self) -> int:
        """The index after its last old line."""
        return self.start + sum(line.kind != NEW for line in self.lines)


class Haystack:
    """The lines of a file, ready to be searched."""

    def __init__(self, path: str, texts: Sequence[str]) -> None:
        self.path = path
        self.texts = list(texts)
        self._keys: list[list[str] | None] = [self.texts, None, None, None]

    def find(self, wanted: Sequence[str], start: int) -> list[int]:
        """All places from `start` on, by the strictest pass that finds any; `wanted` is not empty."""
        for number, key in enumerate(_PASSES):
            lines = self._folded(number)
            needle = [key(text) for text in wanted]
            places = _occurrences(lines, needle, start)
            if places:
                return places
        return []

    def fits_at(self, wanted: Sequence[str], start: int) -> bool:
        """Whether the lines stand exactly at `start`, by any pass."""
        if start < 0 or start + len(wanted) > len(self.texts):
            return False
        found = self.texts[start : start + len(wanted)]
        return any(all(key(a) == key(b) for a, b in zip(found, wanted, strict=True)) for key in _PASSES)

    def _folded(self, number: int) -> list[str]:
        keys = self._keys[number]
        if keys is None:
            keys = self._keys[number] = [_PASSES[number](text) for text in self.texts]
        return keys


def _occurrences(lines: list[str], needle: list[str], start: int) -> list[int]:
    places = []
    last = len(lines) - len(needle)
    at = start
    while at <= last:
        try:
            at = lines.index(needle[0], at, last + 1)
        except ValueError:
            break
        if lines[at : at + len(needle)] == needle:
            places.append(at)
        at += 1
    return places


def locate(hay: Haystack, chunk: Chunk, cursor: int) -> Place:
    """The place of a chunk at or after `cursor`. Raises PatchError when there is none, or more than one."""
    anchors = _anchors(hay, chunk, cursor)
    if not chunk.old:
        return Place(len(hay.texts), chunk.lines, anchors[0] + 1 if anchors else 0)
    for lines, at_end in _variants(chunk):
        old = [line.text for line in lines if line.kind != NEW]
        places = _places(hay, chunk, old, cursor, anchors)
        if at_end:
            places = [place for place in places if place + len(old) == len(hay.texts)]
        if len(places) > 1:
            raise PatchError(_ambiguous(hay, chunk, places, anchors))
        if places:
            return Place(places[0], lines)
    if not hay.texts and not any(chunk.old):
        return Place(0, tuple(line for line in chunk.lines if line.kind == NEW))
    raise PatchError(_not_found(hay, chunk, cursor))


def _variants(chunk: Chunk) -> list[tuple[tuple[Line, ...], bool]]:
    """The chunk as written, then without the empty line at its end, then without further ones: they may be layout, or
    mean the end of the file.

    The flag says that the lines fit only where the file ends.
    """
    variants = [(chunk.lines, False)]
    lines, at_end = chunk.lines, False
    while sum(line.kind != NEW for line in lines) > 1:
        last = max(number for number, line in enumerate(lines) if line.kind != NEW)
        if lines[last].text:
            break
        at_end = at_end or (len(variants) > 1 and last < len(lines) - 1)
        rest = lines[last + 1 :]
        if lines[last].kind == GONE:
            rest = rest[:-1] if rest and not rest[-1].text else rest
        elif rest:
            rest = (Line(NEW, ""), *rest)
        lines = (*lines[:last], *rest)
        variants.append((lines, at_end))
    return variants


def _anchors(hay: Haystack, chunk: Chunk, cursor: int) -> list[int]:
    """The lines that the last header may mean; empty when there is no header."""
    anchors: list[int] = []
    for depth, header in enumerate(chunk.headers):
        if depth == 0:
            anchors = hay.find([header], cursor)
        else:
            anchors = _first_after(anchors, hay.find([header], anchors[0] + 1))
        if not anchors:
            raise PatchError(_no_context(hay, chunk, header, cursor))
    return anchors


def _places(hay: Haystack, chunk: Chunk, old: list[str], cursor: int, anchors: list[int]) -> list[int]:
    if chunk.end_of_file:
        tail = len(hay.texts) - len(old)
        return [tail] if tail >= (anchors[0] if anchors else cursor) and hay.fits_at(old, tail) else []
    if not anchors:
        return hay.find(old, cursor)
    after = _first_after(anchors, hay.find(old, anchors[0] + 1))
    # The header may have been repeated as the chunk's first line.
    return after or [anchor for anchor in anchors if hay.fits_at(old, anchor)]


def _first_after(anchors: list[int], places: list[int]) -> list[int]:
    """For each anchor the first place below it, each place once, in order. Both lists are sorted."""
    found = {places[at] for anchor in anchors if (at := bisect.bisect_right(places, anchor)) < len(places)}
    return sorted(found)


def _ambiguous(hay: Haystack, chunk: Chunk, places: list[int], anchors: list[int]) -> str:
    numbers = ", ".join(str(place + 1) for place in places[:20]) + (", …" if len(places) > 20 else "")
    if anchors:
        mend = "Put one more '@@' header before them, with a line that only the right place has, such as its class."
    else:
        mend = (
            "Add lines that stay (' ') around them until they fit one place only, "
            "or put '@@ ' and the line of the class or function before them."
        )
    return (
        f"Failed to find expected lines in {hay.path}: the chunk on line {chunk.number} of the patch is ambiguous, "
        f"it fits at lines {numbers}:\n{_quoted(chunk.old)}\n{mend}"
    )


def _no_context(hay: Haystack, chunk: Chunk, header: str, cursor: int) -> str:
    text = f"Failed to find context '{header}' in {hay.path} (chunk on line {chunk.number} of the patch)."
    earlier = [place for place in hay.find([header], 0) if place < cursor]
    if earlier:
        return f"{text} It is on line {earlier[-1] + 1}, {_order(cursor)}"
    return f"{text} A header is one whole line of the file.{_similar(hay, [header])}"


def _not_found(hay: Haystack, chunk: Chunk, cursor: int) -> str:
    text = (
        f"Failed to find expected lines in {hay.path}:\n{_quoted(chunk.old)}\n"
        f"(chunk on line {chunk.number} of the patch)"
    )
    places = hay.find(chunk.old, 0)
    if places and places[-1] < cursor:
        return f"{text}\nThey are on line {places[-1] + 1}, {_order(cursor)}"
    if places and chunk.end_of_file:
        return f"{text}\nThey are on line {places[-1] + 1}, but not at the end of the file, as '*** End of File' says."
    if places and chunk.headers:
        return f"{text}\nThey are on line {places[0] + 1}, but not below the header {chunk.headers[-1]!r}."
    if any(line.kind == NEW for line in chunk.lines):
        there = hay.find(chunk.new, 0)
        if there:
            return f"{text}\nThe new lines are there already, from line {there[0] + 1} on: was it applied before?"
    return f"{text}{_similar(hay, chunk.old)}\nCopy the lines from the file as they are now, or read it again first."


def _order(cursor: int) -> str:
    return (
        f"which is not after the previous chunk (that one ends at line {cursor}): "
        "chunks must follow the order of the file and must not overlap. Put them in order, or join them."
    )


def _quoted(lines: Sequence[str]) -> str:
    shown = [line[:_WIDTH] for line in lines[:_SHOWN]]
    if len(lines) > _SHOWN:
        shown.append(f"… and {len(lines) - _SHOWN} more")
    return "\n".join(shown)


def _similar(hay: Haystack, wanted: Sequence[str]) -> str:
    """The part of the file that looks most like what was asked for, with line numbers; empty when nothing does."""
    start = _nearest(hay, wanted)
    if start is None:
        return "\nNothing in the file looks like them." if hay.texts else "\nThe file is empty."
    end = min(len(hay.texts), start + min(len(wanted) + 1, _SHOWN))
    first = max(0, start - 1)
    rows = [f"{number + 1:6} | {hay.texts[number][:_WIDTH]}" for number in range(first, end)]
    return "\nThe nearest lines in the file are:\n" + "\n".join(rows)


def _nearest(hay: Haystack, wanted: Sequence[str]) -> int | None:
    words = dict.fromkeys(text.strip() for text in wanted if text.strip())
    here = [text.strip() in words for text in hay.texts]
    best, start, size = 0, None, len(wanted)
    count = sum(here[:size])
    for at in range(max(1, len(here) - size + 1)):
        if count > best:
            best, start = count, at
        count += (here[at + size] if at + size < len(here) else 0) - (here[at] if at < len(here) else 0)
    if start is not None:
        return start
    lines = {text.strip()[:_WIDTH]: number for number, text in reversed(list(enumerate(hay.texts[:5000])))}
    for word in list(words)[:3]:
        close = difflib.get_close_matches(word[:_WIDTH], lines, n=1, cutoff=0.5)
        if close:
            return lines[close[0]]
    return None
