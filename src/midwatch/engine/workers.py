"""Leases of workers: a row that its worker keeps fresh by the database's clock, and a reaper for those that do not.

The beat and the reaper have a thread and a connection of their own each: whatever the worker is busy with, it beats,
and a reaper that waits for a lock of the dead does not cost its own lease.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from midwatch.domain.errors import MidwatchError
from midwatch.domain.labels import joined, split
from midwatch.engine import processes
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.shift import reclaim


@dataclass(frozen=True, slots=True)
class Terms:
    """How leases run, in seconds. All workers of a database have the same."""

    lease: float = 30.0
    """Without a beat for so long a worker counts as gone."""
    beat: float = 5.0


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker, as its row has it. Times are seconds since 1970."""

    id: str
    host: str
    process: str
    capacity: int
    """Turns at the same time."""
    version: str
    started: float
    beat: float
    labels: tuple[str, ...]
    fresh: bool
    """It has beaten within a lease."""


def new_id() -> str:
    """Of a worker that starts now; no other has it."""
    return f"{processes.host().partition('/')[0]}:{processes.me()}:{uuid.uuid4().hex[:8]}"


async def listed(database: Database, terms: Terms | None = None) -> Sequence[Worker]:
    """All workers that have a row."""
    lease = (terms or Terms()).lease

    def work(db: Connection) -> list[Worker]:
        fresh = f"CASE WHEN beat > {db.clock} - ? THEN 1 ELSE 0 END"
        query = f"SELECT id, host, process, capacity, version, started, beat, labels, {fresh} FROM worker ORDER BY id"  # noqa: S608
        return [Worker(*(*row[:-2], split(row[-2]), bool(row[-1]))) for row in db.execute(query, (lease,))]

    return await database.read(work)


async def busy(database: Database) -> Mapping[str, int]:
    """How many turns each worker works on, by its id; of those that work on any."""
    query = "SELECT worker, count(*) FROM turn WHERE status = 'running' AND worker <> '' GROUP BY worker"
    return await database.read(lambda db: dict(db.execute(query).fetchall()))


