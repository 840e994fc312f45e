"""The store in a database."""

from __future__ import annotations

import json
from collections import defaultdict
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

if TYPE_CHECKING:
    from midwatch.domain.events import Event
    from midwatch.engine.store.records import Record

_ATTEMPT = "id, epoch, seq, hash, last_kind, updated"
_EVENT = "attempt, seq, kind, version, time, epoch, body, prev, hash"
_ALL = 1 << 62
_TASKS = 512
"""Those that were read last are kept: some 4 KiB each."""
_LAST = "~"
"""Comes after every id."""
_SUBTASK, _REVIEW, _OF_NOBODY = '%"kind":"subtask"%', '%"kind":"review"%', '%"parent":""%'
"""In the canonical form; the same words inside a text have backslashes before their quotes."""


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
        wanted = task_of(prefix)

        def work(db: Connection) -> list[tuple[str, str]]:
            exact = list(db.execute("SELECT id, body FROM task WHERE id = ?", (wanted,)))
            # a range, for which the key is used: LIKE would look at every task
            some = "SELECT id, body FROM task WHERE id >= ? AND id < ? ORDER BY id LIMIT 6"
            return exact or list(db.execute(some, (wanted, wanted + _LAST)))

        rows = await self.database.read(work) if wanted.isascii() and wanted else []
        if not rows:
            mend = "`midwatch list` shows the tasks; --server URL is for those of a server"
            raise InputError(f"there is no task {prefix!r}", mend)
        if len(rows) > 1:
            names = ", ".join(name for name, _ in rows)
            raise InputError(f"{prefix!r} is the start of more than one task id: {names}", "give more of the id")
        return (await self._rows(rows))[0]

    async def recent(self, limit: int = 50) -> Sequence[TaskRow]:
        """See `Store.recent`."""

        def work(db: Connection) -> list[tuple[str, str]]:
            parts = "body LIKE ? OR (body LIKE ? AND body NOT LIKE ?)"
            query = f"SELECT id, body FROM task WHERE NOT ({parts}) ORDER BY id DESC LIMIT ?"  # noqa: S608 - our own words
            return list(db.execute(query, (_SUBTASK, _REVIEW, _OF_NOBODY, limit)))

        rows = await self.database.read(work)
        return await self._rows([row for row in rows if _is_readable(row)])

    async def take(self, attempt: str) -> int:
        """See `Store.take`."""

        def work(db: Connection) -> int:
            row = db.execute("UPDATE attempt SET epoch = epoch + 1 WHERE id = ? RETURNING epoch", (attempt,)).fetchone()
            if row is None:
                raise InputError(f"there is no attempt {attempt!r}", "`midwatch list` shows the tasks")
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

    async def listed(self, before: str, among: Sequence[str] | None, limit: int) -> tuple[Sequence[TaskRow], str]:
        """Tasks with an id below `before` (empty: from the newest on), the newest first, without subtasks; of these
        repositories (as in `Task.repository`), None for all. With the id before which it goes on; empty at the end."""
        from midwatch.engine.store.records import canonical

        known = [f'"repository":{canonical(location)}' for location in among or ()]
        marks = " OR ".join("body LIKE ? ESCAPE '\\'" for _ in known) or "1 = 0"
        of = "" if among is None else f" AND ({marks})"
        values = [f"%{_literally(text)}%" for text in known]

        def work(db: Connection) -> list[tuple[str, str]]:
            query = "SELECT id, body FROM task WHERE id < ? AND body NOT LIKE ?"
            return list(
                db.execute(f"{query}{of} ORDER BY id DESC LIMIT ?", (before or _LAST, _SUBTASK, *values, limit))
            )

        found = await self.database.read(work)
        rows = await self._rows([row for row in found if _is_readable(row)])
        more = found[-1][0] if len(found) == limit else ""
        return [row for row in rows if among is None or row.task.repository in among], more

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

    async def _rows(self, rows: Sequence[tuple[str, str]]) -> list[TaskRow]:
        if not rows:
            return []

        def work(db: Connection) -> list[TaskRow]:
            marks = ", ".join("?" for _ in rows)
            query = f"SELECT {_ATTEMPT}, task FROM attempt WHERE task IN ({marks}) ORDER BY task, number"  # noqa: S608
            attempts: defaultdict[str, list[AttemptState]] = defaultdict(list)
            for *state, name in db.execute(query, [name for name, _ in rows]):
                attempts[name].append(AttemptState(*state))
            return [TaskRow(_task(name, body), tuple(attempts[name])) for name, body in rows]

        return await self.database.read(work)

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
        "INSERT INTO task (id, created, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (task.id, task.created, canonical(to_json(task))),
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


def _literally(text: str) -> str:
    """As LIKE takes it with a backslash for its ESCAPE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _is_readable(row: tuple[str, str]) -> bool:
    """One damaged record must not hide all the others; asked for by its id, it says what is wrong."""
    try:
        _task(*row)
    except StoreError:
        return False
    return True


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
