"""The mark in what we write at a forge, by which it is found again: hidden from readers, kept by the forge."""

from __future__ import annotations

import hashlib
import re

_BEGIN = "<!-- midwatch:"
_MARKER = re.compile(r"[A-Za-z0-9._:/#@+-]{1,120}")


def mark(marker: str) -> str:
    """What stands at the end of a text with this marker; its digest, where a comment of HTML could not hold it."""
    if not _MARKER.fullmatch(marker) or "--" in marker:
        marker = hashlib.sha256(marker.encode("utf-8", "backslashreplace")).hexdigest()[:32]
    return f"{_BEGIN}{marker} -->"


def marked(body: str, marker: str, most: int) -> str:
    """The body with its mark, of at most so many characters; a longer one is cut and says so."""
    return with_end(body, f"\n\n{mark(marker)}", most)


def with_end(body: str, end: str, most: int) -> str:
    """The body with something at its end that is kept when the rest is cut."""
    text = body.rstrip()
    if len(text) + len(end) > most:
        cut = "\n\n(cut: the forge takes no more)"
        text = text[: most - len(end) - len(cut)] + cut
    return text + end


def has(body: str, marker: str) -> bool:
    """Whether the body ends with this mark; one that somebody quotes further up does not count."""
    return body.rstrip().endswith(mark(marker))


def is_ours(text: str) -> bool:
    """Whether we have written it: it is never heard as somebody's words. One that quotes us further up is theirs."""
    return text.rstrip().rpartition("\n")[2].lstrip().startswith(_BEGIN)
