"""One command that a box's exec server runs, seen from the host: its streams, its limits, its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox import channel as channels
from midwatch.sandbox.channel import Channel, Request
from midwatch.sandbox.handles import memory_file, null_file, output_pipe
from midwatch.sandbox.output import Output
from midwatch.sandbox.results import ExecResult, OutputSink
from midwatch.sandbox.running import Ending, refused_result, result

_KILL = 9
_OBEY_SECONDS = 15.0


class Place:
    """Where commands run: an open box, as far as a command needs it."""

    def __init__(
        self,
        channel: Channel,
        owner: tuple[int, int] | None,
        verdict: Callable[[], str | None],
        end: Callable[[str], Awaitable[SandboxLost | None]],
    ) -> None:
        """`owner`: whom the streams of commands belong to. `verdict`, `end`: as `Started.verdict`, `OpenBox.end`."""
        self.channel = channel
        self.owner = owner
        self.verdict = verdict
        self.end = end


class Remote:
    """A command, from its request on. `ended` must be awaited; `stop` may be called at any time, twice too."""

    def __init__(
        self, place: Place, what: Request, stdin: bytes | None, output_bytes: int, sink: OutputSink | None
    ) -> None:
        """`stdin`: all that there is to read, or None for a pipe that `feed` writes to. Raises OSError."""
        self._place = place
        self._loop = asyncio.get_running_loop()
        self._opened = contextlib.ExitStack()
        self._reason = ""
        self._sink = sink
        self._input = -1
        self._feeding = asyncio.Lock()
        self._started = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        try:
            reading, writing = output_pipe(place.owner)
            self._opened.callback(os.close, reading)
            with contextlib.ExitStack() as given:
                given.callback(os.close, writing)
                source = self._source(given, stdin)
                self._output = Output(reading, output_bytes, sink, self.stop)
                self._opened.callback(self._output.close)
                self._name, self._answered = place.channel.run(what, source, writing)
        except BaseException:
            self._opened.close()
            raise
        self.ended: asyncio.Task[ExecResult] = self._loop.create_task(self._attend())

    def stop(self, reason: str) -> None:
        """End it now, with all that it started. The first reason is the one that counts."""
        self._reason = self._reason or reason
        if not self._answered.done() and self._timer is None:
            self._timer = self._loop.call_later(_OBEY_SECONDS, self._insist)
            self._place.channel.signal(self._name, _KILL)

    def signal(self, number: int) -> None:
        """As `Session.kill`."""
        if not self._answered.done():
            self._place.channel.signal(self._name, number)

    async def feed(self, data: bytes) -> None:
        """Write to its standard input; waits for room. What comes after its end is dropped."""
        view = memoryview(data)
        async with self._feeding:
            while view and not self._answered.done():
                try:
                    view = view[os.write(self._input, view) :]
                except BlockingIOError:
                    await self._room()
                except OSError:
                    return

    def _source(self, given: contextlib.ExitStack, stdin: bytes | None) -> int:
        if stdin is not None:
            return memory_file(given, stdin) if stdin else given.enter_context(null_file())
        reading, self._input = os.pipe()
        given.callback(os.close, reading)
        self._opened.callback(os.close, self._input)
        os.set_blocking(self._input, False)
        if self._place.owner is not None:
            os.fchown(reading, *self._place.owner)
        return reading

    async def _room(self) -> None:
        """Until its standard input takes more, or it has ended."""
        ready = self._loop.create_future()
        self._loop.add_writer(self._input, channels.once, ready)
        try:
            await asyncio.wait([ready, self._answered], return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not self.ended.done():
                self._loop.remove_writer(self._input)

    async def _attend(self) -> ExecResult:
        try:
            code, left = await self._wait()
            duration = round((time.monotonic() - self._started) * 1000)
            self._output.drain()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if self._input != -1:
                self._loop.remove_writer(self._input)
            self._opened.close()
        if self._output.error is not None:
            raise self._output.error
        if code is None:
            return refused_result(f"midwatch: the command could not be started: {left[0]}\n", 126, self._sink)
        return result(Ending(self._reason, code, self._output.bytes, duration), left)

    async def _wait(self) -> tuple[int | None, tuple[str, ...]]:
        try:
            report = channels.report(await self._answered)
        except SandboxLost as error:
            self._reason = self._reason or self._place.verdict() or ""
            await self._place.end(error.message)
            if self._reason:  # the box was ended, by us
                return 0, ()
            raise
        if report.kind == "stuck":
            await self._place.end("a process of the command does not die")
            raise SandboxLost("a process of the command did not die when it was killed; the box was ended")
        self._reason = self._reason or self._place.verdict() or ""
        return (None if report.kind == "refused" else report.code), report.left

    def _insist(self) -> None:
        """The box does not do what it is told."""
        self._place.channel.close()
