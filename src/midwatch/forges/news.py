"""What has happened at a forge since a time: what its webhooks would have told, in the same words. A look asks for it
where none of them reach us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import Any, Protocol

from pydantic import BaseModel

from midwatch.forges.answered import read
from midwatch.forges.arrived.base import Arrived
from midwatch.forges.http import Http, Params
from midwatch.forges.stamps import Stamps

MOST_PAGES = 10
"""Of a list of issues and pull requests; what is left is read at the next look."""


@dataclass(frozen=True, slots=True)
class Changed:
    """An issue or a pull request that something has happened to. Its words are data."""

    number: int
    pull: bool
    open: bool
    draft: bool
    author: str
    author_id: str
    """What `domain.forge.identity` makes of the author's number there."""
    bot: bool
    """The author is no person, as far as the forge says."""
    body: str
    url: str
    labels: tuple[str, ...]
    assignees: tuple[str, ...]
    """Logins."""
    created: float
    updated: float
    """Seconds since 1970, by the forge's clock."""
    digest: str
    """Of all that its list shows of it: another one when it has changed again."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What has changed up to some time."""

    things: Sequence[Changed]
    until: float = inf
    """Where there was too much for once: when the next look has to begin."""


@dataclass(frozen=True, slots=True)
class Told:
    """Something that has happened, and when by the forge's clock, in seconds since 1970."""

    at: float
    arrived: Arrived


@dataclass(frozen=True, slots=True)
class Head:
    """Of an open pull request of ours."""

    number: int
    branch: str
    commit: str


class News(Protocol):
    """Of one connection. Times are seconds since 1970. Raises as the contract of a forge."""

    async def changed(self, slug: str, since: float, stamps: Stamps) -> Sweep:
        """Issues and pull requests to which something has happened since then; none where the forge shows the same as
        at the last look. Where there are too many, those that changed first."""

    async def given(self, slug: str, number: int) -> Sequence[Told]:
        """Who has put which label on an issue, and who has assigned it to whom, as far as the forge names them."""

    async def said(self, slug: str, since: float, things: Sequence[Changed]) -> Sequence[Told]:
        """What has been said since then: remarks, and the reviews of those of `things` that are pull requests."""

    async def ran(self, slug: str, heads: Sequence[Head], since: float, stamps: Stamps) -> Sequence[Told]:
        """The runs that have ended on these commits, the latest of each name; without those that were shown at the last
        look."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that a forge gives by when its entries changed, the first one first."""

    path: str
    slug: str
    since: str
    """The name of the parameter that has the time."""
    params: Mapping[str, str | int]
    size: int = 100

    def asked(self, since: float, page: int) -> Params:
        """The query."""
        return {**self.params, self.since: written(since), "per_page": self.size, "page": page}


class _Dated(BaseModel):
    id: int
    updated_at: str


async def changed_since(
    http: Http,
    listing: Listing,
    since: float,
    stamps: tuple[Stamps, str] | None = None,
    *,
    pages: int = MOST_PAGES,
    taken: Sequence[int] = (),
) -> tuple[list[Any], float]:
    """The entries that changed since then, each once, and where to go on if that is not all of them. From a full page
    it goes on at the time of its last entry: what changes meanwhile moves to the end, and would push others past a page
    that is counted. Nothing where the first answer is that of the stamp, or has a status in `taken`."""
    found: dict[int, Any] = {}
    begin, page = since, 1
    for number in range(pages):
        params = listing.asked(begin, page)
        if stamps is not None and number == 0:
            reply = await stamps[0].ask(http, stamps[1], listing.path, slug=listing.slug, params=params, taken=taken)
            if reply is None:
                return [], inf
        else:
            reply = await http.request("GET", listing.path, slug=listing.slug, params=params, taken=taken)
        entries = reply.data if isinstance(reply.data, list) else []
        dated = read(list[_Dated], entries, http.name)
        found.update({one.id: entry for one, entry in zip(dated, entries, strict=True)})
        if len(entries) < listing.size:
            return list(found.values()), inf
        if stamps is not None:
            stamps[0].drop(stamps[1])
        last = when(dated[-1].updated_at)
        begin, page = (last, 1) if int(last) > int(begin) else (begin, page + 1)
    # so many at one time that its pages do not end: from the next second on
    return list(found.values()), begin if int(begin) > int(since) else begin + 1


def when(text: str | None) -> float:
    """A time of a forge; 0 for none."""
    try:
        return datetime.fromisoformat(text or "").timestamp()
    except (ValueError, OverflowError):
        return 0.0


def written(seconds: float) -> str:
    """A time as forges read it, in whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