@dataclass
class Lease:
    """This process's row. `make` opens a database of its own for each thread. Between `start` and `stop` it beats and
    reaps; `ours` says whether the worker may work."""

    id: str
    make: Callable[[], Database]
    capacity: int
    version: str
    terms: Terms = field(default_factory=Terms)
    reaped: Callable[[Sequence[str], Sequence[str]], Awaitable[None]] | None = None
    """Told after each round, first in `start` and then on the reaper's thread, which workers live and which turns were
    queued again."""
    note: Callable[[str], None] = lambda _: None
    """Told in words what happens; from any thread."""
    labels: Sequence[str] = ()
    """What the worker has."""

    def __post_init__(self) -> None:
        self._end = threading.Event()
        self._threads: list[threading.Thread] = []
        self._beaten = 0.0
        self._steady = 0.0
        """Since when every beat has come in time; 0 while they do not."""
        self.lost = 0
        """How often the lease was over while this process went on: what it was doing then is not its any more."""

    @property
    def ours(self) -> bool:
        """The lease is not over. A worker for which it is ends what it does and begins anew when this is true again."""
        return self._beaten > 0 and _now() - self._beaten < self.terms.lease

    async def start(self) -> None:
        """Make the row, look after other workers once, then keep doing both. Raises StoreError when the row cannot be
        made."""
        database = self.make()
        try:
            began = _now()
            await database.write(self._register)
            self._beaten = self._steady = began
            await self._look(database)  # what a dead process of this host had is there before this worker's first look
        finally:
            await database.close()
        for name, doing in (("beat", self._beat), ("reaper", self._reap)):
            thread = threading.Thread(target=asyncio.run, args=(doing(),), name=f"midwatch-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    async def stop(self) -> None:
        """Beat no more and drop the row: others take up at once what is still this worker's. May be called twice."""
        self._end.set()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        self._threads, self._beaten = [], 0.0
        database = self.make()
        with suppress(MidwatchError):  # then it ends by itself
            await database.write(partial(_drop, self.id))
        await database.close()

    def _register(self, db: Connection) -> None:
        mine = (self.id, processes.host(), processes.me(), self.capacity, self.version)
        values = (*mine, joined(self.labels), self.terms.lease)
        db.execute(
            "INSERT INTO worker (id, host, process, capacity, version, labels, lease, started, beat) "  # noqa: S608
            f"VALUES (?, ?, ?, ?, ?, ?, ?, {db.clock}, {db.clock}) ON CONFLICT (id) DO UPDATE SET beat = excluded.beat",
            values,
        )

    async def _beat(self) -> None:
        database = self.make()
        while not self._end.wait(self.terms.beat):
            try:
                await self._beat_once(database)
            except Exception as error:  # noqa: BLE001 - whatever it is, without this thread the worker never works again
                self._steady = 0.0
                self.note(f"could not beat: {_told(error)}")
        await database.close()

    async def _beat_once(self, database: Database) -> None:
        began = _now()
        kept = await database.write(self._keep)
        if _now() - began >= self.terms.lease / 2:  # the database was away: when in between it came is not known
            self._steady = 0.0
            began = _now()
            kept = await database.write(self._keep)
        if not kept and self.ours:  # somebody took it for dead: the worker lets go before it has a row again
            self.lost += 1
            self._beaten = self._steady = 0.0
            self.note("the lease was taken away")
            return
        if not kept:
            await database.write(self._register)
        if self._beaten and (not kept or began - self._beaten >= self.terms.lease):
            self.lost += 1  # also when the lease was over only while the database was asked
        if not self._steady or began - self._beaten >= self.terms.lease / 2:
            self._steady = began
        self._beaten = began

    def _keep(self, db: Connection) -> bool:
        query = f"UPDATE worker SET beat = {db.clock} WHERE id = ?"  # noqa: S608 - our own words
        return db.execute(query, (self.id,)).rowcount > 0

    async def _reap(self) -> None:
        database = self.make()
        while not self._end.wait(self.terms.beat):
            await self._look(database)
        await database.close()

    async def _look(self, database: Database) -> None:
        try:
            await self._round(database)
        except Exception as error:  # noqa: BLE001 - the next round may do better, and nobody else may be there
            self.note(f"could not look after other workers: {_told(error)}")

    async def _round(self, database: Database) -> None:
        for worker in await listed(database, self.terms):
            if worker.id != self.id and self._gone(worker):
                await database.write(partial(_drop, worker.id))
                self.note(f"worker {worker.id} is gone")
        turns = await database.write(reclaim)
        if turns:
            self.note(f"queued again: {', '.join(turns)}")
        if self.reaped is not None:
            await self.reaped([w.id for w in await listed(database, self.terms)], turns)

    def _gone(self, worker: Worker) -> bool:
        """A process of this host that has ended is gone at once. One whose lease is over is ended first: its boxes and
        locks are there as long as it is. After trouble of its own, this worker gives the others time to beat again."""
        here = worker.host == processes.host()
        if here and not processes.alive(worker.process):
            return True
        steady = self._steady and _now() - self._steady >= self.terms.lease
        if worker.fresh or not steady or _now() - self._beaten >= self.terms.lease / 2:
            return False
        ended = not here or processes.end(worker.process)
        self.note(f"worker {worker.id} did not beat{'' if ended else ', and cannot be ended'}")
        return ended


def _drop(worker_id: str, db: Connection) -> None:
    db.execute("DELETE FROM worker WHERE id = ?", (worker_id,))


def _told(error: Exception) -> str:
    return error.message if isinstance(error, MidwatchError) else f"{type(error).__name__}: {error}"


def _now() -> float:
    """Seconds that also pass while this process, or the machine, is stopped."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
