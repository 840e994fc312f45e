"""Looking at forges that do not tell: where no delivery has come for a while, what has happened in the repository since
the last look is read. What is found becomes arrivals with the same keys as deliveries have."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from midwatch.arriving.noticing import Place, delivery, notice
from midwatch.domain.errors import MidwatchError
from midwatch.engine.accounts.repositories import Repositories
from midwatch.engine.forges.arrivals import Arrivals, keep
from midwatch.engine.forges.looks import Looks, end
from midwatch.forges.arrived.base import Arrived
from midwatch.forges.connected import innermost
from midwatch.forges.stamps import Stamps

if TYPE_CHECKING:
    from midwatch.domain.pull_request import PullRequest
    from midwatch.engine.accounts.repositories import Registered
    from midwatch.engine.database.base import Connection as Db
    from midwatch.engine.forges.connections import Connection
    from midwatch.wiring import Home

_SOONER = 0.9
"""Of the pause, after which another worker may look: none of them is on time to the second."""

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
    """Look once at every repository of a connection that nothing was told of for so many seconds, and that no other
    worker has looked at meanwhile; how much was new. What cannot be read is logged, and the rest is read all the
    same."""
    found = 0
    try:
        arrivals, connections = Arrivals(home.store.database), await home.connected.all()
        for repository in await Repositories(home.store.database).everything() if connections else ():
            belongs = innermost(connections, repository.location)
            if belongs is None or await arrivals.heard(belongs[0].id, belongs[1], quiet):
                continue
            found += await _repository(home, belongs[0], repository, belongs[1], quiet)
    except MidwatchError as error:
        log.warning("could not look at the forges", extra={"error": error.message})
    return found


async def _repository(home: Home, heard: Connection, repository: Registered, slug: str, every: float) -> int:
    database = home.store.database
    look = await Looks(database).begin(heard.id, repository.id, repository.created, every * _SOONER)
    if look is None:
        return 0
    try:
        forge = await home.connected.adapter(repository.location)
        if forge is None:
            return 0
        rules = await home.connected.beside.forge(repository.id)
        stamps = Stamps(look.known.stamps)
        return await _look(Place(home, heard, repository, slug, rules, forge.site, look, stamps))
    except MidwatchError as error:
        log.warning("could not look at a repository", extra={"repository": repository.name, "error": error.message})
        return 0


async def _look(place: Place) -> int:
    """What has happened in one repository; all of it is kept together with how far it was read."""
    home, look, new = place.home, place.look, 0
    sweep = await place.changed()
    touched = {one.number for one in sweep.things if one.pull}
    for one in await home.forge.list(place.repository.location, "open"):
        if look.first or one.number in touched:
            new += await _settled(place, one)
    noticed = await notice(place, sweep, await home.forge.list(place.repository.location, "open"))

    def work(db: Db) -> int:
        kept = sum(keep(db, one) for one in noticed.found)
        end(db, look, noticed.since, noticed.known)
        return kept

    if not noticed.found and (noticed.since, noticed.known) == (look.since, look.known):
        return new
    return new + await home.store.database.write(work)


async def _settled(place: Place, before: PullRequest) -> bool:
    """What has become of a pull request that the book has as open; whether that is new. It is kept at once: the book
    has it by now, so no later look would find it."""
    now = await place.home.forge.get(place.repository.location, before.number)
    if now.state == before.state:
        return False
    told = Arrived("changed", place.slug, before.number, pull=True, actor="", subject=now.state, commit=now.updated)
    return await Arrivals(place.home.store.database).keep(delivery(place.heard, told))
