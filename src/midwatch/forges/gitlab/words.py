"""How what we write reaches GitLab as words and as nothing else."""

from __future__ import annotations

import re

_LONGEST_TITLE = 255
_LONGEST_TEXT = 500_000
"""Characters. GitLab takes a million bytes of Markdown."""

_DRAFT = re.compile(r"\s*(?:\[draft\]|\(draft\)|draft:|draft\s+-|\[wip\]|wip:)\s*", re.IGNORECASE)
_KEPT = re.compile(r"(?:\A|(?<=[\n\r\x0b\x0c\x85\u2028\u2029]))([^\S\n\r]*)\\/(?=[A-Za-z_]+(?:\s|\Z))")
_QUICK_ACTION = re.compile(r"(?:\A|(?<=[\n\r\x0b\x0c\x85\u2028\u2029]))([^\S\n\r]*)/(?=[A-Za-z_]+(?:\s|\Z))")


def title(text: str, *, draft: bool) -> str:
    """A title that makes a draft exactly when it shall: GitLab reads that from its beginning."""
    said = bare(text)
    return (f"Draft: {said}" if draft else said)[:_LONGEST_TITLE]


def bare(text: str) -> str:
    """A title without what makes a draft."""
    said = " ".join(text.split())
    while found := _DRAFT.match(said):
        said = said[found.end() :]
    return said or "Change"


def plain(text: str) -> str:
    """Markdown without quick actions: a line like `/merge` in what a model wrote would be carried out with our
    token. It is shown as it was."""
    return _QUICK_ACTION.sub(r"\1\\/", _cut(text.replace("\0", "")))


def as_written(text: str) -> str:
    """Markdown as it was before `plain`."""
    return _KEPT.sub(r"\1/", text)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "\n\n…"
