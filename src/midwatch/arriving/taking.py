"""Taking what has come in, one thing after the other, by any number of workers."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from midwatch.arriving import looking, remarking, running, starting, states, words
from midwatch.arriving.case import Case
from midwatch.arriving.who import asking, may
from midwatch.domain.codec import from_json
from midwatch.domain.errors import InputError, MidwatchError
from midwatch.engine.accounts.repositories import Repositories
from midwatch.engine.effects.base import Wanted
from midwatch.engine.effects.ledger import want
from midwatch.engine.forges.arrivals import PAUSES, Arrival, Arrivals, End, Taken, settle
from midwatch.forges.address import slug_below
from midwatch.forges.arrived.base import Arrived

if TYPE_CHECKING:
    from midwatch.engine.accounts.repositories import Registered
    from midwatch.engine.database.base import Connection as Db
    from midwatch.engine.forges.connections import Connection
    from midwatch.wiring import Home

EVERY = 1.0
"""Seconds between two looks at what has come in."""
KEPT = 30 * 86400.0
"""Seconds after which an arrival that is settled is forgotten."""
_A_DAY = 86400.0
_LONGEST = 240.0
"""Seconds for one arrival, less than it is held."""

_ASKING = ("labelled", "assigned", "mentioned", "remark", "review")
"""What somebody does who wants something of us."""

log = logging.getLogger("midwatch.hooks")


async def arrive(home: Home, every: float = EVERY) -> None:
    """Act on what comes in, and look where nothing can come in by itself, until cancelled. What goes wrong is logged,
    and tried again."""
    arrivals, tidied = Arrivals(home.store.database), -_A_DAY
    watch = looking.Watch(home)
    try:
        while True:
            try:
                if await arrivals.waiting():
                    await gather(home)
                await watch.look()
                if time.monotonic() - tidied > _A_DAY:
                    await arrivals.forget(KEPT)
                    tidied = time.monotonic()
            except MidwatchError as error:
                log.warning("could not act on what has come in", extra={"error": error.message})
            await asyncio.sleep(every)
    finally:
        await watch.stop()


async def gather(home: Home) -> int:
    """Act on all that waits; on how much. Raises StoreError."""
    done, arrivals = 0, Arrivals(home.store.database)
    while taken := await arrivals.take(1):
        for arrival in taken:
            await _act(home, arrivals, arrival)
            done += 1
    return done


async def _act(home: Home, arrivals: Arrivals, arrival: Arrival) -> None:
    """Settle one. What may pass is tried again, what a person must change is said to them where they may ask."""
    about = {"arrival": arrival.id, "event": arrival.event, "slug": arrival.slug, "number": arrival.number}
    case: Case | None = None
    if arrival.tries > len(PAUSES) + 1:  # it may be what they died of
        await _settle(home, arrival, End("failed", "given up", error="whoever took it up died each time"))
        return
    try:
        async with asyncio.timeout(_LONGEST):
            case = await _case(home, arrival)
            if case is not None:
                await _HANDLERS[case.told.what](case)
                return
        await _settle(home, arrival, End("ignored", "no repository of this server"))
    except asyncio.CancelledError:  # the worker is told to stop: the next one need not wait until it is held no more
        with suppress(MidwatchError):
            await arrivals.give_back(arrival)
        raise
    except Taken:
        log.info("another worker has taken it up", extra=about)
    except InputError as error:
        await _refuse(home, case, arrival, error)
    except TimeoutError:
        await arrivals.put_off(arrival, f"it took longer than {_LONGEST:.0f} s")
    except MidwatchError as error:
        again = await arrivals.put_off(arrival, error.message)
        log.warning("tried again later" if again else "given up", extra={**about, "error": error.message})
    except Exception as error:
        log.exception("a bug in Midwatch: what has come in could not be acted on", extra=about)
        await arrivals.put_off(arrival, f"a bug in Midwatch: {type(error).__name__}")


async def _case(home: Home, arrival: Arrival) -> Case | None:
    """None for what belongs to no connection, or to no registered repository."""
    heard = await home.connected.find(arrival.connection)
    if heard is None:
        return None
    told = from_json(Arrived, json.loads(arrival.meaning))
    repository = await _repository(home, heard, told.slug)
    if repository is None:
        return None
    return Case(home, heard, await home.connected.beside.forge(repository.id), repository, arrival, told)


async def _repository(home: Home, heard: Connection, slug: str) -> Registered | None:
    """The one that a connection calls so."""
    for one in await Repositories(home.store.database).everything():
        found = slug_below(heard.web, one.location)
        if found is None or found.lower() != slug.lower():
            continue
        belongs = await home.connected.of(one.location)  # another connection's address may lie below this one's
        if belongs is not None and belongs[0].id == heard.id:
            return one
    return None


async def _refuse(home: Home, case: Case | None, arrival: Arrival, error: InputError) -> None:
    """What cannot be done is said to whoever may ask for it, and to nobody else."""
    end, said = End("failed", "it cannot be done", error=error.message), list[Wanted]()
    if case is not None and case.told.what in _ASKING:
        with suppress(MidwatchError):  # the forge cannot be asked who that is
            said = [words.refused(case, error)] if await may(case) else []
    await _settle(home, arrival, end, said)


async def _settle(home: Home, arrival: Arrival, end: End, said: Sequence[Wanted] = ()) -> None:
    def work(db: Db) -> None:
        for effect in said:
            want(db, effect)
        settle(db, arrival, end)

    try:
        await home.store.database.write(work)
    except Taken:
        log.info("another worker has taken it up", extra={"arrival": arrival.id})


async def _labelled(case: Case) -> None:
    wanted = case.rules.trigger_label
    if not wanted or case.told.subject.lower() != wanted.lower():
        await case.ignore("it is another label")
        return
    await _triggered(case)


async def _assigned(case: Case) -> None:
    if case.told.subject.lower() != await _own_login(case):
        await case.ignore("it was assigned to somebody else")
        return
    await _triggered(case)


async def _own_login(case: Case) -> str:
    """Who we are there, in lower case; of a connection that was never checked the forge is asked, once for each
    process."""
    if case.heard.login:
        return case.heard.login.lower()
    forge = await case.home.connected.adapter(case.location)
    return "" if forge is None else (await forge.site.me(case.told.slug)).lower()


async def _triggered(case: Case) -> None:
    who = await asking(case)
    if who is None:
        return
    await starting.on_issue(case, who, "")


_HANDLERS: Mapping[str, Callable[[Case], Awaitable[None]]] = {
    "labelled": _labelled,
    "assigned": _assigned,
    "mentioned": remarking.mentioned,
    "remark": remarking.remark,
    "review": remarking.review,
    "opened": states.opened,
    "ready": states.opened,
    "changed": states.changed,
    "run": running.ended,
}
