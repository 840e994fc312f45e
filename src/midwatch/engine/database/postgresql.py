"""PostgreSQL: any number of processes on any number of machines.

A few connections, each on a thread of its own. What the server answers with "try again", and a server that is gone for
a while (a restart, a failover), is waited for; only then is a StoreError raised.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, LiteralString, TypeVar

from midwatch.domain.errors import InputError, StoreError
from midwatch.engine.database.base import Connection, Rows
from midwatch.engine.database.migrations import STEPS, for_postgresql, statements
from midwatch.engine.database.migrations.newer import require_workable
from midwatch.engine.database.shown import without_password

try:
    import psycopg
except ImportError:
    raise InputError(
        "a PostgreSQL database needs the program's server part, which is not installed",
        "install it: pip install 'midwatch[server]'",
    ) from None

T = TypeVar("T")

CONNECTIONS = 4
"""At once, for each process."""
PATIENCE = 60.0
"""Seconds that a server may be gone for before work fails."""
FIRST_PATIENCE = 10.0
"""Seconds that one may be gone for that has not answered this process yet: a person may be waiting."""
_LOCK = 0x6D696477
"""Held in the server while the schema changes, and before the number of what `alone` is asked for: `midw`."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_REFUSALS = re.compile(r"FATAL: .*(does not exist|authentication failed|no pg_hba\.conf entry)", re.DOTALL)
"""Of a connection that cannot be made the reason comes only as words."""
_PASSING = ("40001", "40P01", "57P01", "57P02", "57P03", "25P03")
"""The last: this process was stopped for longer than the server lets a transaction idle, and it was undone."""


@lru_cache(maxsize=512)
def _placed(sql: str) -> LiteralString:
    return sql.replace("?", "%s")


class _Connection:
    """See `Connection`."""

    for_update = " FOR UPDATE"
    clock = "extract(epoch from clock_timestamp())::double precision"

    def __init__(self, inner: psycopg.Connection) -> None:
        self._inner = inner

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Rows:
        """See `Connection.execute`."""
        return self._inner.execute(_placed(sql), values)

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """See `Connection.executemany`."""
        for row in rows:  # few: pipelining them costs more than it saves
            self._inner.execute(_placed(sql), row)

    def alone(self, what: str) -> None:
        """See `Connection.alone`."""
        self._inner.execute("SELECT pg_advisory_xact_lock(%s, %s)", (_LOCK, zlib.crc32(what.encode()) >> 1))


class PostgresqlDatabase:
    """See `Database`. The schema is brought up to date by `migrate` alone."""

    def __init__(self, url: str, *, connections: int = CONNECTIONS, patience: float = PATIENCE) -> None:
        self._url, self._patience = url, patience
        self._threads = ThreadPoolExecutor(connections, "database")
        self._mine = threading.local()
        self._opened: list[psycopg.Connection] = []
        self._current, self._reached = False, False
        self._closing = threading.Event()

    @property
    def place(self) -> str:
        """See `Database.place`."""
        return without_password(self._url)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See `Database.read`."""
        return await self._call(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """See `Database.write`."""
        return await self._call(work)

    async def migrate(self) -> int:
        """See `Database.migrate`."""
        made = await self._in_thread(lambda: self._patiently(_migrate))
        self._current = True
        return made

    async def close(self) -> None:
        """See `Database.close`. Nobody waits any longer for a server that is gone."""
        self._closing.set()
        self._threads.shutdown(wait=True)
        while self._opened:
            self._opened.pop().close()

    async def _call(self, work: Callable[[Connection], T]) -> T:
        def checked(db: Connection) -> T:
            if not self._current:
                self._require_schema(db)
            return work(db)

        return await self._in_thread(lambda: self._patiently(checked))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        # Shielded: a cancelled caller must not leave a transaction half way on its thread.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._threads, work))

    def _require_schema(self, db: Connection) -> None:
        found = _version(db)
        if found < len(STEPS):
            raise StoreError(
                f"the database {self.place} has schema {found}, and this Midwatch needs {len(STEPS)}",
                "bring it up to date once: midwatch migrate --database-url URL",
            )
        if found > len(STEPS):
            require_workable(db, self.place, found, len(STEPS))
        self._current = True

    def _patiently(self, work: Callable[[Connection], T]) -> T:
        """A transaction, tried again for as long as the server is gone or asks for it."""
        patience = self._patience if self._reached else min(self._patience, FIRST_PATIENCE)
        end, pause = time.monotonic() + patience, _FIRST_PAUSE
        while True:
            try:
                return self._transaction(work)
            except psycopg.Error as error:
                self._forget()
                if not _passes(error) or time.monotonic() + pause > end or self._closing.wait(pause):
                    raise self._broken(error) from error
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        inner = self._connection()
        with inner.transaction():
            return work(_Connection(inner))

    def _connection(self) -> psycopg.Connection:
        """This thread's own."""
        found: psycopg.Connection | None = getattr(self._mine, "connection", None)
        if found is None or found.closed:
            found = self._mine.connection = psycopg.connect(
                self._url,
                autocommit=True,  # `transaction` begins and ends them
                connect_timeout=10,
                application_name="midwatch",
                options="-c idle_in_transaction_session_timeout=10000",
            )
            self._opened.append(found)
            self._reached = True
        return found

    def _forget(self) -> None:
        found: psycopg.Connection | None = getattr(self._mine, "connection", None)
        if found is not None and (found.closed or found.broken):
            found.close()
            self._opened.remove(found)
            self._mine.connection = None

    def _broken(self, error: psycopg.Error) -> StoreError:
        text = " ".join(str(error).split())
        if _refused(error):
            return StoreError(
                f"the database {self.place} does not let us in ({text})",
                "mend the user, the password or the name in its URL, or make them: createuser, createdb",
            )
        if isinstance(error, psycopg.OperationalError):
            return StoreError(
                f"the database {self.place} does not answer ({text})",
                "see that the server runs and lets this machine in; tasks go on where they are when it does",
            )
        return StoreError(f"the database {self.place} refused a statement ({text})", "this is a fault of Midwatch")


def _refused(error: psycopg.Error) -> bool:
    """A wrong password, a database that there is not: waiting mends nothing."""
    state = error.sqlstate or ""
    return state[:2] in ("28", "3D") or (not state and _REFUSALS.search(str(error)) is not None)


def _passes(error: psycopg.Error) -> bool:
    """Whether the same may work in a moment."""
    state = error.sqlstate or ""
    if _refused(error):
        return False
    return isinstance(error, psycopg.OperationalError) or state in _PASSING


def _version(db: Connection) -> int:
    if db.execute("SELECT to_regclass('schema_step')").fetchone()[0] is None:
        return 0
    return int(db.execute("SELECT coalesce(max(number), 0) FROM schema_step").fetchone()[0])


def _migrate(db: Connection) -> int:
    db.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
    version = _version(db)
    if not version:
        db.execute("CREATE TABLE IF NOT EXISTS schema_step (number BIGINT PRIMARY KEY)")
    for number, step in enumerate(STEPS[version:], version + 1):
        for statement in statements(step):
            db.execute(for_postgresql(statement))
        db.execute("INSERT INTO schema_step (number) VALUES (?)", (number,))
    return max(0, len(STEPS) - version)
