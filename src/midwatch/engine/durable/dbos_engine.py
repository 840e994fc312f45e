"""DBOS Transact behind the port: one workflow, one queue, one database beside ours.

The workflow has no steps and hands its work to the worker's own event loop. Its version never changes, so workers of
different releases take each other's runs.
"""

from __future__ import annotations

import asyncio
import importlib
import math
import sqlite3
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from midwatch.domain.errors import InputError, StoreError
from midwatch.engine.base import Order, Work
from midwatch.engine.database.shown import without_password
from midwatch.engine.durable import partitions

try:
    from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions
    from dbos._serialization import DBOSPortableJSON
    from dbos._sys_db import SystemDatabase
    from sqlalchemy import make_url
except ImportError:
    raise InputError(
        "workers need the program's server part, which is not installed",
        "install it: pip install 'midwatch[server]'",
    ) from None

if TYPE_CHECKING:
    from dbos._dbos import DBOS as LAUNCHED

T = TypeVar("T")

WORKFLOW = "turn.v1"
QUEUE = "turns"
NAME = "midwatch"
POLLING = 0.5
"""Seconds between two looks at the queue; a run waits half of it on average."""
_SOON = 0.02
"""Before the first look: what a worker's predecessor had is there already."""
_ALIVE = ["ENQUEUED", "DELAYED", "PENDING"]
_ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_CONNECTIONS = 8
_AT_ONCE = 500
_MANY = 1_000_000
"""Of one partition at the same time: no limit of ours, but without one the queue would have no partitions."""
_handing: dict[str, Callable[[str], Awaitable[str]]] = {}
"""To the worker's loop, while there is one in this process."""
_capacity: list[int] = []
_new: list[bool] = []
"""Not empty until the launched worker first looks at the queue."""
_labels: list[str] = []
_stored_queue, _stored_queues = SystemDatabase.get_queue, SystemDatabase.list_queues
_stored_partitions = SystemDatabase.get_queue_partitions


@DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)
async def _turn(run: str) -> str:
    return await _handing["work"](run)


def preload(url: str) -> None:
    """Import what the engine of that URL needs. Opens nothing and starts no thread."""
    ours, driver = ("sqlite", "sqlite") if url.startswith("sqlite") else ("postgres", "postgresql+psycopg")
    importlib.import_module(f"dbos._sys_db_{ours}")
    make_url(f"{driver}://").get_dialect().import_dbapi()


