"""A box as several callers may use it at once: commands run beside each other as sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from midwatch.sandbox.base import Box, ExecResult, OutputSink, Session

_KILL = 9
_NO_INPUT = ("sh", "-c", 'exec "$@" </dev/null', "sh")
"""A session's standard input stays open; what reads it to its end would wait for ever."""


class SharedBox:
    """As `Box`, over an open one, which stays the caller's. `exec` may be called while another one runs; one that gives
    input waits for its turn, since a session's input has no end."""

    def __init__(self, box: Box) -> None:
        self.workdir = box.workdir
        self.support = box.support
        self._box = box
        self._one = asyncio.Lock()

    async def exec(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        output_bytes: int,
        cwd: str = "",
        stdin: bytes = b"",
        sink: OutputSink | None = None,
    ) -> ExecResult:
        """As `Box.exec`."""
        if stdin:
            async with self._one:
                return await self._box.exec(
                    argv, timeout=timeout, output_bytes=output_bytes, cwd=cwd, stdin=stdin, sink=sink
                )
        session = await self._box.start([*_NO_INPUT, *argv], output_bytes=output_bytes, cwd=cwd, sink=sink)
        return await _to_its_end(session, timeout)

    async def start(
        self,
        argv: Sequence[str],
        *,
        output_bytes: int,
        cwd: str = "",
        pty: bool = False,
        sink: OutputSink | None = None,
    ) -> Session:
        """As `Box.start`."""
        return await self._box.start(argv, output_bytes=output_bytes, cwd=cwd, pty=pty, sink=sink)

    async def read(self, path: bytes, limit: int = 64 << 20) -> bytes:
        """As `Box.read`."""
        return await self._box.read(path, limit)

    async def write(self, path: bytes, data: bytes, *, executable: bool | None = None) -> None:
        """As `Box.write`."""
        await self._box.write(path, data, executable=executable)

    async def remove(self, path: bytes) -> None:
        """As `Box.remove`."""
        await self._box.remove(path)

    async def park(self) -> None:
        """As `Box.park`."""
        await self._box.park()

    async def unpark(self) -> None:
        """As `Box.unpark`."""
        await self._box.unpark()

    async def close(self) -> None:
        """As `Box.close`."""
        await self._box.close()


async def _to_its_end(session: Session, timeout: float) -> ExecResult:
    """How it ended; killed at its time limit, and when the caller is cancelled."""
    try:
        ended = await session.poll(timeout)
        if ended is not None:
            return ended
        await session.kill(_KILL)
        killed = await ended_of(session)
    except asyncio.CancelledError:
        await session.kill(_KILL)
        await ended_of(session)
        raise
    reason = f"time limit of {round(timeout, 1):g} s"
    return ExecResult(None, reason, killed.duration_ms, killed.bytes, killed.left)


async def ended_of(session: Session) -> ExecResult:
    """How a session ended, waiting for it. Raises as `Session.poll`."""
    while True:
        ended = await session.poll(60.0)
        if ended is not None:
            return ended
