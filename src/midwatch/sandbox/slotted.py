"""A sandbox whose boxes share a number of slots. One that waits for a model or a person holds none that is needed.

What a box loses when it gives way: nothing of its folders, /tmp and home; no process, since it is left alone while one
runs in it (a session too). In-memory files in /dev/shm are lost where a box has its own, and then the result of the
next command says so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from midwatch.domain.errors import MidwatchError, SandboxLost
from midwatch.sandbox.base import Box, BoxSpec, ExecResult, OutputSink, Protections, Sandbox, Session
from midwatch.sandbox.running import to_the_end
from midwatch.sandbox.slots import Slots
from midwatch.sandbox.tried import Tried

LOST = "the sandbox was set aside while nothing ran in it: what was in /dev/shm is gone"
_LOOK = ("ls", "-A", "/dev/shm")  # noqa: S108 - nothing is made there
_LOOK_SECONDS = 5.0
_LONG = 3600.0


class SlottedSandbox:
    """As its driver, for many boxes. A box takes a slot at its first use, waiting where there is none; it keeps it
    while something runs in it, and afterwards until another box needs it."""

    def __init__(self, sandbox: Sandbox, slots: Slots) -> None:
        self.name = sandbox.name
        self._sandbox = Tried(sandbox)
        self._slots = slots

    async def probe(self) -> Protections:
        """As `Tried.probe`."""
        return await self._sandbox.probe()

    def open(self, spec: BoxSpec) -> AbstractAsyncContextManager[Box]:
        """As `Sandbox.open`. Never waits for a slot: without a free one the box is opened at its first use."""
        return self._open(spec)

    def owner(self, box_id: str) -> tuple[int, int] | None:
        """As `Sandbox.owner`."""
        return self._sandbox.owner(box_id)

    @contextlib.asynccontextmanager
    async def _open(self, spec: BoxSpec) -> AsyncIterator[Box]:
        async with self._sandbox.open(replace(spec, later=True)) as inner:
            box = SlottedBox(inner, self._slots)
            try:
                if not spec.later:
                    await box.unpark()
                yield box
            finally:
                await box.close()


class SlottedBox:
    """As `Box`."""

    def __init__(self, inner: Box, slots: Slots) -> None:
        self.workdir = inner.workdir
        self.support = inner.support
        self._inner = inner
        self._slots = slots
        self._gate = asyncio.Lock()
        """One at a time waits for the slot, or parks."""
        self._has = False
        self._uses = 0
        self._leaving: asyncio.Task[None] | None = None
        self._trouble: MidwatchError | None = None
        self._watching: set[asyncio.Task[None]] = set()
        self._shared = b""
        """What was in /dev/shm when it gave way."""
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
        """As `Box.exec`; `timeout` counts from when there is a slot."""
        async with self._use():
            lost = await self._has_lost() if self._shared else ""
            result = await self._inner.exec(
                argv, timeout=timeout, output_bytes=output_bytes, cwd=cwd, stdin=stdin, sink=sink
            )
        return replace(result, lost=lost) if lost else result

    async def start(
        self,
        argv: Sequence[str],
        *,
        output_bytes: int,
        cwd: str = "",
        pty: bool = False,
        sink: OutputSink | None = None,
    ) -> Session:
        """As `Box.start`; the slot is in use until the session ends."""
        await self._begin()
        try:
            session = await self._inner.start(argv, output_bytes=output_bytes, cwd=cwd, pty=pty, sink=sink)
        except BaseException:
            self._end()
            raise
        watching = asyncio.create_task(self._watch(session))
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)
        return session

    async def read(self, path: bytes, limit: int = 64 << 20) -> bytes:
        """As `Box.read`."""
        async with self._use():
            return await self._inner.read(path, limit)

    async def write(self, path: bytes, data: bytes, *, executable: bool | None = None) -> None:
        """As `Box.write`."""
        async with self._use():
            await self._inner.write(path, data, executable=executable)

    async def remove(self, path: bytes) -> None:
        """As `Box.remove`."""
        async with self._use():
            await self._inner.remove(path)

    async def park(self) -> None:
        """As `Box.park`; gives its slot back."""
        async with self._gate:
            await self._left()
            if self._has:
                self._slots.use(self)  # so that it is not told to give way as well
                self._leaving = asyncio.create_task(self._leave())
                await to_the_end(self._leaving, lambda: None)
            self._raise_trouble()

    async def unpark(self) -> None:
        """As `Box.unpark`. Never waits for a slot: without a free one it is opened at its next use."""
        if self._closed:
            raise SandboxLost("the box is closed")
        if self._leaving is None and (self._has or self._slots.free):
            async with self._use():
                await self._inner.unpark()

    async def close(self) -> None:
        """As `Box.close`; gives its slot back."""
        self._closed = True
        self._slots.forget(self)
        await self._left()
        if self._has:
            self._slots.use(self)  # so that it is not told to give way meanwhile
        try:
            await self._inner.close()
        finally:
            try:
                if self._watching:
                    await asyncio.wait(self._watching)
            finally:  # also when it is cancelled a second time
                if self._has:
                    self._has = False
                    self._slots.back(self)
        self._raise_trouble()

    def give_way(self) -> None:
        """As `Holder.give_way`: begins to park the box."""
        self._leaving = asyncio.create_task(self._give_way())

    @contextlib.asynccontextmanager
    async def _use(self) -> AsyncIterator[None]:
        await self._begin()
        try:
            yield
        finally:
            self._end()

    async def _begin(self) -> None:
        async with self._gate:
            await self._left()
            self._raise_trouble()
            if not self._has and not self._closed:
                await self._slots.take(self)
                self._has = True
            if self._closed:
                if self._has:  # it was closed just after its turn had come
                    self._has = False
                    self._slots.back(self)
                raise SandboxLost("the box is closed")
            self._uses += 1
            self._slots.use(self)

    def _end(self) -> None:
        self._uses -= 1
        if self._uses == 0 and self._has and self._leaving is None and not self._closed:
            self._slots.rest(self)

    async def _watch(self, session: Session) -> None:
        """The session uses the box until it has ended."""
        try:
            with contextlib.suppress(Exception):  # whoever started it learns of it by asking it
                while await session.poll(_LONG) is None:
                    pass
        finally:
            self._end()

    async def _give_way(self) -> None:
        try:
            with contextlib.suppress(MidwatchError):  # whoever uses the box next learns what is wrong with it
                self._shared = await self._look()
        finally:
            await self._leave()

    async def _leave(self) -> None:
        try:
            await self._inner.park()
        except MidwatchError as error:
            self._trouble = error  # for whoever uses the box next
        finally:
            self._has, self._leaving = False, None
            self._slots.back(self)

    async def _left(self) -> None:
        """It is not on its way out any more."""
        while self._leaving is not None:
            await to_the_end(self._leaving, lambda: None)

    def _raise_trouble(self) -> None:
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            raise trouble

    async def _has_lost(self) -> str:
        """What to say of that; nothing where any of it is still there, since it is the machine's, which others change
        too."""
        before, self._shared = self._shared, b""
        return "" if {*before.split(b"\n")} & {*(await self._look()).split(b"\n")} - {b""} else LOST

    async def _look(self) -> bytes:
        """The names in /dev/shm."""
        said: list[bytes] = []
        await self._inner.exec(_LOOK, timeout=_LOOK_SECONDS, output_bytes=1 << 16, sink=said.append)
        return b"".join(said)
