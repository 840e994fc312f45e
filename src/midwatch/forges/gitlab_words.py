"""How what we write reaches GitLab as words and as nothing else."""

from __future__ import annotations

import re

_LONGEST_TITLE = 255
_LONGEST_TEXT = 500_000
"""Characters. GitLab takes a million bytes of Markdown."""

_DRAFT = re.compile(r"\s*(?:\[draft\]|\(draft\)|draft:|draft\s+-|\[wip\]|wip:)\s*", re.IGNORECASE)
_QUICK_ACTION = re.compile(r"(?:\A|(?<=[\n\r\x0b\x0c\x85\u2028\u2029]))([^\S\n\r]*)/(?=[A-Za-z_]+(?:\s|\Z))")


def title(text: str, *, draft: bool) -> str:
    """A title that makes a draft exactly when it shall: GitLab reads that from its beginning."""
    plain = " ".join(text.split())
    while found := _DRAFT.match(plain):
        plain = plain[found.end() :]
    plain = plain or "Change"
    return (f"Draft: {plain}" if draft else plain)[:_LONGEST_TITLE]


def plain(text: str) -> str:
    """Markdown without quick actions: a line like `/merge` in what a model wrote would be carried out with our
    token. It is shown as it was."""
    return _QUICK_ACTION.sub(r"\1\\/", _cut(text.replace("\0", "")))


def same(one: str | None, other: str | None) -> bool:
    """Whether a text came back as it was sent: the ends of lines and of the text are the forge's."""
    return _bare(one) == _bare(other)


def _bare(text: str | None) -> str:
    return (text or "").replace("\r\n", "\n").strip()


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "\n\n…"
