"""Looking at a box from outside: whether all its processes together keep within its limits."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from midwatch.sandbox import memory
from midwatch.sandbox.boxd import tree
from midwatch.sandbox.output import amount
from midwatch.sandbox.results import ExecResult
from midwatch.sandbox.spec import BoxSpec
from midwatch.sandbox.usage import Usage

_EVERY = 0.1
_DISK_EVERY = 5
"""Looks."""


class Watch:
    """Of one open box. It looks only while commands run; to be used on the event loop."""

    def __init__(self, spec: BoxSpec, pid: int, verdict: Callable[[], str | None], stop: Callable[[str], None]) -> None:
        """`pid`: what all processes of the box are below. `verdict`: as `Started.verdict`. `stop` ends all its
        commands, with the reason."""
        self._limits = spec.limits
        self._pid = pid
        self._verdict = verdict
        self._stop = stop
        self._usage = Usage(spec, pid)
        self._loop = asyncio.get_running_loop()
        self._running = 0
        self._any = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._last: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """The box is open."""
        if self._limits.seconds is not None:
            self._last = self._loop.call_later(self._limits.seconds, self._over)

    def busy(self, command: asyncio.Task[ExecResult]) -> None:
        """Watch while this runs."""
        if self._running == 0:
            self._verdict()  # what the kernel killed as the last one was being ended has nothing to do with this one
        self._running += 1
        self._any.set()
        command.add_done_callback(self._done)
        if self._looking is None:
            self._looking = self._loop.create_task(self._look())

    async def end(self) -> None:
        """Stop looking. May be called twice."""
        if self._last is not None:
            self._last.cancel()
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    @property
    def over(self) -> str:
        """Why nothing more may run in the box; empty as long as it may."""
        if self._last is not None and self._last.when() <= self._loop.time():
            return f"box time limit of {self._limits.seconds:g} s"
        return ""

    def _done(self, command: asyncio.Task[ExecResult]) -> None:
        self._running -= 1
        if self._running == 0:
            self._any.clear()

    def _over(self) -> None:
        self._stop(self.over)

    async def _look(self) -> None:
        looks = 0
        while await self._any.wait():
            began = time.monotonic()
            looks += 1
            reason = ""
            # no process or handle is to be had at the moment: what was not seen is seen by the next look
            with contextlib.suppress(OSError):
                reason = self._memory()
                if not reason and looks % _DISK_EVERY == 0:
                    reason = await self._usage.verdict()
            if reason:
                self._stop(reason)
            await asyncio.sleep(max(_EVERY, 10 * (time.monotonic() - began)))

    def _memory(self) -> str:
        verdict = self._verdict()
        if verdict is not None:
            return verdict
        limit = self._limits.memory_bytes
        return f"memory limit of {amount(limit)}" if memory.used(tree.descendants(self._pid), limit) > limit else ""
