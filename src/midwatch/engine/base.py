"""The contract of a durable engine: it keeps what is to be run, and sees that a worker runs it once it may.

A run is named by whoever enqueues it, and its work looks by itself at how far it is: run again after its worker has
died, it goes on. So the engine keeps no steps, and what the work is may change under it.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

Work = Callable[[str], Awaitable[str]]
"""Does a run, and says in a word how it ended. It is called on the event loop that launched the engine; when it raises,
the run is over."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run, and when."""

    run: str
    """Its name. Ordered twice it is run once."""
    owner: str = ""
    """Whose it is: among those with the same priority, the owner to take from is drawn by lot."""
    priority: int = 1
    """1 and up; the lower is taken first."""
    delay: float = 0.0
    """Seconds from now that it waits for."""
    labels: tuple[str, ...] = ()
    """Only a worker that has all of them takes it."""


class Engine(Protocol):
    """Safe to use from several tasks and processes at once. Raises StoreError when its database cannot be used."""

    async def migrate(self) -> None:
        """Make its tables and its queue, or bring them up to date. May be called again."""

    async def enqueue(self, order: Order) -> None:
        """Keep the order; durable when this returns."""

    async def cancel(self, run: str) -> None:
        """A run that has not begun does not begin. One that has goes on: its worker is told by other means."""

    async def known(self, runs: Sequence[str], within: float = math.inf) -> frozenset[str]:
        """Those of the runs that wait, or that a worker has taken in the last so many seconds and that have not ended.
        One that was taken longer ago and never came to its work is its worker's until that is recovered."""

    async def launch(self, worker: str, capacity: int, work: Work, labels: Collection[str] = ()) -> None:
        """Be the worker of that name, which no process had before: take runs that demand none but these labels, at most
        `capacity` at once, until `stop`. One process is one worker."""

    async def recover(self, live: Sequence[str]) -> int:
        """Queue again what workers had that are not among these; how many. May be called before `launch`, and from
        another thread's loop."""

    async def tidy(self, seconds: float) -> int:
        """Forget ended runs that were ordered so long ago; how many."""

    async def rest(self) -> None:
        """Take no further run, and go on with those it has: others may take what is ordered from now on."""

    async def stop(self) -> None:
        """Take no further run. Those whose work has not returned stay this worker's until they are recovered."""

    async def close(self) -> None:
        """Stop, and let go of everything. May be called twice."""
