"""What the routes work with, and how they come to it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from midwatch.domain.errors import InputError, OperationError
from midwatch.domain.ids import task_of
from midwatch.engine.accounts.audit import write
from midwatch.engine.accounts.repositories import Registered, Repositories
from midwatch.engine.database.further import Further
from midwatch.engine.handing import hand_over
from midwatch.engine.turns import Turns
from midwatch.engine.waits import Wait, waits
from midwatch.server.accounts.caller import Caller, caller, require
from midwatch.server.accounts.desk import deed
from midwatch.server.accounts.repeating import Operation, operation
from midwatch.server.aside import Aside
from midwatch.server.branched import Branching
from midwatch.server.counts import Counts
from midwatch.server.problems import missing
from midwatch.server.recorded import Recorded
from midwatch.server.rows import Rows
from midwatch.server.seats import Seats
from midwatch.server.streams import Streams
from midwatch.server.sums import Sums

log = logging.getLogger("midwatch.server")

if TYPE_CHECKING:
    from midwatch.engine.accounts.words import Role
    from midwatch.engine.base import Engine
    from midwatch.engine.database.base import Connection
    from midwatch.engine.store.base import TaskRow
    from midwatch.engine.turns import Turn
    from midwatch.wiring import Home


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of a server process. Made by `serving`, closed by it."""

    home: Home
    turns: Turns
    engine: Engine
    repositories: Repositories
    streams: Streams
    seats: Seats
    aside: Aside
    branching: Branching
    counts: Counts
    sums: Sums
    rows: Rows

    async def close(self) -> None:
        """End what goes on by itself; those who follow are let go. May be called twice."""
        await self.streams.close()
        await self.rows.close()
        await self.sums.close()
        await self.counts.close()
        await self.branching.close()
        await self.aside.close()

    async def hand(self, turn: Turn) -> Turn:
        """Give the engine what is queued. Where that fails the turn is kept all the same: the sweep of a worker hands
        it over."""
        try:
            await hand_over(self.turns, self.engine, turn)
        except OperationError as error:
            log.warning("turn %s is not handed over yet: %s", turn.id, error.message)
        return turn

    async def waits(self, *turns: Turn | None) -> Mapping[str, Wait]:
        """What those of the turns wait for that are queued, by their ids."""
        return await waits(self.home.store.database, [turn for turn in turns if turn is not None])


@dataclass(frozen=True, slots=True)
class Visit:
    """A caller, and what they may see of what there is."""

    service: Service
    who: Caller

    def turns(
        self,
        action: str,
        subject: str,
        repository: Registered | None,
        entry: str = "",
        also: Callable[[Connection], None] | None = None,
    ) -> Turns:
        """The turns, of which one is changed; it stands in the audit log that this caller did it. `entry`: the id that
        it stands there with; empty for any. `also` is done in the same transaction; what it raises undoes all."""
        done = deed(self.who, action, subject, repository.id if repository else "", entry)
        recorded = Recorded(self.service.home.store.database, done)
        return Turns(recorded if also is None else Further(recorded, lambda db, _: also(db)))

    async def waits(self, *turns: Turn | None) -> Mapping[str, Wait]:
        """What those of the turns wait for that are queued, by their ids; of the limits of other users no number."""
        found, owners = await self.service.waits(*turns), {turn.id: turn.owner for turn in turns if turn is not None}
        known = [name for name, owner in owners.items() if self.who.everywhere or owner == self.who.name]
        return {name: wait if name in known else wait.to_others() for name, wait in found.items()}

    async def note(self, action: str, subject: str, repository: Registered | None) -> None:
        """Write down what this caller has done to something that no transaction of the database changes."""
        done = deed(self.who, action, subject, repository.id if repository else "")
        await self.service.home.store.database.write(lambda db: write(db, done))

    async def task(self, task_id: str, role: Role = "viewer") -> tuple[TaskRow, Registered | None]:
        """A task by its whole id, and its repository where that is registered. Raises Problem 404 for what the caller
        may not see, 403 for what they may see and not do."""
        try:
            row = await self.service.home.store.find(task_id)
        except InputError:
            raise missing("task") from None
        if row.task.id != task_of(task_id):
            raise missing("task")
        found = await self.service.repositories.at(row.task.repository)
        require(self.who, found.id if found else "", role, "task")
        return row, found

    async def attempt(self, attempt_id: str) -> TaskRow:
        """The task of an attempt that there is, and that the caller may see. Raises Problem as `task`."""
        return (await self.attempt_of(attempt_id))[0]

    async def attempt_of(self, attempt_id: str) -> tuple[TaskRow, Registered | None]:
        """The same, with its repository where that is registered."""
        row, repository = await self.task(task_of(attempt_id))
        if attempt_id not in [state.attempt for state in row.attempts]:
            raise missing("attempt")
        return row, repository

    async def repository(self, name: str, role: Role) -> Registered:
        """A registered repository by its id or its name. Raises Problem as `task`."""
        known = await self.visible()
        # the id first: a name may look like the id of another
        found = next((one for one in known if name == one.id), None)
        found = found or next((one for one in known if name == one.name), None)
        if found is None:
            raise missing("repository")
        require(self.who, found.id, role, "repository")
        return found

    async def visible(self) -> list[Registered]:
        """All registered repositories that the caller may see."""
        found: list[Registered] = []
        while page := await self.service.repositories.all(self.who.repositories, found[-1].id if found else ""):
            found += page
        return found


def service(request: Request) -> Service:
    """The parts of this process."""
    found = request.app.state.service
    assert isinstance(found, Service)
    return found


# Both are coroutines only so that the framework starts no thread for them.
async def _visit(request: Request) -> Visit:
    return Visit(service(request), caller(request))


async def _operation(request: Request) -> Operation:
    return operation(request)


Visiting = Annotated[Visit, Depends(_visit)]
"""A dependency of routes: who calls, with what they may see."""
Wanted = Annotated[Operation, Depends(_operation)]
"""And: which operation a POST is, the same for each try of one with a key."""
