"""How tasks, turns and workers stand, for Prometheus: what the database knows, whichever process is asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily

from midwatch.engine.database.base import Connection, Database
from midwatch.engine.turns import ENDED, OPEN

_FRESH = 10.0
"""Seconds for which an answer of the database is good, however often it is asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """At one moment."""

    tasks: dict[str, int]
    """How many have a newest turn of that status."""
    turns: dict[str, int]
    """How many have that status."""
    workers: int
    """How many have a lease."""
    oldest: float
    """Seconds for which the turn that waits longest could have begun; 0 when none waits."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See `prometheus_client.registry.Collector`."""
        for name, what, found in (
            ("midwatch_tasks", "Tasks by how their newest turn stands", self.tasks),
            ("midwatch_turns", "Turns by how they stand", self.turns),
        ):
            family = GaugeMetricFamily(name, what, labels=["state"])
            for state in (*OPEN, *ENDED):
                family.add_metric([state], found.get(state, 0))
            yield family
        yield GaugeMetricFamily("midwatch_workers", "Workers that have a lease", value=self.workers)
        yield GaugeMetricFamily("midwatch_queue_age_seconds", "How long the oldest turn waits", value=self.oldest)


class Board:
    """Asks the database, and keeps the answer for some seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last: tuple[float, bytes] | None = None
        self._asking = asyncio.Lock()

    async def text(self) -> bytes:
        """In Prometheus' text format. Raises StoreError."""
        async with self._asking:
            if self._last is None or time.monotonic() - self._last[0] >= _FRESH:
                registry = CollectorRegistry()
                registry.register(await self._database.read(_look))
                self._last = time.monotonic(), generate_latest(registry)
            return self._last[1]


def _look(db: Connection) -> Standing:
    newest = "number = (SELECT max(number) FROM turn AS other WHERE other.task = turn.task)"
    since = "CASE WHEN begin_at > changed THEN begin_at ELSE changed END"
    tasks = db.execute(f"SELECT status, count(*) FROM turn WHERE {newest} GROUP BY status").fetchall()  # noqa: S608
    turns = db.execute("SELECT status, count(*) FROM turn GROUP BY status").fetchall()
    (workers,) = db.execute("SELECT count(*) FROM worker").fetchone()
    query = f"SELECT {db.clock} - min({since}) FROM turn WHERE status = 'queued' AND begin_at <= {db.clock}"  # noqa: S608
    (oldest,) = db.execute(query).fetchone()
    return Standing(dict(tasks), dict(turns), workers, max(0.0, oldest or 0.0))
