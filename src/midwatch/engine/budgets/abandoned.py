"""Money that is reserved for calls of processes that have died, and of which nobody takes the attempts up again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.domain.ids import attempt_id
from midwatch.engine.budgets.ledger import Ledger, forfeit
from midwatch.engine.database.base import Connection
from midwatch.engine.lease import Held, hold
from midwatch.engine.store.sql import SqlStore
from midwatch.engine.turns import Turns, newest

_GOING = ("queued", "running")


async def forfeit_abandoned(state: Path, store: SqlStore) -> Sequence[str]:
    """Count as spent what is reserved for tasks that nobody works on and that wait for no worker; those tasks. A task
    without turns is of a person's own machine: there its locks say whether a process works on it, so such tasks in a
    PostgreSQL database, which other machines share, are left alone. May be called at any time, by many at once. Raises
    StoreError."""
    database = store.database
    ledger, turns, found = Ledger(database), Turns(database), []
    holders = await ledger.holders()
    last = await turns.of_tasks(holders)
    for task in holders:
        if task in last:
            if last[task].status not in _GOING and await database.write(partial(_forfeit_ended, task)):
                found.append(task)
        elif not database.place.startswith("postgres") and await _forfeit_local(state, store, ledger, task):
            found.append(task)
    return found


def _forfeit_ended(task: str, db: Connection) -> bool:
    """Whether anything was reserved of what has ended still: nobody opens a turn of it before this is done."""
    last = newest(db, task, lock=True)
    return (last is None or last.status not in _GOING) and forfeit(db, task) > 0


async def _forfeit_local(state: Path, store: SqlStore, ledger: Ledger, task: str) -> bool:
    """Under the locks of all its attempts: whoever goes on with the task meanwhile reserves nothing before."""
    try:
        attempts = [one.attempt for one in (await store.find(task)).attempts]
    except InputError:  # its record is gone, and with it whoever could go on
        attempts = [attempt_id(task, 1)]
    try:
        with ExitStack() as leases:
            for attempt in attempts:
                leases.enter_context(hold(state / "locks", attempt))
            return bool(await ledger.forfeit(task))
    except Held:
        return False
