"""Commands that go on while the model does something else, and what they have written since it last looked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from midwatch.domain.errors import SandboxLost
from midwatch.engine.blobs import Blob, Blobs, BlobWriter
from midwatch.sandbox.base import Box, ExecResult, Session

MOST = 16
"""Sessions at once; one that has ended counts until it is looked at."""
_KILL = 9


class TooMany(Exception):
    """There is no room for another session."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a session found."""

    log: Blob | None
    """Of all that it wrote since the look before; None for nothing."""
    ended: ExecResult | None
    """None while it runs."""
    duration_ms: int = 0
    """Of the look."""


@dataclass(frozen=True, slots=True)
class Start:
    """A command to be started."""

    command: str
    """As the model wrote it."""
    argv: Sequence[str]
    pty: bool
    output_bytes: int
    """Of the session in all; past it, it is ended."""


class Running:
    """One session. Every byte that it writes is in the log of exactly one look, in order."""

    def __init__(self, number: int, start: Start, blobs: Blobs) -> None:
        self.number = number
        self.command = start.command
        self.pty = start.pty
        self.typed = ""
        """The beginning of a line that was written to it and has no end yet."""
        self.told = False
        """The model knows that it has ended."""
        self.session: Session
        """Set right after it was made."""
        self._blobs = blobs
        self._writer: BlobWriter | None = None
        self._live: Callable[[bytes], None] | None = None

    def sink(self, chunk: bytes) -> None:
        """For `Box.start`."""
        if self._writer is None:
            self._writer = self._blobs.writer()
        self._writer.write(chunk)
        if self._live is not None:
            self._live(chunk)

    async def look(self, seconds: float, live: Callable[[bytes], None] | None = None) -> Look:
        """Wait until it ends, `seconds` at most, and take what it has written; `live` is shown it as it comes. Raises
        as `Session.poll`, StoreError."""
        self._live = live
        began = time.monotonic()
        try:
            ended = await self.session.poll(seconds)
        finally:
            self._live = None
        return Look(self.take(), ended, round((time.monotonic() - began) * 1000))

    def take(self) -> Blob | None:
        """What it wrote since this was asked last, stored. Raises StoreError."""
        writer, self._writer = self._writer, None
        return None if writer is None else writer.finish()

    def forget(self) -> None:
        """Drop what was not taken."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.discard()


class Sessions:
    """Those of one attempt. A session's number is the number of the command that started it, so it never means
    another one, also after a crash. `end` must be called at last."""

    def __init__(self) -> None:
        self._running: dict[int, Running] = {}

    async def start(self, number: int, start: Start, box: Box, blobs: Blobs) -> Running:
        """Start a command. Raises TooMany, and as `Box.start`."""
        if len(self._running) >= MOST:
            raise TooMany(f"there are {MOST} sessions already: {self.listed()}")
        running = Running(number, start, blobs)
        running.session = await box.start(start.argv, output_bytes=start.output_bytes, pty=start.pty, sink=running.sink)
        self._running[number] = running
        return running

    def get(self, number: int) -> Running | None:
        """The session of that number, also one that ended and has not been looked at since."""
        return self._running.get(number)

    def drop(self, running: Running) -> None:
        """It has ended, and its last words were taken."""
        self._running.pop(running.number, None)

    def listed(self) -> str:
        """All of them in a line: `7 (npm run dev), 9 (python -i)`; empty when there is none."""
        return ", ".join(f"{one.number} ({_short(one.command)})" for one in self._running.values())

    async def news(self) -> list[str]:
        """A sentence for each that has ended by itself since this was asked last. Raises as `Session.poll`."""
        found = []
        for running in self._running.values():
            if not running.told and (ended := await running.session.poll()) is not None:
                running.told = True
                found.append(f"session {running.number} ({_short(running.command)}) has ended: {ended.ended}")
        return found

    async def end(self) -> list[tuple[Running, Look]]:
        """End all of them, and what each wrote since it was last looked at. May be called twice. Raises StoreError;
        what the box cannot say any more is said in the look."""
        gone, self._running = list(self._running.values()), {}
        try:
            looks = await asyncio.gather(*map(_last, gone))
        finally:
            for running in gone:
                running.forget()
        return list(zip(gone, looks, strict=True))


async def _last(running: Running) -> Look:
    ended = ExecResult(None, "lost with the sandbox", 0, 0)
    with suppress(SandboxLost):
        found = await running.session.poll()
        if found is None:
            await running.session.kill(_KILL)
            while found is None:
                found = await running.session.poll(60.0)
            if found.exit_code is None and found.ended.startswith("killed by"):
                found = ExecResult(None, "ended with the turn", found.duration_ms, found.bytes)
        ended = found
    return Look(running.take(), ended)


def _short(command: str) -> str:
    line = " ".join(command.split())
    return line if len(line) <= 60 else line[:59] + "…"
