"""The store in a database."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from midwatch.domain.chain import GENESIS
from midwatch.domain.codec import from_json, to_json
from midwatch.domain.errors import InputError, StaleEpoch, StoreError
from midwatch.domain.ids import attempt_id, task_of
from midwatch.domain.task import Task
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.store.base import AttemptState, TaskRow
from midwatch.engine.store.listing import AFTER_ALL, Wanted, beside, found

if TYPE_CHECKING:
    from midwatch.domain.events import Event
    from midwatch.engine.store.records import Record

_ATTEMPT = "id, epoch, seq, hash, last_kind, updated"
_EVENT = "attempt, seq, kind, version, time, epoch, body, prev, hash"
_ALL = 1 << 62
_TASKS = 512
"""Those that were read last are kept: some 4 KiB each."""
_AT_ONCE = 500
"""Ids in one statement."""


class SqlStore:
    """See `Store`. Nothing is opened before the first call.

    The kinds of event are imported where they are read or written: listing tasks needs none of them.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    async def create(self, task: Task, begun: Sequence[Any] = ()) -> None:
        """See `Store.create`."""
        await self.database.write(lambda db: insert(db, task, begun))

    async def find(self, prefix: str) -> TaskRow:
        """See `Store.find`."""
        wanted = task_of(prefix).lower()

        def work(db: Connection) -> list[tuple[str, str]]:
            exact = list(db.execute("SELECT id, body FROM task WHERE id = ?", (wanted,)))
            # a range, for which the key is used: LIKE would look at every task, and differs between databases
            some = "SELECT id, body FROM task WHERE id >= ? AND id < ? ORDER BY id LIMIT 6"
            return exact or list(db.execute(some, (wanted, wanted + AFTER_ALL)))

        plain = wanted.isascii() and wanted.isalnum()
        rows = await self.database.read(work) if plain else []
        if not rows:
            if plain and (place := await self._retired(wanted)):
                raise InputError(
                    f"task {wanted} has ended long ago and lies in {place}",
                    f"`midwatch admin restore {shlex.quote(place)}` brings it back",
                )
            mend = "`midwatch list` shows the tasks; --server URL is for those of a server"
            raise InputError(f"there is no task {prefix!r}", mend)
        if len(rows) > 1:
            names = ", ".join(name for name, _ in rows)
            raise InputError(f"{prefix!r} is the start of more than one task id: {names}", "give more of the id")
        return (await self.database.read(lambda db: _rows(db, rows)))[0]

    async def recent(self, limit: int = 50, *, archived: bool = False) -> Sequence[TaskRow]:
        """See `Store.recent`."""

        return (await self.listed(Wanted(archived=archived), limit))[0]

    async def take(self, attempt: str) -> int:
        """See `Store.take`."""

        def work(db: Connection) -> int:
            row = db.execute("UPDATE attempt SET epoch = epoch + 1 WHERE id = ? RETURNING epoch", (attempt,)).fetchone()
            if row is None:
                raise InputError(f"there is no attempt {attempt!r}", "`midwatch list` shows the tasks")
            db.execute("DELETE FROM archived WHERE task = ?", (task_of(attempt),))
            return int(row[0])

        return await self.database.write(work)

    async def append(self, attempt: str, epoch: int, bodies: Sequence[Any]) -> Sequence[Event]:
        """See `Store.append`."""
        sealed: list[tuple[Record, Event]] = []

        def work(db: Connection) -> list[Event]:
            query = f"SELECT epoch, seq, hash FROM attempt WHERE id = ?{db.for_update}"  # noqa: S608 - our own words
            row = db.execute(query, (attempt,)).fetchone()
            if row is None or row[0] != epoch:
                raise StaleEpoch(
                    f"attempt {attempt} has been taken over by another process",
                    f"`midwatch show {task_of(attempt)}` shows how it goes on",
                )
            if not sealed or tuple(row[1:]) != (sealed[-1][0].seq, sealed[-1][0].hash):  # else only the answer was lost
                sealed[:] = _add(db, attempt, row, bodies)
            return [event for _, event in sealed]

        return await self.database.write(work)

    async def read(self, attempt: str, after: int = 0) -> Sequence[Event]:
        """See `Store.read`."""
        from midwatch.engine.store.records import load

        return [load(record) for record in await self._records(attempt, after)]

    async def page(self, attempt: str, after: int, limit: int) -> list[Record]:
        """At most `limit` events with seq > after, in order, as they are stored."""
        return await self._records(attempt, after, limit)

    async def of_kinds(self, attempt: str, kinds: Sequence[str]) -> list[Record]:
        """The events of these kinds, in order, as they are stored."""
        from midwatch.engine.store.records import Record

        marks = ", ".join("?" for _ in kinds)
        query = f"SELECT {_EVENT} FROM event WHERE attempt = ? AND kind IN ({marks}) ORDER BY seq"  # noqa: S608 - ours
        rows = await self.database.read(lambda db: db.execute(query, (attempt, *kinds)).fetchall())
        return [Record(*row) for row in rows]

    async def listed(self, wanted: Wanted, limit: int) -> tuple[Sequence[TaskRow], str]:
        """At most `limit` tasks, the newest first, with the id before which it goes on; empty at the end. One damaged
        record hides no other; asked for by its id, it says what is wrong."""

        def work(db: Connection) -> tuple[list[TaskRow], str]:
            ids, more = found(db, wanted, limit)
            bodies: list[tuple[str, str]] = []
            for part in _parts(ids):
                query = f"SELECT id, body FROM task WHERE id IN ({_marks(part)}) ORDER BY id DESC"  # noqa: S608
                bodies += db.execute(query, part).fetchall()
            return _rows(db, bodies, damaged=True), more

        rows, more = await self.database.read(work)
        whole = [row for row in rows if not beside(row.task)[1]]
        return [row for row in whole if wanted.among is None or row.task.repository in wanted.among], more

    async def of_ids(self, ids: Sequence[str]) -> Sequence[TaskRow]:
        """Those of the tasks that there are and that can be read; of parts of others none."""

        def work(db: Connection) -> list[TaskRow]:
            bodies: list[tuple[str, str]] = []
            for part in _parts(ids):
                query = f"SELECT id, body FROM task WHERE id IN ({_marks(part)})"  # noqa: S608 - our own words
                bodies += db.execute(query, part).fetchall()
            return _rows(db, bodies, damaged=True)

        return [row for row in await self.database.read(work) if not beside(row.task)[1]]

    async def state(self, attempt: str) -> AttemptState:
        """See `Store.state`."""

        def work(db: Connection) -> AttemptState:
            query = f"SELECT {_ATTEMPT} FROM attempt WHERE id = ?"  # noqa: S608 - our own words
            row = db.execute(query, (attempt,)).fetchone()
            if row is None:
                raise InputError(f"there is no attempt {attempt!r}", "`midwatch list` shows the tasks")
            return AttemptState(*row)

        return await self.database.read(work)

    async def verify(self, attempt: str) -> Sequence[str]:
        """See `Store.verify`. Also compares the task's own record with the log's first event."""
        from midwatch.engine.store.records import canonical, chain_faults

        state = await self.state(attempt)
        records = await self._records(attempt, 0)
        faults = chain_faults(records, state.seq, state.hash)

        def work(db: Connection) -> str:
            row = db.execute("SELECT body FROM task WHERE id = ?", (task_of(attempt),)).fetchone()
            return str(row[0]) if row else ""

        if records and not faults:
            first = json.loads(records[0].body)
            if canonical(first.get("task")) != await self.database.read(work):
                faults.append("the task's record differs from the task in the log's first event")
            last = records[-1]
            if (state.last_kind, state.updated) != (last.kind, last.time):
                faults.append("the attempt's record differs from its last event")
        return faults

    async def close(self) -> None:
        """See `Store.close`."""
        await self.database.close()

    async def _retired(self, task_id: str) -> str:
        """The file in which a task lies that was taken out of the database; empty for none."""
        query = "SELECT place FROM retired WHERE task = ?"
        row = await self.database.read(lambda db: db.execute(query, (task_id,)).fetchone())
        return str(row[0]) if row else ""

    async def _records(self, attempt: str, after: int, limit: int = _ALL) -> list[Record]:
        from midwatch.engine.store.records import Record

        def work(db: Connection) -> list[Record]:
            query = f"SELECT {_EVENT} FROM event WHERE attempt = ? AND seq > ? ORDER BY seq LIMIT ?"  # noqa: S608 - ours
            return [Record(*row) for row in db.execute(query, (attempt, after, limit))]

        return await self.database.read(work)


