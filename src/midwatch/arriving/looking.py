"""Looking at forges that do not tell: where no delivery has come for a while, the open pull requests of ours and what
is said below them are read. What is found becomes arrivals with the same keys as deliveries have."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from midwatch.arriving.asking import asked
from midwatch.domain.codec import from_json, to_json
from midwatch.domain.errors import MidwatchError
from midwatch.engine.accounts.repositories import Repositories
from midwatch.engine.forges.arrivals import FORGOTTEN, LOOKED, Arrivals, Delivery, named
from midwatch.engine.forges.origins import Origins
from midwatch.engine.turns import OPEN, Turns
from midwatch.forges.address import slug_below
from midwatch.forges.arrived.base import Arrived, is_ours
from midwatch.forges.arrived.reading import is_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from midwatch.domain.forge import Remark
    from midwatch.domain.pull_request import PullRequest
    from midwatch.engine.accounts.repositories import Registered
    from midwatch.engine.forges.connections import Connection
    from midwatch.wiring import Home

_REVIEW = "review-"
"""How the names of reviews begin that are read at Forgejo."""

log = logging.getLogger("midwatch.hooks")


class Watch:
    """Looks now and then, one look at a time, beside what else is done."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._looked = time.monotonic()
        self._looking: asyncio.Task[int] | None = None

    async def look(self) -> None:
        """Begin another look where it is time for one."""
        every = self._home.settings.server.forge_poll_seconds
        if not every or time.monotonic() - self._looked < every:
            return
        if self._looking is not None and not self._looking.done():
            return
        self._looked = time.monotonic()
        self._looking = asyncio.create_task(look(self._home, every))

    async def stop(self) -> None:
        """End a look that goes on; the next one finds the same."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])


async def look(home: Home, quiet: float) -> int:
    """Look once at every connection that has been quiet for so many seconds; how much was new. What cannot be read is
    logged, and the rest is read all the same."""
    found = 0
    try:
        arrivals = Arrivals(home.store.database)
        for heard in await home.connected.all():
            if await arrivals.heard(heard.id) < quiet:
                continue
            for repository in await Repositories(home.store.database).everything():
                slug = slug_below(heard.web, repository.location)
                if slug is not None:
                    found += await _repository(home, heard, repository, slug)
    except MidwatchError as error:
        log.warning("could not look at the forges", extra={"error": error.message})
    return found


async def _repository(home: Home, heard: Connection, repository: Registered, slug: str) -> int:
    mention = (await home.connected.beside.forge(repository.id)).mention
    found, settled = list[Arrived](), 0
    try:
        pulls = await home.forge.list(repository.location, "open")
        numbers = {one.number: True for one in pulls}
        numbers.update(dict.fromkeys(await _issues(home, heard, slug), False))
        for one in pulls:
            settled += await _pull(home, heard, repository, slug, one)
        for number, pull in numbers.items():
            for remark in await home.forge.remarks(repository.location, heard.number(number, pull=pull)):
                bot = is_program(heard.kind, remark.author)
                found += _remark(remark, slug, number, mention, pull=pull, bot=bot)
    except MidwatchError as error:
        log.warning("could not look at a repository", extra={"repository": repository.name, "error": error.message})
    arrivals = Arrivals(home.store.database)
    for told in found:
        made = _delivery(heard, told)
        if await told_as(arrivals, heard, told, "review"):
            made = replace(made, state="done", outcome="told as a review")
        settled += await arrivals.keep(made)
    return settled


async def told_as(arrivals: Arrivals, heard: Connection, told: Arrived, event: str) -> bool:
    """Whether a review has come in already by the other of the two ways, as a `review` or a `remark`. Forgejo does not
    tell its name when it is handed in: there it is known by its words."""
    if heard.kind != "forgejo" or not (told.what == "review" or told.subject.startswith(_REVIEW)):
        return False
    kept = [text for text in await arrivals.meanings(heard.id, event, named(told.slug)) if text != FORGOTTEN]
    others = [from_json(Arrived, json.loads(text)) for text in kept]
    same = [one for one in others if one.what == "review" or one.subject.startswith(_REVIEW)]
    return (told.number, told.actor.lower(), told.text.strip()) in [
        (one.number, one.actor.lower(), one.text.strip()) for one in same
    ]


async def _pull(home: Home, heard: Connection, repository: Registered, slug: str, before: PullRequest) -> bool:
    """What has become of a pull request that the book has as open; whether that is new. It is kept at once: the book
    has it by now, so no later look would find it."""
    now = await home.forge.get(repository.location, before.number)
    if now.state == before.state:
        return False
    told = Arrived("changed", slug, before.number, pull=True, actor="", subject=now.state, commit=now.updated)
    return await Arrivals(home.store.database).keep(_delivery(heard, told))


async def _issues(home: Home, heard: Connection, slug: str) -> list[int]:
    """The issues whose tasks are worked on."""
    turns, found = Turns(home.store.database), []
    for origin in await Origins(home.store.database).of_repository(heard.id, slug):
        last = await turns.newest(origin.task)
        if not origin.pull and last is not None and last.status in OPEN:
            found.append(origin.number)
    return found


def _remark(remark: Remark, slug: str, number: int, mention: str, *, pull: bool, bot: bool) -> Sequence[Arrived]:
    if is_ours(remark.body) or asked(remark.body, mention) is None:
        return ()
    return [
        Arrived(
            "remark", slug, number, pull=pull, actor=remark.author, bot=bot, subject=remark.id, text=remark.body,
            url=remark.url, actor_id=remark.author_id,
        )
    ]  # fmt: skip


def _delivery(heard: Connection, told: Arrived) -> Delivery:
    key = told.key or f"{told.what} {told.slug.lower()}#{told.number} {told.subject} {told.commit}"
    meaning = json.dumps(to_json(told))
    return Delivery(
        heard.id, named(f"{LOOKED}{key}"), told.what, named(told.slug), told.number, named(told.key), meaning
    )
