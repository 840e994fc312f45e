"""A box whose commands are run by our exec server, whatever isolates it: what all such drivers share."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox import contents
from midwatch.sandbox.channel import Channel, Request
from midwatch.sandbox.opened import Launch, OpenBox, View
from midwatch.sandbox.remote import Remote
from midwatch.sandbox.results import ExecResult, OutputSink
from midwatch.sandbox.running import refused_result, to_the_end
from midwatch.sandbox.sessions import EndedSession, RemoteSession
from midwatch.sandbox.spec import BoxSpec
from midwatch.sandbox.wording import absolute, entries, not_opened, refusal


class ServedBox:
    """As `Box`, over a server that `launch` starts: at `unpark`, or before the first command."""

    def __init__(self, spec: BoxSpec, launch: Launch, view: View) -> None:
        """Raises InputError for variables that cannot be."""
        self.workdir = view.workdir
        self.support = view.support
        self._spec = spec
        self._launch = launch
        self._view = view
        self._lock = asyncio.Lock()
        self._now: OpenBox | None = None
        self._running: set[Remote] = set()
        self._closed = False
        entries(view.environment)  # wrong names are told now

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
        refused = self._refusal(argv, cwd)
        if refused:
            return refused_result(refused, 127, sink)
        now = await self._opened()
        if now.watch.over:
            return ExecResult(None, now.watch.over, 0, 0)
        remote = self._run(now, (argv, cwd, False), (stdin, output_bytes, sink))
        loop = asyncio.get_running_loop()
        timer = loop.call_later(timeout, remote.stop, f"time limit of {round(timeout, 1):g} s")
        try:
            return await to_the_end(remote.ended, lambda: remote.stop("cancelled"))
        finally:
            timer.cancel()

    async def start(
        self,
        argv: Sequence[str],
        *,
        output_bytes: int,
        cwd: str = "",
        pty: bool = False,
        sink: OutputSink | None = None,
    ) -> RemoteSession | EndedSession:
        """As `Box.start`."""
        refused = self._refusal(argv, cwd)
        if refused:
            return EndedSession(refused_result(refused, 127, sink))
        now = await self._opened()
        if now.watch.over:
            return EndedSession(ExecResult(None, now.watch.over, 0, 0))
        return RemoteSession(self._run(now, (argv, cwd, pty), (None, output_bytes, sink)))

    async def read(self, path: bytes, limit: int = 64 << 20) -> bytes:
        """As `Box.read`."""
        return await contents.take(await self._channel(), path, limit)

    async def write(self, path: bytes, data: bytes, *, executable: bool | None = None) -> None:
        """As `Box.write`."""
        await contents.give(await self._channel(), path, data, executable)

    async def remove(self, path: bytes) -> None:
        """As `Box.remove`."""
        await contents.remove(await self._channel(), path)

    async def park(self) -> None:
        """As `Box.park`."""
        await self._end("parked")

    async def unpark(self) -> None:
        """As `Box.unpark`."""
        await self._opened()

    async def close(self) -> None:
        """As `Box.close`."""
        self._closed = True
        await self._end("closed")

    def _refusal(self, argv: Sequence[str], cwd: str) -> str:
        if self._closed:
            raise SandboxLost("the box is closed")
        return refusal([*argv, *([cwd] if "\0" in cwd else [])])

    def _run(
        self,
        now: OpenBox,
        what: tuple[Sequence[str], str, bool],
        streams: tuple[bytes | None, int, OutputSink | None],
    ) -> Remote:
        argv, cwd, pty = what
        request = Request(argv, absolute(cwd, self.workdir), now.environment, pty)
        try:
            remote = Remote(now.place, request, *streams)
        except OSError as error:
            raise SandboxLost(f"the command could not be started: {error.strerror}") from error
        self._running.add(remote)
        remote.ended.add_done_callback(lambda _: self._running.discard(remote))
        now.watch.busy(remote.ended)
        return remote

    async def _channel(self) -> Channel:
        return (await self._opened()).channel

    async def _opened(self) -> OpenBox:
        """The open box; opened now when it is not. Being cancelled, it is first opened to the end."""
        if self._closed:
            raise SandboxLost("the box is closed")
        now = self._now
        if now is not None and not now.channel.lost.done():
            return now
        return await to_the_end(asyncio.get_running_loop().create_task(self._open()), lambda: None)

    async def _open(self) -> OpenBox:
        async with self._lock:
            if self._now is not None:
                if not self._now.channel.lost.done():
                    return self._now
                await self._now.end("")
            if self._closed:
                raise SandboxLost("the box is closed")
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                try:
                    started = await self._launch(theirs)
                except OSError as error:
                    ours.close()
                    raise not_opened(error) from error
                except BaseException:
                    ours.close()
                    raise
            now = OpenBox(self._spec, self._view, started, Channel(ours), self._stop_all)
            try:
                await now.greet()
            except OSError as error:
                raise not_opened(error) from error
            self._now = now
            return now

    def _stop_all(self, reason: str) -> None:
        for remote in tuple(self._running):
            remote.stop(reason)

    async def _end(self, reason: str) -> None:
        self._stop_all(reason)
        async with self._lock:
            now, self._now = self._now, None
            if now is not None:
                await now.end(reason)
        if self._running:
            await asyncio.wait([remote.ended for remote in self._running])
