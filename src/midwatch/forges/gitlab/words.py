"""How what we write reaches GitLab as words and as nothing else."""

from __future__ import annotations

import re

from midwatch.forges.drafts import Titles

LONGEST = 500_000
"""Characters. GitLab takes a million bytes of Markdown."""

TITLES = Titles("Draft:", re.compile(r"\s*(?:\[draft\]|\(draft\)|draft:|draft\s+-|\[wip\]|wip:)\s*", re.IGNORECASE))
_KEPT = re.compile(r"(?:\A|(?<=[\n\r\x0b\x0c\x85\u2028\u2029]))([^\S\n\r]*)\\/(?=[A-Za-z_]+(?:\s|\Z))")
_QUICK_ACTION = re.compile(r"(?:\A|(?<=[\n\r\x0b\x0c\x85\u2028\u2029]))([^\S\n\r]*)/(?=[A-Za-z_]+(?:\s|\Z))")


def plain(text: str) -> str:
    """Markdown without quick actions: a line like `/merge` in what a model wrote would be carried out with our
    token. It is shown as it was."""
    return _QUICK_ACTION.sub(r"\1\\/", text.replace("\0", ""))


def as_written(text: str) -> str:
    """Markdown as it was before `plain`."""
    return _KEPT.sub(r"\1/", text)
