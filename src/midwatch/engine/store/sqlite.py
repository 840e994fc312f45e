"""The store on SQLite (WAL): one file, any number of processes on one machine.

One connection on a thread of its own, so that a disk that stalls does not stall the event loop.
`synchronous=FULL`: what `append` has returned survives a power cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from midwatch.domain.chain import GENESIS
from midwatch.domain.codec import from_json, to_json
from midwatch.domain.errors import InputError, StaleEpoch, StoreError
from midwatch.domain.ids import attempt_id, task_of
from midwatch.domain.task import Task
from midwatch.engine.store.base import AttemptState, TaskRow
from midwatch.engine.store.migrations import STEPS

if TYPE_CHECKING:
    from midwatch.domain.events import Event
    from midwatch.engine.store.records import Record

T = TypeVar("T")

_ATTEMPT = "id, epoch, seq, hash, last_kind, updated"
_EVENT = "attempt, seq, kind, version, time, epoch, body, prev, hash"
_SUBTASK = '%"kind":"subtask"%'
"""In the canonical form; the same words inside a text have backslashes before their quotes."""


class SqliteStore:
    """See `Store`. Nothing is opened before the first call.

    The kinds of event are imported where they are read or written: listing tasks needs none of them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, "store")

    async def create(self, task: Task, begun: Sequence[Any] = ()) -> None:
        """See `Store.create`."""
        from midwatch.engine.store.records import canonical

        def work(db: sqlite3.Connection) -> None:
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

        await self._write(work)

    async def find(self, prefix: str) -> TaskRow:
        """See `Store.find`."""
        wanted = task_of(prefix)

        def work(db: sqlite3.Connection) -> list[tuple[str, str]]:
            pattern = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            rows = db.execute("SELECT id, body FROM task WHERE id LIKE ? ESCAPE '\\' ORDER BY id LIMIT 6", (pattern,))
            return list(rows)

        rows = await self._read(work) if wanted.isascii() and wanted else []
        exact = [row for row in rows if row[0] == wanted]
        rows = exact or rows
        if not rows:
            raise InputError(f"there is no task {prefix!r}", "`midwatch list` shows the tasks")
        if len(rows) > 1:
            names = ", ".join(name for name, _ in rows)
            raise InputError(f"{prefix!r} is the start of more than one task id: {names}", "give more of the id")
        return (await self._rows(rows))[0]

    async def recent(self, limit: int = 50) -> Sequence[TaskRow]:
        """See `Store.recent`."""

        def work(db: sqlite3.Connection) -> list[tuple[str, str]]:
            query = "SELECT id, body FROM task WHERE body NOT LIKE ? ORDER BY id DESC LIMIT ?"
            return list(db.execute(query, (_SUBTASK, limit)))

        rows = await self._read(work)
        return await self._rows([row for row in rows if _is_readable(row)])

    async def take(self, attempt: str) -> int:
        """See `Store.take`."""

        def work(db: sqlite3.Connection) -> int:
            row = db.execute("UPDATE attempt SET epoch = epoch + 1 WHERE id = ? RETURNING epoch", (attempt,)).fetchone()
            if row is None:
                raise InputError(f"there is no attempt {attempt!r}", "`midwatch list` shows the tasks")
            return int(row[0])

        return await self._write(work)

    async def append(self, attempt: str, epoch: int, bodies: Sequence[Any]) -> Sequence[Event]:
        """See `Store.append`."""

        def work(db: sqlite3.Connection) -> list[Event]:
            row = db.execute("SELECT epoch, seq, hash FROM attempt WHERE id = ?", (attempt,)).fetchone()
            if row is None or row[0] != epoch:
                raise StaleEpoch(
                    f"attempt {attempt} has been taken over by another process",
                    f"`midwatch show {task_of(attempt)}` shows how it goes on",
                )
            return _add(db, attempt, row, bodies)

        return await self._write(work)

    async def read(self, attempt: str, after: int = 0) -> Sequence[Event]:
        """See `Store.read`."""
        from midwatch.engine.store.records import load

        return [load(record) for record in await self._records(attempt, after)]

    async def state(self, attempt: str) -> AttemptState:
        """See `Store.state`."""

        def work(db: sqlite3.Connection) -> AttemptState:
            query = f"SELECT {_ATTEMPT} FROM attempt WHERE id = ?"  # noqa: S608 - our own words
            row = db.execute(query, (attempt,)).fetchone()
            if row is None:
                raise InputError(f"there is no attempt {attempt!r}", "`midwatch list` shows the tasks")
            return AttemptState(*row)

        return await self._read(work)

    async def verify(self, attempt: str) -> Sequence[str]:
        """See `Store.verify`. Also compares the task's own record with the log's first event."""
        from midwatch.engine.store.records import canonical, chain_faults

        state = await self.state(attempt)
        records = await self._records(attempt, 0)
        faults = chain_faults(records, state.seq, state.hash)

        def work(db: sqlite3.Connection) -> str:
            row = db.execute("SELECT body FROM task WHERE id = ?", (task_of(attempt),)).fetchone()
            return str(row[0]) if row else ""

        if records and not faults:
            first = json.loads(records[0].body)
            if canonical(first.get("task")) != await self._read(work):
                faults.append("the task's record differs from the task in the log's first event")
            last = records[-1]
            if (state.last_kind, state.updated) != (last.kind, last.time):
                faults.append("the attempt's record differs from its last event")
        return faults

    async def close(self) -> None:
        """See `Store.close`."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await asyncio.get_running_loop().run_in_executor(self._thread, connection.close)
        self._thread.shutdown(wait=True)

    async def _rows(self, rows: Sequence[tuple[str, str]]) -> list[TaskRow]:
        def work(db: sqlite3.Connection) -> list[TaskRow]:
            query = f"SELECT {_ATTEMPT} FROM attempt WHERE task = ? ORDER BY number"  # noqa: S608 - our own words
            return [
                TaskRow(_task(name, body), tuple(AttemptState(*a) for a in db.execute(query, (name,))))
                for name, body in rows
            ]

        return await self._read(work)

    async def _records(self, attempt: str, after: int) -> list[Record]:
        from midwatch.engine.store.records import Record

        def work(db: sqlite3.Connection) -> list[Record]:
            query = f"SELECT {_EVENT} FROM event WHERE attempt = ? AND seq > ? ORDER BY seq"  # noqa: S608 - our own words
            return [Record(*row) for row in db.execute(query, (attempt, after))]

        return await self._read(work)

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._call(work, "DEFERRED")

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._call(work, "IMMEDIATE")

    async def _call(self, work: Callable[[sqlite3.Connection], T], mode: str) -> T:
        # Shielded: a cancelled caller must not leave a transaction half way on the store's thread.
        return await asyncio.shield(
            asyncio.get_running_loop().run_in_executor(self._thread, self._transaction, work, mode)
        )

    def _transaction(self, work: Callable[[sqlite3.Connection], T], mode: str) -> T:
        try:
            db = self._connection or self._open()
            db.execute(f"BEGIN {mode}")
            try:
                result = work(db)
            except BaseException:
                if db.in_transaction:  # a full disk makes SQLite roll back by itself
                    db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._broken(error) from error
        return result

    def _open(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreError(
                f"the state folder {self._path.parent} cannot be made: {error.strerror}",
                "check the folder above it, or set XDG_STATE_HOME to a folder you own",
            ) from error
        with contextlib.suppress(OSError):  # of another owner: then it is theirs to guard
            self._path.parent.chmod(0o700)
        db = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            self._migrate(db)
        except BaseException:
            db.close()
            raise
        self._connection = db
        return db

    def _migrate(self, db: sqlite3.Connection) -> None:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > len(STEPS):
            raise StoreError(
                f"{self._path} was written by a newer Midwatch (schema {version}, this one knows {len(STEPS)})",
                "upgrade this Midwatch, or set XDG_STATE_HOME to another folder",
            )
        for number, step in enumerate(STEPS[version:], version + 1):
            # executescript commits first, so the step carries its own transaction; a second process that
            # migrates at the same moment waits for the lock and then finds the step done.
            db.execute("BEGIN IMMEDIATE")
            if int(db.execute("PRAGMA user_version").fetchone()[0]) < number:
                for statement in step.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {number}")
            db.execute("COMMIT")

    def _broken(self, error: sqlite3.Error) -> StoreError:
        text = str(error)
        if "full" in text:
            return StoreError(
                f"the disk that holds {self._path} is full",
                "free some space, or move the state folder with XDG_STATE_HOME, then `midwatch resume`",
            )
        if "readonly" in text or "unable to open" in text:
            return StoreError(
                f"{self._path} cannot be written ({text})",
                "check its owner and mode, or set XDG_STATE_HOME to a folder you own",
            )
        if "locked" in text:
            return StoreError(f"{self._path} is locked by another process", "end that process, then try again")
        return StoreError(
            f"the state database {self._path} is damaged ({text})",
            "nothing has been changed; move the file away and copy it back from a backup, or start with a new one; "
            "branches and pull requests already in your repositories are not touched",
        )


def _add(db: sqlite3.Connection, attempt: str, at: tuple[int, int, str], bodies: Sequence[Any]) -> list[Event]:
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
    return [event for _, event in sealed]


def _is_readable(row: tuple[str, str]) -> bool:
    """One damaged record must not hide all the others; asked for by its id, it says what is wrong."""
    try:
        _task(*row)
    except StoreError:
        return False
    return True


def _task(name: str, body: str) -> Task:
    try:
        return from_json(Task, json.loads(body))
    except ValueError as error:
        raise StoreError(
            f"the record of task {name} is damaged: {error}",
            "copy the state database back from a backup; its branch and pull request are not touched",
        ) from error
