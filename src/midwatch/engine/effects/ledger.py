"""The ledger of effects: one row for each, whoever wants it how often."""

from __future__ import annotations

from collections.abc import Sequence

from midwatch.domain.errors import InputError
from midwatch.engine.accounts.identity import new_id
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.effects.base import Effect, Wanted

HELD = 120.0
"""Seconds after which an effect that was begun and has no result is begun anew. No try takes as long."""
PAUSES = (10.0, 60.0, 300.0, 900.0, 3600.0, 10800.0, 21600.0, 43200.0)
"""Seconds before the second try, the third, and so on; after the last one it has failed: a day in all."""
FIELDS = (
    "id, key, kind, task, subject, name, request, digest, state, result, error, mend, tries, unsure, holder, "
    "held, due, created, changed"
)
"""The columns of an `Effect`, in its order."""
_MINE = "id = ? AND holder = ? AND state = 'begun'"


def want(db: Connection, effect: Wanted) -> bool:
    """Keep an effect, inside the transaction of what it follows from. False when one with this key is kept already:
    its request holds."""
    made = db.execute(
        "INSERT INTO effect (id, key, kind, task, subject, name, request, digest, due, created, changed) "  # noqa: S608
        f"VALUES (?, ?, ?, ?, ?, ?, ?, ?, {db.clock}, {db.clock}, {db.clock}) ON CONFLICT DO NOTHING",
        (
            *(effect.id, effect.key, effect.kind, effect.task, effect.subject, effect.name),
            *(effect.request, effect.digest),
        ),
    )
    return made.rowcount > 0


def again(db: Connection, effect_id: str, *, also_done: bool = False) -> Effect:
    """Have one that has failed tried again at once; with `also_done` one that is done too, where the other side tells
    it from a new one. Raises InputError for one that is under way, is done, or is not there."""
    found = one(db, effect_id, lock=True)
    if found is None:
        raise InputError(f"there is no effect {effect_id!r}", "the task's page lists those there are")
    if found.state != "failed" and not (also_done and found.state == "done"):
        done = found.state == "done"
        raise InputError("it is done already" if done else "it is under way", "" if done else "wait until it has ended")
    reset = "state = 'waiting', tries = 0, result = ''"
    query = f"UPDATE effect SET {reset}, due = {db.clock}, changed = {db.clock} WHERE id = ?"  # noqa: S608 - our own words
    db.execute(query, (effect_id,))
    kept = one(db, effect_id)
    assert kept is not None
    return kept


def one(db: Connection, effect_id: str, *, lock: bool = False) -> Effect | None:
    """The one with that id; with `lock`, nobody else changes it before this transaction ends."""
    query = f"SELECT {FIELDS} FROM effect WHERE id = ?{db.for_update if lock else ''}"  # noqa: S608 - our own words
    row = db.execute(query, (effect_id,)).fetchone()
    return None if row is None else Effect(*row)


class Effects:
    """The ledger in a database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def take(self, kinds: Sequence[str], limit: int, but: Sequence[str] = ()) -> Sequence[Effect]:
        """Begin up to so many effects of these kinds whose time has come, also those over which somebody has died; none
        of the subjects in `but`. The intent is durable when this returns."""
        holder = new_id()
        among = f"kind IN ({_marks(kinds)})" + (f" AND subject NOT IN ({_marks(but)})" if but else "")

        def work(db: Connection) -> list[Effect]:
            found = db.execute(f"SELECT {FIELDS} FROM effect WHERE holder = ?", (holder,)).fetchall()  # noqa: S608
            if found:  # only the answer to the commit was lost
                return [Effect(*row) for row in found]
            free = f"((state = 'waiting' AND due <= {db.clock}) OR (state = 'begun' AND held < {db.clock}))"
            # asked twice: what another has begun meanwhile is seen by the second
            query = (
                "UPDATE effect SET unsure = CASE state WHEN 'begun' THEN 1 ELSE unsure END, "  # noqa: S608 - our words
                f"state = 'begun', tries = tries + 1, holder = ?, held = {db.clock} + ?, changed = {db.clock} "
                f"WHERE {free} AND id IN (SELECT id FROM effect WHERE {free} AND {among} ORDER BY due LIMIT ?) "
                f"RETURNING {FIELDS}"
            )
            return [Effect(*row) for row in db.execute(query, (holder, HELD, *kinds, *but, limit))]

        return await self.database.write(work)

    async def waiting(self) -> bool:
        """Whether the time of any has come."""

        def work(db: Connection) -> bool:
            query = (
                f"SELECT 1 WHERE EXISTS (SELECT 1 FROM effect WHERE state = 'waiting' AND due <= {db.clock}) "  # noqa: S608
                f"OR EXISTS (SELECT 1 FROM effect WHERE state = 'begun' AND held < {db.clock})"
            )
            return db.execute(query).fetchone() is not None

        return await self.database.read(work)

    async def done(self, effect: Effect, result: str) -> bool:
        """It is done. False when somebody else has begun it since."""
        query = "UPDATE effect SET state = 'done', result = ?, error = '', mend = '', unsure = 0, changed = {} WHERE {}"
        return await self._settle(query, (result,), effect)

    async def put_off(self, effect: Effect, error: str, seconds: float, *, unsure: bool) -> bool:
        """It came to nothing and is tried again after so many seconds. False as `done`."""
        query = "UPDATE effect SET state = 'waiting', error = ?, due = {0} + ?, unsure = ?, changed = {0} WHERE {1}"
        return await self._settle(query, (error, seconds, int(unsure)), effect)

    async def fail(self, effect: Effect, error: str, mend: str, *, unsure: bool) -> bool:
        """It is not tried again by itself. False as `done`."""
        query = "UPDATE effect SET state = 'failed', error = ?, mend = ?, unsure = ?, changed = {} WHERE {}"
        return await self._settle(query, (error, mend, int(unsure)), effect)

    async def find(self, effect_id: str) -> Effect | None:
        """The one with that id."""
        return await self.database.read(lambda db: one(db, effect_id))

    async def of_task(self, task: str, limit: int = 200) -> Sequence[Effect]:
        """The newest first."""
        return await self._listed("task", task, "", limit)

    async def of_subject(self, subject: str, before: str = "", limit: int = 100) -> Sequence[Effect]:
        """The newest first; `before`: only those older than that one."""
        return await self._listed("subject", subject, before, limit)

    async def forget(self, seconds: float) -> int:
        """Delete those that are done, or have failed, since so many seconds; how many."""

        def work(db: Connection) -> int:
            query = f"DELETE FROM effect WHERE state IN ('done', 'failed') AND changed < {db.clock} - ?"  # noqa: S608
            return db.execute(query, (seconds,)).rowcount

        return await self.database.write(work)

    async def _listed(self, column: str, value: str, before: str, limit: int) -> Sequence[Effect]:
        query = f"SELECT {FIELDS} FROM effect WHERE {column} = ? AND id < ? ORDER BY id DESC LIMIT ?"  # noqa: S608
        return await self.database.read(
            lambda db: [Effect(*row) for row in db.execute(query, (value, before or "~", limit))]
        )

    async def _settle(self, query: str, values: tuple[object, ...], effect: Effect) -> bool:
        def work(db: Connection) -> bool:
            return db.execute(query.format(db.clock, _MINE), (*values, effect.id, effect.holder)).rowcount > 0

        return await self.database.write(work)


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" for _ in values) or "NULL"
