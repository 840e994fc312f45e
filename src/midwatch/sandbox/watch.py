"""Looking at a box from outside: whether all its processes together keep within its limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from midwatch.sandbox import memory
from midwatch.sandbox.boxd import tree
from midwatch.sandbox.output import amount
from midwatch.sandbox.results import ExecResult
from midwatch.sandbox.spec import BoxSpec

_EVERY = 0.1


class Watch:
    """Of one open box. It looks only while commands run; to be used on the event loop."""

    def __init__(self, spec: BoxSpec, pid: int, stop: Callable[[str], None]) -> None:
        """`pid`: what all processes of the box are below. `stop` ends all its commands, with the reason."""
        self._limits = spec.limits
        self._pid = pid
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._running = 0
        self._timer: asyncio.TimerHandle | None = None
        self._last: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """The box is open."""
        if self._limits.seconds is not None:
            self._last = self._loop.call_later(self._limits.seconds, self._over)

    def busy(self, command: asyncio.Task[ExecResult]) -> None:
        """Watch while this runs."""
        self._running += 1
        command.add_done_callback(self._done)
        if self._timer is None:
            self._timer = self._loop.call_later(_EVERY, self._look)

    def end(self) -> None:
        """Stop looking. May be called twice."""
        for timer in (self._timer, self._last):
            if timer is not None:
                timer.cancel()
        self._timer = self._last = None

    def _done(self, command: asyncio.Task[ExecResult]) -> None:
        self._running -= 1
        if self._running == 0 and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _over(self) -> None:
        self._stop(f"box time limit of {self._limits.seconds:g} s")

    def _look(self) -> None:
        began = time.monotonic()
        limit = self._limits.memory_bytes
        if memory.used(tree.descendants(self._pid), limit) > limit:
            self._stop(f"memory limit of {amount(limit)}")
        pause = max(_EVERY, 10 * (time.monotonic() - began))
        self._timer = self._loop.call_later(pause, self._look)
