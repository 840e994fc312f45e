"""A repository's template for the text of its pull requests: found in the base commit, and filled in. It is text; none
of it is run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from midwatch.workspace import objects
from midwatch.workspace.location import is_url

if TYPE_CHECKING:
    from midwatch.domain.task import Words
    from midwatch.workspace.repository import Repository

PLACES = (
    ".github/pull_request_template.md",
    "pull_request_template.md",
    "docs/pull_request_template.md",
    ".gitlab/merge_request_templates/default.md",
    ".forgejo/pull_request_template.md",
    ".gitea/pull_request_template.md",
)
"""Where the forges look for it, in whatever case."""
LARGEST = 16 << 10
"""Bytes of one that is taken."""

_HEADING = re.compile(r" {0,3}#{1,6}\s.*")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FENCE = re.compile(r" {0,3}(```|~~~)")
_MEANING: Sequence[tuple[str, re.Pattern[str]]] = (
    ("closes", re.compile(r"\b(issues?|tickets?|closes|fixes|related|references?)\b", re.IGNORECASE)),
    ("evidence", re.compile(r"\b(test(s|ed|ing)?|checks?|evidence|verif\w*|qa|validation)\b", re.IGNORECASE)),
    ("changes", re.compile(r"\b(files|what changed|changes made|list of changes)\b", re.IGNORECASE)),
    ("summary", re.compile(r"\b(summary|description|what|why|about|overview|changes?|motivation|purpose)\b", re.I)),
)
"""Which of our parts belongs below a heading: the first that fits."""


async def found(repository: Repository, commit: str, files: Sequence[str], words: Words) -> Words:
    """The words of a task with the template of its repository, where a pull request of it goes to a forge that has
    such templates: not for a folder of this machine."""
    if not is_url(repository.location):
        return words
    names = {name.lower(): name for name in reversed(files)}
    path = next((names[place] for place in PLACES if place in names), None)
    if path is None:
        return words
    content = (await objects.read_files(repository.git, commit, [path])).get(path, b"")
    text = content.decode("utf-8", "replace").replace("\0", "") if len(content) <= LARGEST else ""
    return replace(words, template=text.strip())


def filled(template: str, parts: Mapping[str, str]) -> str:
    """The template with our parts below the headings that they belong to; what no heading is for comes first or last.
    Hints in comments are left out, and all else stays as it is: a box that a person has to tick is not ticked."""
    left = {name: text for name, text in parts.items() if text}
    if not template:
        return "\n\n".join(left.values())
    made: list[str] = []
    for heading, text in _sections(_COMMENT.sub("", template)):
        meant = next((name for name, pattern in _MEANING if pattern.search(heading) and name in left), "")
        kept = [heading, left.pop(meant) if meant else "", text.strip()]
        made.append("\n\n".join(part for part in kept if part))
    first = [left.pop(name) for name in ("summary",) if name in left]
    return "\n\n".join(part for part in (*first, *made, *left.values()) if part.strip())


def _sections(text: str) -> list[tuple[str, str]]:
    """Each heading with what stands below it; the first has none."""
    found: list[tuple[str, list[str]]] = [("", [])]
    fenced = False
    for line in text.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        if not fenced and _HEADING.fullmatch(line):
            found.append((line.strip(), []))
        else:
            found[-1][1].append(line)
    return [(heading, "\n".join(lines)) for heading, lines in found]
