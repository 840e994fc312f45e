"""What a look at a repository makes of what has happened there: the arrivals that deliveries would have made."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from midwatch.answering import STATUS
from midwatch.arriving.asking import asked
from midwatch.arriving.starting import key_of_issue
from midwatch.arriving.told import by_delivery
from midwatch.domain.codec import from_json, to_json
from midwatch.domain.errors import InputError
from midwatch.engine.forges.arrivals import LOOKED, Arrivals, Delivery, named
from midwatch.engine.forges.looks import SLACK, Known
from midwatch.engine.forges.origins import Origins
from midwatch.forges.arrived.base import Arrived
from midwatch.forges.marks import is_ours
from midwatch.forges.news import Head, Told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from midwatch.domain.pull_request import PullRequest
    from midwatch.engine.accounts.repositories import Registered
    from midwatch.engine.forges.connections import Connection
    from midwatch.engine.forges.looks import Look
    from midwatch.engine.forges.rules import RepositoryForge
    from midwatch.forges.news import Changed, Sweep
    from midwatch.forges.site import Site
    from midwatch.forges.stamps import Stamps
    from midwatch.wiring import Home

MOST_HEADS = 100
"""Open pull requests of ours whose runs are looked at, the newest."""

log = logging.getLogger("midwatch.hooks")


@dataclass(frozen=True, slots=True)
class Place:
    """A repository that is looked at."""

    home: Home
    heard: Connection
    repository: Registered
    slug: str
    rules: RepositoryForge
    site: Site
    look: Look
    stamps: Stamps

    async def changed(self) -> Sweep:
        """Issues and pull requests to which something has happened."""
        return await self.site.news.changed(self.slug, self.look.begin, self.stamps)


@dataclass(frozen=True, slots=True)
class Noticed:
    """What was found, the oldest first, and what the next look has to know."""

    found: Sequence[Delivery]
    since: float
    known: Known


async def notice(place: Place, sweep: Sweep, ours: Sequence[PullRequest]) -> Noticed:
    """Read what has happened to those of a sweep that are not as they were at the last look, and which runs have ended
    on `ours`, the open pull requests of ours. Raises MidwatchError; then all is read again at the next look."""
    look, before, things = place.look, place.look.known, sweep.things
    fresh = [one for one in things if before.things.get(_name(one)) != _shown(one)]
    found, drafts = list[Told](), set(before.drafts)
    if fresh:
        found += await _said(place, fresh)
    numbers = {one.number for one in ours}
    for one in fresh:
        if not one.pull:
            found += await _issue(place, one)
        elif place.rules.auto_review and one.number not in numbers:
            found += await _pull(place, one, drafts)
    since = look.reached(max((one.updated for one in things), default=0.0), sweep.until)
    seen = {**before.things, **{_name(one): _shown(one) for one in things}}
    seen = {name: text for name, text in seen.items() if float(text.partition(" ")[0]) >= since - 1}
    made = [(one.at, delivery(place.heard, one.arrived, one.at)) for one in found]
    made += await _runs(place, ours)
    ordered = [one for _, one in sorted(made, key=lambda pair: pair[0])]
    return Noticed(ordered, since, Known(seen, dict(place.stamps.now), tuple(sorted(drafts))))


async def _said(place: Place, fresh: Sequence[Changed]) -> list[Told]:
    """Remarks and reviews that call us, and reviews that ask for changes."""
    begin, mention, found = place.look.begin, place.rules.mention, list[Told]()
    for one in await place.site.news.said(place.slug, begin, fresh):
        told = one.arrived
        if one.at < begin or is_ours(told.text) or not (told.asks or asked(told.text, mention)):
            continue
        if told.what != "review" or not await by_delivery(place.home, place.heard, told, one.at):
            found.append(one)
    return found


async def _issue(place: Place, one: Changed) -> list[Told]:
    """That it calls us, has our label, or was given to us: where somebody is named who did that since."""
    home, heard, begin, found = place.home, place.heard, place.look.begin, list[Told]()
    if not one.open or await Origins(home.store.database).of_key(key_of_issue(heard, place.slug, one.number)):
        return found
    if one.created >= begin and asked(one.body, place.rules.mention) and not is_ours(one.body):
        told = Arrived(
            "mentioned", place.slug, one.number, pull=False, actor=one.author, actor_id=one.author_id, bot=one.bot,
            text=one.body, url=one.url,
        )  # fmt: skip
        found.append(Told(one.created, told))
    label, wanted = place.rules.trigger_label.lower(), set[tuple[str, str]]()
    if label and label in (name.lower() for name in one.labels):
        wanted.add(("labelled", label))
    if one.assignees and (me := await _me(place)) in (login.lower() for login in one.assignees):
        wanted.add(("assigned", me))
    for given in await _given(place, one.number) if wanted else ():
        told = given.arrived
        fits = given.at >= begin and (told.what, told.subject.lower()) in wanted
        if fits and not await by_delivery(home, heard, told, given.at):
            found.append(given)
    return found


async def _me(place: Place) -> str:
    """Who we are there, in lower case."""
    return (place.heard.login or await place.site.me(place.slug)).lower()


async def _given(place: Place, number: int) -> Sequence[Told]:
    try:
        return await place.site.news.given(place.slug, number)
    except InputError as error:  # this one alone: the others are looked at all the same
        about = {"repository": place.repository.name, "number": number, "error": error.message}
        log.warning("the forge does not tell who has labelled or assigned an issue", extra=about)
        return ()


async def _pull(place: Place, one: Changed, drafts: set[int]) -> list[Told]:
    """That somebody's was opened, or is no draft any more. A push to one that is open already is neither."""
    if not one.open or one.draft:
        (drafts.add if one.open else drafts.discard)(one.number)
        return []
    ready = one.number in drafts
    drafts.discard(one.number)
    opened = one.created >= place.look.begin
    if not ready and not (opened and not await _heard_of(place, one)):
        return []
    seen = await place.site.read(place.slug, one.number)
    if seen is None or seen.state != "open" or seen.draft:
        return []
    told = Arrived(
        "ready" if ready else "opened", place.slug, one.number, pull=True, actor=one.author, actor_id=one.author_id,
        bot=one.bot, commit=seen.commit, branch=seen.branch, fork=":" in seen.branch, url=one.url,
    )  # fmt: skip
    return [Told(one.updated, told)]


