"""Builds of environments and terminals in them: begun here, done by a worker, and followed from here."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from midwatch.domain.errors import MidwatchError
from midwatch.engine.database.base import Connection
from midwatch.engine.sittings import KIND, Sitting, Sittings, add, open_of
from midwatch.engine.turns import Asked
from midwatch.server.environment_forms import sitting_of
from midwatch.server.problems import Problem, missing
from midwatch.server.streams import HEARTBEAT, RIGHTS, frame, still
from midwatch.workflows.kept import make_task
from midwatch.workflows.start import Request

if TYPE_CHECKING:
    from midwatch.domain.task import Task
    from midwatch.engine.accounts.repositories import Registered
    from midwatch.server.accounts.repeating import Operation
    from midwatch.server.service import Visit
    from midwatch.wiring import Home

MOST_OF_USER = 3
"""Terminals of one user at a time."""
MOST_OPEN = 20
"""Terminals of all together."""
QUICK, QUIET = 0.05, 0.4
"""Seconds between two looks for output: while some comes, and when none has for a while."""
_TITLES = {"build": "Build the environment", "terminal": "A terminal in the environment"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be begun."""

    kind: str
    base: str | None
    trust_recipe: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


async def begin(visit: Visit, repository: Registered, wish: Wish, operation: Operation) -> Sitting:
    """Put it into the queue; the same one for the same operation. Raises InputError for a recipe that cannot be used,
    or is not trusted, Problem 429 for one terminal too many."""
    home, who = visit.service.home, visit.who
    task = await visit.service.aside.do(_task(home, repository.location, wish, operation.task_id()))
    sitting = Sitting(task.id, repository.id, wish.kind, who.user_id, who.name, options=wish.options)
    action, entry = f"environment.{wish.kind}", operation.entry_id()
    turns = visit.turns(action, task.id, repository, entry, also=partial(_add, sitting=sitting))
    await visit.service.hand(await turns.submit(task, asked=Asked(who.name)))
    return await found(visit, repository, task.id, wish.kind)


async def found(visit: Visit, repository: Registered, name: str, kind: str) -> Sitting:
    """The one with that id. Raises Problem 404, also for another's terminal."""
    sitting = await Sittings(visit.service.home.store.database).find(name)
    if sitting is None or (sitting.repository, sitting.kind) != (repository.id, kind):
        raise missing(kind)
    if kind == "terminal" and sitting.account != visit.who.user_id and not visit.who.admin:
        raise missing(kind)
    return sitting


async def cancel(visit: Visit, repository: Registered, sitting: Sitting) -> None:
    """End it; nothing where it has ended."""
    if not sitting.over:
        turns = visit.turns(f"environment.{sitting.kind}.cancel", sitting.task, repository)
        try:
            await turns.wish(sitting.task, "cancel", visit.who.name)
        except MidwatchError:
            again = await Sittings(visit.service.home.store.database).find(sitting.task)
            if again is not None and not again.over:
                raise


async def follow(visit: Visit, name: str, after: int, may: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
    """Its output in the form of `text/event-stream`, until it is over: messages `piece` with their numbers, `state`
    when that has changed, and `end`. Ends also when `may` says so, and when the server is being stopped."""
    sittings, streams = Sittings(visit.service.home.store.database), visit.service.streams
    yield b"retry: 1000\n\n"
    at, pause, told = after, QUICK, ""
    looked = spoken = time.monotonic()
    while not streams.closing:
        if time.monotonic() > looked + RIGHTS:
            looked = time.monotonic()
            if not await still(may):
                return
        try:
            sitting, pieces = await sittings.pieces(name, at)
        except MidwatchError:  # a database that is gone for a while
            await asyncio.sleep(QUIET)
            continue
        if sitting is None:
            return
        frames = [
            frame("piece", number, json.dumps({"data": base64.b64encode(data).decode()})) for number, data in pieces
        ]
        at = pieces[-1][0] if pieces else at
        state = sitting_of(sitting).model_dump_json()
        if state != told and not sitting.over:
            frames, told = [*frames, frame("state", at, state)], state
        if frames:
            yield b"".join(frames)
            spoken, pause = time.monotonic(), QUICK
        elif sitting.over:
            yield frame("end", at, state)
            return
        elif time.monotonic() > spoken + HEARTBEAT:
            spoken = time.monotonic()
            yield b": still here\n\n"
        await asyncio.sleep(pause)
        pause = min(QUIET, pause * 1.3)


async def _task(home: Home, location: str, wish: Wish, name: str) -> Task:
    repository = await home.repository(location)
    limits = home.settings.limits.fill({})
    around = home.settings.surroundings(home.state, home.environ, "", None, limits)
    around = replace(around, means=await home.means(repository.location))
    request = Request(
        _TITLES[wish.kind], location, wish.base, kind=KIND, mode="workspace", trust_recipe=wish.trust_recipe, id=name
    )
    return await make_task(request, repository, around, home.store.database)


def _add(db: Connection, sitting: Sitting) -> None:
    if sitting.kind == "terminal":
        _require_room(db, sitting)
    add(db, sitting)


def _require_room(db: Connection, sitting: Sitting) -> None:
    db.alone("terminals")  # whoever opens another waits here, else both would find room
    known = db.execute("SELECT 1 FROM sitting WHERE task = ?", (sitting.task,)).fetchone()
    if known is not None:
        return
    if open_of(db, "terminal", sitting.account) >= MOST_OF_USER:
        raise Problem(429, f"you have {MOST_OF_USER} terminals open", "close one of them")
    if open_of(db, "terminal") >= MOST_OPEN:
        raise Problem(429, "as many terminals are open as this server lets", "come again when one is closed")