def insert(db: Connection, task: Task, begun: Sequence[Any] = ()) -> None:
    """What `Store.create` keeps, inside a transaction that may keep more."""
    from midwatch.engine.store.records import canonical

    made = db.execute(
        "INSERT INTO task (id, created, body, place, part) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (task.id, task.created, canonical(to_json(task)), *beside(task)),
    )
    if not made.rowcount:
        return
    db.executemany(
        "INSERT INTO attempt (id, task, number, hash) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(attempt_id(task.id, n), task.id, n, GENESIS) for n in range(1, task.attempts + 1)],
    )
    _add(db, attempt_id(task.id, 1), (0, 0, GENESIS), begun)


def _add(db: Connection, attempt: str, at: tuple[int, int, str], bodies: Sequence[Any]) -> list[tuple[Record, Event]]:
    """Add events to an attempt that is `at` epoch, seq, hash."""
    from midwatch.engine.store.records import seal

    epoch, seq, head = at
    sealed = seal(attempt, epoch, seq, head, bodies)
    db.executemany(
        f"INSERT INTO event ({_EVENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - our own words
        [(r.attempt, r.seq, r.kind, r.version, r.time, r.epoch, r.body, r.prev, r.hash) for r, _ in sealed],
    )
    if sealed:
        last = sealed[-1][0]
        db.execute(
            "UPDATE attempt SET seq = ?, hash = ?, last_kind = ?, updated = ? WHERE id = ?",
            (last.seq, last.hash, last.kind, last.time, attempt),
        )
    return sealed