async def _heard_of(place: Place, one: Changed) -> bool:
    """Whether it is known that it was opened, at whichever commit."""
    since = place.look.oldest - SLACK
    arrivals = Arrivals(place.home.store.database)
    rows = [
        *await arrivals.lately(place.heard.id, "opened", one.number, since),
        *await arrivals.lately(place.heard.id, "ready", one.number, since),
    ]
    return any(from_json(Arrived, json.loads(text)).slug.lower() == place.slug.lower() for _, text in rows)


async def _runs(place: Place, ours: Sequence[PullRequest]) -> list[tuple[float, Delivery]]:
    """Runs that have ended. One that has passed, and never failed on that commit, is written down and needs no more."""
    newest = sorted(ours, key=lambda one: one.number, reverse=True)[:MOST_HEADS]
    heads = [Head(one.number, one.proposal.branch, one.proposal.commit) for one in newest]
    oldest, heard = place.look.oldest, place.heard
    ran = [one for one in await place.site.news.ran(place.slug, heads, oldest, place.stamps) if one.at >= oldest]
    told = [one for one in ran if one.arrived.name != STATUS and not one.arrived.name.startswith(f"{STATUS} ")]
    if not told:
        return []
    kept = await Arrivals(place.home.store.database).meanings(heard.id, "run", named(place.slug))
    runs = [*(from_json(Arrived, json.loads(text)) for text in kept), *(one.arrived for one in told)]
    failed = {(one.name, one.commit) for one in runs if one.failed}
    return [
        (one.at, delivery(heard, one.arrived, passed=(one.arrived.name, one.arrived.commit) not in failed))
        for one in told
    ]


def delivery(heard: Connection, told: Arrived, at: float = 0.0, *, passed: bool = False) -> Delivery:
    """What is kept of something that was found. What may be done again by the same person is told apart by its time.
    `passed`: nothing is to be done about it."""
    key = told.key or f"{told.what} {told.slug.lower()}#{told.number} {told.subject} {told.commit}"
    name = f"{LOOKED}{key} {at:.0f}" if told.what in ("labelled", "assigned") else f"{LOOKED}{key}"
    return Delivery(
        heard.id, named(name), told.what, named(told.slug), told.number, named(told.key), json.dumps(to_json(told)),
        "done" if passed else "waiting", "it passed" if passed else "",
    )  # fmt: skip


def _name(one: Changed) -> str:
    return f"{'!' if one.pull else '#'}{one.number}"


def _shown(one: Changed) -> str:
    return f"{one.updated:.0f} {one.digest}"
