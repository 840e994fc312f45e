"""What a forge on the network has to be able to do: the part that differs from one to the next. `network.py` makes the
contract of a forge of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from midwatch.domain.forge import Access, Extras, Issue, Judgement, Reaction, Remark, Status
from midwatch.forges.http import Http
from midwatch.forges.news import News


@dataclass(frozen=True, slots=True)
class Place:
    """A repository as the forge has it now."""

    slug: str
    """Its name now: another one than was asked for, where it was renamed."""
    default_branch: str
    archived: bool
    git: str
    """The address that git pushes to, without a user."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch at the forge."""

    tip: str
    """Its commit; empty where there is no such branch."""
    protected: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """A pull request as the forge shows it."""

    number: int
    state: Literal["open", "merged", "closed"]
    url: str
    title: str
    """Without the prefix that says draft, where a forge says it so."""
    body: str
    draft: bool
    branch: str
    """Of the change; `OWNER:BRANCH` where it is in another repository."""
    commit: str
    base: str
    base_commit: str
    author: str
    created: str
    updated: str
    merge_commit: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to be different about a pull request; None stays as it is."""

    title: str | None = None
    body: str | None = None
    base: str | None = None
    draft: bool | None = None


class Site(Protocol):
    """One connection. `slug` is a repository's name there. Raises as the contract of a forge."""

    name: str
    """The connection's."""
    kind: str
    """github, gitlab or forgejo."""
    web: str
    http: Http
    news: News
    """What has happened there, for those whom no webhook reaches."""
    git_user: str
    """Who git says it is; the token is the password."""

    async def place(self, slug: str) -> Place:
        """The repository. Raises InputError when there is none, or it is hidden from us."""

    async def branch(self, slug: str, name: str) -> Branch:
        """A branch; one without a commit when there is none."""

    async def contains(self, slug: str, new: str, old: str) -> bool:
        """Whether the commit or branch `new` has the commit `old` in its history; no when either is not there."""

    async def find(self, slug: str, branch: str) -> Seen | None:
        """The pull request from a branch of this repository: an open one before others, then the newest."""

    async def read(self, slug: str, number: int) -> Seen | None:
        """The pull request of that number."""

    async def create(self, slug: str, seen: Seen) -> Seen:
        """Make one; of `seen` only title, body, draft, branch and base count. Raises Unsure when no answer came."""

    async def edit(self, slug: str, seen: Seen, edit: Edit) -> Seen:
        """Change one, and nothing that is None in `edit`."""

    async def adorn(self, slug: str, seen: Seen, extras: Extras) -> Sequence[str]:
        """Labels and reviewers. What could not be done, in words; it is no reason to fail."""

    async def reopen(self, slug: str, seen: Seen) -> Seen | None:
        """Open a closed one again; None where the forge does not."""

    async def merge(self, slug: str, seen: Seen) -> None:
        """Merge it if its commit is still `seen.commit`. Raises InputError that names the files of a conflict."""

    async def close(self, slug: str, seen: Seen) -> Seen:
        """Close it."""

    async def me(self, slug: str) -> str:
        """Our login there, as remarks have it."""

    async def remarks(self, slug: str, number: int) -> Sequence[Remark]:
        """All below an issue or a pull request, oldest first. Raises InputError when there is none of that number."""

    async def write(self, slug: str, number: int, body: str) -> Remark:
        """Write a remark. Raises Unsure when no answer came."""

    async def rewrite(self, slug: str, number: int, remark: Remark, body: str) -> Remark:
        """Give a remark of ours another body."""

    async def react(self, slug: str, number: int, remark: str, reaction: Reaction) -> None:
        """As the contract of a forge."""

    async def judge(self, slug: str, number: int, judgement: Judgement, mark: str) -> str:
        """Leave a review with `mark` at the end of its body; its URL. Raises Unsure when no answer came."""

    async def judged(self, slug: str, number: int, mark: str) -> str | None:
        """The URL of our review with that mark."""

    async def report(self, slug: str, commit: str, status: Status) -> None:
        """As the contract of a forge."""

    async def issue(self, slug: str, number: int) -> Issue:
        """As the contract of a forge."""

    async def access(self, slug: str, login: str) -> Access:
        """As the contract of a forge."""
