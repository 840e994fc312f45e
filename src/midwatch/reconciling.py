"""Keeping a machine clean of what dead processes have left, on demand and every minute."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from midwatch.domain.errors import MidwatchError
from midwatch.engine.budgets.abandoned import forfeit_abandoned
from midwatch.engine.disk import full_or_broken
from midwatch.engine.owned import owned
from midwatch.retaining import retain

if TYPE_CHECKING:
    from midwatch.wiring import Home
    from midwatch.workflows.orphans import Swept

_A_DAY = 86400.0
EVERY = 60.0
"""Seconds from the end of one sweep to the beginning of the next."""

log = logging.getLogger("midwatch.reconciler")


async def orphans(home: Home, *, remove: bool) -> Swept:
    """What no live attempt owns: found, and removed where that is wished for; then what calls of dead processes have
    reserved of budgets is spent, too. Raises StoreError for a database that
    cannot be read, before anything is removed, and for a disk that does not obey."""
    from midwatch.workflows.orphans import Sweeper, Swept

    sweeper = Sweeper(home.state, home.store, lambda: owned(home.store.database))
    try:
        if remove:
            swept = await sweeper.remove()
            await forfeit_abandoned(home.state, home.store)
            return swept
        found = await sweeper.find()
    except OSError as error:
        raise full_or_broken(home.state, error) from error
    return Swept(found, found)


async def reconcile(home: Home, every: float = EVERY) -> None:
    """Remove them at once and then again and again, until cancelled, and once a day take ended tasks out of the
    database where the settings say so. What goes wrong is logged, and tried again."""
    retained = -_A_DAY
    while True:
        if home.settings.retention.days and time.monotonic() - retained > _A_DAY:
            retained = time.monotonic()
            await _retain(home)
        try:
            swept = await orphans(home, remove=True)
        except MidwatchError as error:
            log.warning("could not look for what is left over", extra={"error": str(error)})
        else:
            for orphan in swept.found:
                done = "left over, and still there" if orphan in swept.left else "removed what was left over"
                log.info(done, extra={"kind": orphan.kind, "place": orphan.place, "why": orphan.why})
            for trouble in swept.troubles:
                log.warning("could not remove what is left over", extra={"error": trouble})
        await asyncio.sleep(every)


async def _retain(home: Home) -> None:
    try:
        done = await retain(home, home.settings.retention.days)
    except MidwatchError as error:
        log.warning("could not take ended tasks out of the database", extra={"error": str(error)})
        return
    for trouble in done.troubles:
        log.warning("could not take an ended task out of the database", extra={"error": trouble})
