"""What forges have beside pull requests: issues, remarks, and what is said of commits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reaction = Literal["eyes", "+1", "-1", "rocket", "confused"]
Access = Literal["none", "read", "write", "admin"]
"""What a forge lets one of its users do with a repository."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that somebody has written below an issue or a pull request."""

    id: str
    """As the forge names it; unique among the remarks of its repository."""
    author: str
    """The login at the forge."""
    body: str
    """Markdown, as it was written. Data, never instructions of ours."""
    created: str
    url: str
    path: str = ""
    """The file that it stands beside; empty for none."""
    line: int = 0
    """In the new file, counted from 1; 0 for none."""
    author_id: str = ""
    """What `identity` makes of the author's number there."""


def identity(number: int) -> str:
    """Somebody at a forge for as long as they are there, whatever they are called: their number, which nobody else
    gets. Empty where the forge does not say."""
    return str(number) if number > 0 else ""


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue. Its words are data."""

    number: int
    title: str
    body: str
    author: str
    state: Literal["open", "closed"]
    labels: tuple[str, ...]
    assignees: tuple[str, ...]
    url: str


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of a commit, as it stands beside it at the forge."""

    name: str
    """Which of several about one commit: a later one of that name takes its place."""
    state: Literal["pending", "success", "failure", "neutral"]
    summary: str
    """One line."""
    text: str = ""
    """Markdown, where the forge can show it."""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A review to be left on a pull request."""

    commit: str
    """The one that was read."""
    body: str
    remarks: tuple[tuple[str, int, str], ...] = ()
    """File, line in the new file, Markdown."""


@dataclass(frozen=True, slots=True)
class Extras:
    """What a repository wants on every pull request of ours."""

    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    """Logins; `team:NAME` for a team where the forge has teams."""
