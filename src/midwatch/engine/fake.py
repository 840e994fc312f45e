"""An engine in memory, for tests: the same contract. Several may share a hub, as processes share a database."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from midwatch.engine.base import Order, Work


@dataclass
class _Run:
    order: Order
    due: float
    state: str = "queued"
    worker: str = ""
    taken: float = 0.0
    ended: float = 0.0


@dataclass
class Hub:
    """What the engines of a test share."""

    runs: dict[str, _Run] = field(default_factory=dict)


class FakeEngine:
    """See `Engine`."""

    def __init__(self, hub: Hub | None = None) -> None:
        self._hub = hub or Hub()
        self._worker = ""
        self._labels: frozenset[str] = frozenset()
        self._taking: asyncio.Task[None] | None = None
        self._going: set[asyncio.Task[None]] = set()

    async def migrate(self) -> None:
        """See `Engine.migrate`."""

    async def enqueue(self, order: Order) -> None:
        """See `Engine.enqueue`."""
        self._hub.runs.setdefault(order.run, _Run(order, time.monotonic() + order.delay))

    async def cancel(self, run: str) -> None:
        """See `Engine.cancel`."""
        found = self._hub.runs.get(run)
        if found is not None and found.state == "queued":
            found.state, found.ended = "ended", time.monotonic()

    async def known(self, runs: Sequence[str], within: float = math.inf) -> frozenset[str]:
        """See `Engine.known`."""
        found, since = self._hub.runs, time.monotonic() - within
        waits = {name for name in runs if name in found and found[name].state == "queued"}
        taken = {name for name in runs if name in found and found[name].state == "running"}
        return frozenset(waits | {name for name in taken if found[name].taken > since})

    async def launch(self, worker: str, capacity: int, work: Work, labels: Collection[str] = ()) -> None:
        """See `Engine.launch`."""
        self._worker, self._labels = worker, frozenset(labels)
        self._taking = asyncio.create_task(self._take(capacity, work))

    async def recover(self, live: Sequence[str]) -> int:
        """See `Engine.recover`."""
        lost = [run for run in self._hub.runs.values() if run.state == "running" and run.worker not in live]
        for run in lost:
            run.state, run.worker = "queued", ""
        return len(lost)

    async def tidy(self, seconds: float) -> int:
        """See `Engine.tidy`."""
        end = time.monotonic() - seconds
        old = [name for name, run in self._hub.runs.items() if run.state == "ended" and run.ended <= end]
        for name in old:
            del self._hub.runs[name]
        return len(old)

    async def rest(self) -> None:
        """See `Engine.rest`."""
        taking, self._taking = self._taking, None
        if taking is not None:
            taking.cancel()
            await asyncio.wait([taking])

    async def stop(self) -> None:
        """See `Engine.stop`."""
        await self.rest()

    async def close(self) -> None:
        """See `Engine.close`."""
        await self.stop()
        for task in self._going:
            task.cancel()
        await asyncio.gather(*self._going, return_exceptions=True)

    async def _take(self, capacity: int, work: Work) -> None:
        while True:
            mine = sum(run.state == "running" and run.worker == self._worker for run in self._hub.runs.values())
            for run in self._due()[: capacity - mine]:
                run.state, run.worker, run.taken = "running", self._worker, time.monotonic()
                task = asyncio.create_task(self._run(run, work))
                self._going.add(task)
                task.add_done_callback(self._going.discard)
            await asyncio.sleep(0.01)

    def _due(self) -> list[_Run]:
        now = time.monotonic()
        due = [
            run
            for run in self._hub.runs.values()
            if run.state == "queued" and run.due <= now and self._labels.issuperset(run.order.labels)
        ]
        return sorted(due, key=lambda run: run.order.priority)

    async def _run(self, run: _Run, work: Work) -> None:
        try:
            await work(run.order.run)
        except asyncio.CancelledError:
            raise  # its worker is gone: it stays this worker's until it is recovered
        except Exception:  # noqa: BLE001, S110 - over, as the contract says
            pass
        if run.worker == self._worker:
            run.state, run.ended = "ended", time.monotonic()