def _rows(db: Connection, rows: Sequence[tuple[str, str]], *, damaged: bool = False) -> list[TaskRow]:
    """With their attempts. Those that are `damaged` are left out, or raise StoreError."""
    attempts: dict[str, list[AttemptState]] = {name: [] for name, _ in rows}
    for part in _parts([name for name, _ in rows]):
        query = f"SELECT task, {_ATTEMPT} FROM attempt WHERE task IN ({_marks(part)}) ORDER BY task, number"  # noqa: S608
        for name, *state in db.execute(query, part):
            attempts[name].append(AttemptState(*state))
    read = [(name, _readable(name, body) if damaged else _task(name, body)) for name, body in rows]
    return [TaskRow(task, tuple(attempts[name])) for name, task in read if task is not None]


def _parts(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[at : at + _AT_ONCE] for at in range(0, len(names), _AT_ONCE)]


def _marks(part: Sequence[str]) -> str:
    return ", ".join("?" for _ in part)


def _readable(name: str, body: str) -> Task | None:
    try:
        return _task(name, body)
    except StoreError:
        return None


@lru_cache(_TASKS)
def _task(name: str, body: str) -> Task:
    """The task; it never changes, and is asked for again and again."""
    try:
        return from_json(Task, json.loads(body))
    except ValueError as error:
        raise StoreError(
            f"the record of task {name} is damaged: {error}",
            "copy the state database back from a backup; its branch and pull request are not touched",
        ) from error
