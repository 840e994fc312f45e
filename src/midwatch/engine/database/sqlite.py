"""SQLite (WAL): one file, any number of processes on one machine.

One connection on a thread of its own, so that a disk that stalls does not stall the event loop.
`synchronous=FULL`: what `write` has returned from survives a power cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from midwatch.domain.errors import StoreError
from midwatch.engine.database.base import Connection
from midwatch.engine.database.migrations import STEPS, statements
from midwatch.engine.database.migrations.newer import require_workable

T = TypeVar("T")

MOST_TOGETHER = 64
"""Pieces of work that are committed at once."""


class _Order(NamedTuple):
    """Work that waits for the thread."""

    work: Callable[[Connection], Any]
    mode: str
    answer: Future[Any]

    def settle(self, result: Callable[[], Any]) -> bool:
        """Answer with what it returns or raises; whether it returned."""
        try:
            self.answer.set_result(result())
        except BaseException as error:  # noqa: BLE001 - flies to whoever has asked
            self.answer.set_exception(error)
            return False
        return True


class _Connection(sqlite3.Connection):
    """See `Connection`. A transaction that writes has the whole file from its beginning."""

    for_update = ""
    clock = "((julianday('now') - 2440587.5) * 86400.0)"

    def alone(self, what: str) -> None:
        """See `Connection.alone`: whoever writes is."""


class SqliteDatabase:
    """See `Database`. The schema is brought up to date when the file is opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: _Connection | None = None
        self._made = 0
        self._thread = ThreadPoolExecutor(1, "database")
        self._waiting: deque[_Order] = deque()

    @property
    def place(self) -> str:
        """See `Database.place`."""
        return str(self._path)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See `Database.read`."""
        return await self._call(work, "DEFERRED")

    async def write(self, work: Callable[[Connection], T]) -> T:
        """See `Database.write`."""
        return await self._call(work, "IMMEDIATE")

    async def migrate(self) -> int:
        """See `Database.migrate`. Opening has done it, and says how much it was."""
        await self.read(lambda _: None)
        made, self._made = self._made, 0
        return made

    async def close(self) -> None:
        """See `Database.close`."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await asyncio.get_running_loop().run_in_executor(self._thread, connection.close)
        self._thread.shutdown(wait=True)

    async def _call(self, work: Callable[[Connection], T], mode: str) -> T:
        order = _Order(work, mode, Future())
        self._waiting.append(order)
        self._thread.submit(self._serve)
        # Shielded: a cancelled caller must not leave a transaction half way on the database's thread.
        answer: T = await asyncio.shield(asyncio.wrap_future(order.answer))
        return answer

    def _serve(self) -> None:
        """Do what has waited longest; with it, in the same transaction, the writing that waits right behind it: to wait
        for the disk is most of what a small one costs. One of them that raises takes nothing of the others away."""
        if not self._waiting:  # it was done with others
            return
        orders = [self._waiting.popleft()]
        while orders[0].mode == "IMMEDIATE" and self._waiting and self._waiting[0].mode == "IMMEDIATE":
            orders.append(self._waiting.popleft())
            if len(orders) == MOST_TOGETHER:
                break
        if len(orders) > 1 and (answers := self._together(orders)) is not None:
            for order, answer in zip(orders, answers, strict=True):
                order.settle(answer)
            return
        for order in orders:
            order.settle(partial(self._transaction, order.work, order.mode))

    def _together(self, orders: Sequence[_Order]) -> list[Callable[[], Any]] | None:
        """What each returned or raised, all of them committed; None when they were not, and are to be done singly."""
        answers: list[Callable[[], Any]] = []
        try:
            db = self._connection or self._open()
            db.execute("BEGIN IMMEDIATE")
            try:
                for order in orders:
                    db.execute("SAVEPOINT one")
                    answers.append(self._tried(db, order.work))
                    db.execute("RELEASE one")
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        except (sqlite3.Error, StoreError):
            return None
        return answers

    def _tried(self, db: _Connection, work: Callable[[Connection], Any]) -> Callable[[], Any]:
        """How one piece went within a transaction. Raises the database's own errors."""
        try:
            result = work(db)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - flies to whoever has asked
            db.execute("ROLLBACK TO one")
            raised = error
        else:
            return lambda: result

        def again() -> Any:
            raise raised

        return again

    def _transaction(self, work: Callable[[_Connection], T], mode: str) -> T:
        try:
            db = self._connection or self._open()
            db.execute(f"BEGIN {mode}")
            try:
                result = work(db)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # a full disk makes SQLite roll back by itself
                    db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._broken(error) from error
        return result

    def _open(self) -> _Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreError(
                f"the state folder {self._path.parent} cannot be made: {error.strerror}",
                "check the folder above it, or set XDG_STATE_HOME to a folder you own",
            ) from error
        with contextlib.suppress(OSError):  # of another owner: then it is theirs to guard
            self._path.parent.chmod(0o700)
        db = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False, factory=_Connection)
        with contextlib.suppress(OSError):
            self._path.chmod(0o600)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            self._migrate(db)
        except BaseException:
            db.close()
            raise
        self._connection = db
        return db

    def _migrate(self, db: _Connection) -> None:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > len(STEPS):
            require_workable(db, str(self._path), version, len(STEPS))
        for number, step in enumerate(STEPS[version:], version + 1):
            # executescript commits first, so the step carries its own transaction; a second process that
            # migrates at the same moment waits for the lock and then finds the step done.
            db.execute("BEGIN IMMEDIATE")
            if int(db.execute("PRAGMA user_version").fetchone()[0]) < number:
                for statement in statements(step):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {number}")
                self._made += 1
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
