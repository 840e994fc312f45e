"""One command from its start to its end: its output, its limits, its death. For all drivers that start processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox import memory
from midwatch.sandbox.boxd import tree
from midwatch.sandbox.output import Output, amount
from midwatch.sandbox.results import ExecResult, OutputSink
from midwatch.sandbox.staging import Start, stage

_LOOK_EVERY = 0.1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """Past one of these a command is ended. Seconds and bytes."""

    timeout: float
    output_bytes: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Ending:
    """How the started process ended: why we ended it (empty when it ended by itself), and Popen's return code."""

    reason: str
    code: int
    bytes: int
    duration_ms: int


class Running:
    """A started process. `wait` must be called once; `stop` may be called at any time, twice too."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        output: int,
        limits: Limits,
        sink: OutputSink | None,
    ) -> None:
        """`output`: the read end of its pipe."""
        self.pid = process.pid
        self._process = process
        self._limits = limits
        self._started = time.monotonic()
        self._reason = ""
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        self._handle = os.pidfd_open(process.pid)
        self._output = Output(output, limits.output_bytes, sink, self.stop)
        self._timers: list[asyncio.TimerHandle] = []

    async def wait(self, gone: Callable[[], Awaitable[None]]) -> Ending:
        """Until the process has ended and `gone` says that its descendants have too. Raises what the sink raised."""
        self._loop.add_reader(self._handle, self._on_end)
        limit = self._limits.timeout
        self._timers = [
            self._loop.call_later(limit, self.stop, f"time limit of {round(limit, 1):g} s"),
            self._loop.call_later(_LOOK_EVERY, self._look_at_memory),
        ]
        try:
            await self._ended
            duration = round((time.monotonic() - self._started) * 1000)
            await gone()
            self._output.drain()
        finally:
            self._let_go()
        if self._output.error is not None:
            raise self._output.error
        return Ending(self._reason, self._process.returncode, self._output.bytes, duration)

    def stop(self, reason: str) -> None:
        """End it now. The first reason is the one that counts."""
        if self._process.returncode is None or reason.startswith("output limit"):
            self._reason = self._reason or reason
        if self._process.returncode is None:
            # All are listed before the first dies, and parents die first: none of them can do anything about it.
            tree.kill(tree.descendants(self.pid))

    def _on_end(self) -> None:
        self._loop.remove_reader(self._handle)
        self._process.wait()
        if not self._ended.done():
            self._ended.set_result(None)

    def _look_at_memory(self) -> None:
        began = time.monotonic()
        limit = self._limits.memory_bytes
        if memory.used(tree.descendants(self.pid), limit) > limit:
            self.stop(f"memory limit of {amount(limit)}")
            return
        pause = max(_LOOK_EVERY, 10 * (time.monotonic() - began))
        self._timers[1] = self._loop.call_later(pause, self._look_at_memory)

    def _let_go(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._loop.remove_reader(self._handle)
        self._output.close()
        os.close(self._handle)
        if self._process.returncode is None:  # only when `wait` itself was cancelled, as the loop shuts down
            self._process.kill()
            self._process.wait()


async def start(what: Start) -> subprocess.Popen[bytes]:
    """Start a process in the thread for it. Raises OSError or ValueError as subprocess does."""
    return await asyncio.get_running_loop().run_in_executor(stage().executor, stage().start, what)


async def to_the_end(work: asyncio.Future[T], cancel: Callable[[], None]) -> T:
    """Await `work`, which is never cancelled: when we are, `cancel` is called, it ends, and then we are."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
            cancel()
    if cancelled is not None:
        if not work.cancelled():
            work.exception()  # looked at, so that asyncio does not warn of it
        raise cancelled
    return work.result()


async def until_gone(handle: int, seconds: float = 10.0) -> None:
    """Wait until the process of a pidfd has ended. Raises SandboxLost when it does not."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def note() -> None:
        if not ended.done():
            ended.set_result(None)

    loop.add_reader(handle, note)
    try:
        async with asyncio.timeout(seconds):
            await ended
    except TimeoutError:
        raise SandboxLost(f"a process of the box did not die within {seconds:g} s of being killed") from None
    finally:
        loop.remove_reader(handle)


def result(ending: Ending, left: tuple[str, ...] = ()) -> ExecResult:
    """`left`: what it left in the background."""
    code = ending.code
    if ending.reason:
        exit_code, ended = None, ending.reason
    elif code < 0:
        exit_code, ended = None, f"killed by signal {-code} ({_signal_name(-code)})"
    else:
        exit_code, ended = code, f"exit {code}"
    return ExecResult(exit_code, ended, ending.duration_ms, ending.bytes, left)


def refused_result(line: str, code: int, sink: OutputSink | None) -> ExecResult:
    """Of a command that nothing can start: `line` is its output."""
    data = line.encode("utf-8", "surrogateescape")
    if sink is not None:
        sink(data)
    return ExecResult(code, f"exit {code}", 0, len(data))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
