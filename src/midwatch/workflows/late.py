"""A box that is made at its first use, with all that it needs: an attempt that waits for its model has no files yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox.base import Box, ExecResult, OutputSink, Session


class LateBox:
    """As `Box`. `close` must be called."""

    def __init__(self, workdir: str, support: str, opening: Callable[[], AbstractAsyncContextManager[Box]]) -> None:
        """`workdir` and `support` are those that the box will have; `opening` makes it, and may raise as
        `Sandbox.open`: then the next use tries again."""
        self.workdir = workdir
        self.support = support
        self._opening = opening
        self._box: Box | None = None
        self._held: AsyncExitStack | None = None
        self._lock = asyncio.Lock()
        self._closed = False

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
        box = await self._opened()
        return await box.exec(argv, timeout=timeout, output_bytes=output_bytes, cwd=cwd, stdin=stdin, sink=sink)

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
        return await (await self._opened()).start(argv, output_bytes=output_bytes, cwd=cwd, pty=pty, sink=sink)

    async def read(self, path: bytes, limit: int = 64 << 20) -> bytes:
        """As `Box.read`."""
        return await (await self._opened()).read(path, limit)

    async def write(self, path: bytes, data: bytes, *, executable: bool | None = None) -> None:
        """As `Box.write`."""
        await (await self._opened()).write(path, data, executable=executable)

    async def remove(self, path: bytes) -> None:
        """As `Box.remove`."""
        await (await self._opened()).remove(path)

    async def park(self) -> None:
        """As `Box.park`."""
        if self._box is not None:
            await self._box.park()

    async def unpark(self) -> None:
        """As `Box.unpark`; one that was not needed yet is left to its first use."""
        if self._box is not None:
            await self._box.unpark()

    async def close(self) -> None:
        """As `Box.close`."""
        self._closed = True
        async with self._lock:
            if self._held is not None:
                await self._held.aclose()

    async def _opened(self) -> Box:
        if self._box is None:
            async with self._lock:
                if self._closed:
                    raise SandboxLost("the box is closed")
                if self._box is None:
                    self._held = AsyncExitStack()
                    self._box = await self._held.enter_async_context(self._opening())
        return self._box