class DbosEngine:
    """See `Engine`. `url` is of SQLAlchemy's form: `sqlite:////path/engine.db`, `postgresql://…`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client_made: DBOSClient | None = None
        self._launched: LAUNCHED | None = None

    async def migrate(self) -> None:
        """See `Engine.migrate`."""
        await self._call(self._migrate)

    async def enqueue(self, order: Order) -> None:
        """See `Engine.enqueue`."""
        options: EnqueueOptions = {
            "workflow_name": WORKFLOW,
            "queue_name": QUEUE,
            "workflow_id": order.run,
            "app_version": WORKFLOW,
            "priority": order.priority,
            "queue_partition_key": partitions.key(order),
        }
        if order.delay > 0:
            options["delay_seconds"] = order.delay
        await self._call(lambda: self._client().enqueue(options, order.run) and None)

    async def cancel(self, run: str) -> None:
        """See `Engine.cancel`."""
        await self._call(lambda: self._cancel(run))

    async def known(self, runs: Sequence[str], within: float = math.inf) -> frozenset[str]:
        """See `Engine.known`. What was taken while the database went away is PENDING, and nothing of DBOS runs it."""

        def work() -> frozenset[str]:
            found = self._list(workflow_ids=list(runs), status=_ALIVE)
            since = (time.time() - within) * 1000
            taken = {one.workflow_id for one in found if one.status == "PENDING" and (one.dequeued_at or 0) <= since}
            return frozenset(one.workflow_id for one in found) - taken

        return await self._call(work) if runs else frozenset()

    async def launch(self, worker: str, capacity: int, work: Work, labels: Collection[str] = ()) -> None:
        """See `Engine.launch`."""
        loop = asyncio.get_running_loop()

        async def handed(run: str) -> str:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_done(work, run), loop))

        _handing["work"] = handed
        _labels[:] = labels
        await self._call(lambda: self._launch(worker, capacity))

    async def recover(self, live: Sequence[str]) -> int:
        """See `Engine.recover`."""

        def work() -> int:
            pending = self._list(queue_name=QUEUE, status="PENDING")
            lost = [one for one in pending if one.executor_id and one.executor_id not in live]
            dead, queued = sorted({one.executor_id for one in lost}), self._client()._sys_db.reenqueue_for_recovery
            return sum(queued(one.workflow_id, dead, QUEUE) for one in lost)

        return await self._call(work)

    async def tidy(self, seconds: float) -> int:
        """See `Engine.tidy`."""

        def work() -> int:
            before, many = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(), 0
            while True:
                ended = self._list(name=WORKFLOW, status=_ENDED, end_time=before, limit=_AT_ONCE)
                self._client().delete_workflows([one.workflow_id for one in ended])
                many += len(ended)
                if len(ended) < _AT_ONCE:
                    return many

        return await self._call(work)

    async def rest(self) -> None:
        """See `Engine.rest`."""
        _capacity[:] = [0]

    async def stop(self) -> None:
        """See `Engine.stop`."""
        if self._launched is not None:
            launched, self._launched = self._launched, None
            for event in launched.background_thread_stop_events:
                event.set()
            await asyncio.to_thread(_settle, launched)
            await asyncio.to_thread(DBOS.destroy)

    async def close(self) -> None:
        """See `Engine.close`."""
        await self.stop()
        if self._client_made is not None:
            client, self._client_made = self._client_made, None
            await asyncio.to_thread(client.destroy)

    async def _call(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except Exception as error:
            if isinstance(error, AssertionError | TypeError | AttributeError):
                raise
            text = " ".join(str(error).split())
            raise StoreError(
                f"the engine's database {without_password(self._url)} cannot be used ({text})",
                "see that it is there and brought up to date: midwatch migrate",
            ) from error

    def _client(self) -> DBOSClient:
        if self._client_made is None:
            self._client_made = DBOSClient(
                system_database_url=self._url,
                serializer=DBOSPortableJSON,
                application_name=NAME,
                sys_db_idle_transaction_timeout_sec=10,
            )
        return self._client_made

    def _list(self, **what: Any) -> list[Any]:
        return list(self._client().list_workflows(load_input=False, load_output=False, **what))

    def _cancel(self, run: str) -> None:
        if any(one.status in ("ENQUEUED", "DELAYED") for one in self._list(workflow_ids=[run])):
            self._client().cancel_workflow(run)

    def _migrate(self) -> None:
        if self._url.startswith("sqlite"):
            with closing(sqlite3.connect(self._url.removeprefix("sqlite:///"))) as db:
                db.execute("PRAGMA journal_mode = WAL")
        DBOS.migrate(self._url)
        self._client().register_queue(QUEUE, partition_concurrency=_MANY, polling_interval_sec=POLLING)

    def _launch(self, worker: str, capacity: int) -> None:
        config: DBOSConfig = {
            "name": NAME,
            "system_database_url": self._url,
            "sys_db_pool_size": _CONNECTIONS,
            "sys_db_idle_transaction_timeout_sec": 10,
            "executor_id": worker,
            "application_version": WORKFLOW,
            "serializer": DBOSPortableJSON,
            "run_migrations": False,
            "log_level": "ERROR",
        }
        _capacity[:] = [capacity]
        _new[:] = [True]
        # before the queue's thread first looks
        SystemDatabase.get_queue = _bounded  # type: ignore[method-assign]
        SystemDatabase.list_queues = _eager  # type: ignore[method-assign]
        SystemDatabase.get_queue_partitions = _shown  # type: ignore[method-assign]
        launched = DBOS(config=config)
        DBOS.listen_queues([QUEUE])
        DBOS.launch()
        self._launched = launched


async def _done(work: Work, run: str) -> str:
    return await work(run)


def _bounded(self: SystemDatabase, name: str, **options: Any) -> Any:
    """The queue's row is for all workers; how many runs this one takes is its own."""
    queue = _stored_queue(self, name, **options)
    if queue is not None and name == QUEUE and _capacity:
        queue._worker_concurrency = _capacity[-1]
        if _new:
            _new.clear()
            queue._polling_interval_sec = _SOON
    return queue


def _eager(self: SystemDatabase, **options: Any) -> Any:
    """The queue's thread waits before it looks, the first time for as long as this says."""
    queues = _stored_queues(self, **options)
    for queue in queues:
        if queue.name == QUEUE:
            queue._polling_interval_sec = _SOON
    return queues


def _shown(self: SystemDatabase, queue_name: str) -> list[str]:
    """What this worker may take from, in the order in which it does; asked each time just before it takes anything."""
    found = _stored_partitions(self, queue_name)
    if queue_name != QUEUE:
        return found
    return partitions.shown(found if any(_capacity) else (), _labels)


def _settle(launched: LAUNCHED, seconds: float = 3.0) -> None:
    """Let the runs whose work has returned say so; without it, they would be recovered and find nothing to do."""
    end = time.monotonic() + seconds
    while launched._active_workflows_set.activeList() and time.monotonic() < end:
        time.sleep(0.05)
