"""The host's end of the socket to a box's exec server. What comes out of it is read as hostile."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox.boxd import wire
from midwatch.sandbox.handles import memory_file
from midwatch.sandbox.spec import BoxLimits

_HANDSHAKE_SECONDS = 30.0
_QUEUED = 256
_RIGHTS = (socket.SOL_SOCKET, socket.SCM_RIGHTS)
_LISTED, _WORDS = 20, 200


@dataclass(frozen=True, slots=True)
class Report:
    """How a command ended, by the box's own account."""

    kind: str
    """`ended`; `refused`: it could not be started; `stuck`: something of it does not die."""
    code: int
    """The exit code, or -N for signal N."""
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """A command to run; paths as the box sees them."""

    argv: Sequence[str]
    cwd: str
    environment: Sequence[bytes]
    """Entries `NAME=value`."""
    pty: bool = False


class Channel:
    """One box's. Everything is to be called on the event loop. A future that is waited for fails with SandboxLost when
    the box's end closes or says what cannot be."""

    def __init__(self, connection: socket.socket) -> None:
        """`connection`: SOCK_SEQPACKET, ours from now on."""
        self._connection = connection
        connection.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._names = itertools.count(1)
        self._waiting: dict[bytes, asyncio.Future[list[bytes]]] = {}
        self._queue: deque[tuple[bytes, list[int]]] = deque()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        """Done with the reason when nothing more comes from the box."""

    async def begin(self, workspace: str, limits: BoxLimits, *, listen: bool, nice: int = 0) -> socket.socket | None:
        """Shake hands; to be called once, first. `listen`: the box makes the socket on which its programs look for the
        proxy, which is returned. `nice`: by how much priority is lowered. A negative number of processes is no limit.
        Raises SandboxLost."""
        numbers = (limits.processes, limits.file_bytes, limits.open_files, int(listen), nice)
        first = wire.pack(b"begin", os.fsencode(workspace), *(str(number).encode() for number in numbers))
        try:
            async with asyncio.timeout(_HANDSHAKE_SECONDS):
                self._connection.sendmsg([first])
                await self._readable()
                return self._shake(listen)
        except TimeoutError:
            raise SandboxLost(f"the box did not answer within {_HANDSHAKE_SECONDS:g} s of its start") from None
        except OSError as error:
            raise SandboxLost(f"the box ended before it was ready ({error.strerror})") from error
        finally:
            if self._connection.fileno() != -1:
                self._loop.add_reader(self._connection, self._on_answer)

    def run(self, what: Request, stdin: int, stdout: int) -> tuple[bytes, asyncio.Future[list[bytes]]]:
        """Have a command started with these streams, which may be closed then. The name to signal it by, and how it
        ended (`report` reads it)."""
        argv = [os.fsencode(word) for word in what.argv]
        fields = [b"1" if what.pty else b"", os.fsencode(what.cwd), str(len(argv)).encode(), *argv, *what.environment]
        return self._request(b"run", fields, [stdin, stdout])

    def signal(self, name: bytes, number: int) -> None:
        """Send a signal to a command: 9 to all its processes, others to its process group. Nothing happens when it has
        ended."""
        if name in self._waiting:
            self._send(wire.pack(b"kill", name, str(number).encode()), [])

    def ask(self, kind: bytes, fields: Sequence[bytes], handle: int | None) -> asyncio.Future[list[bytes]]:
        """Have something done to a file of the workspace: `read`, `write` or `remove`."""
        return self._request(kind, fields, [] if handle is None else [handle])[1]

    def close(self) -> None:
        """Let go: the server ends, and the box with it. May be called twice."""
        self._fail("the box is closed")

    def _shake(self, listen: bool, nice: int = 0) -> socket.socket | None:
        space = socket.CMSG_LEN(4) if listen else 0
        data, ancillary, _, _ = self._connection.recvmsg(wire.LONGEST, space, socket.MSG_CMSG_CLOEXEC)
        given = b"".join(part for level, kind, part in ancillary if (level, kind) == _RIGHTS)
        handles = [int.from_bytes(given[at : at + 4], sys.byteorder) for at in range(0, len(given) - 3, 4)]
        _close(handles[1:])
        listener = _listening(handles[0]) if handles else None
        if data != wire.pack(b"ready") or (listener is None) == listen:
            if listener is not None:
                listener.close()
            raise SandboxLost("the box ended before it was ready" if not data else "the box answered out of turn")
        return listener

    async def _readable(self) -> None:
        ready = self._loop.create_future()
        self._loop.add_reader(self._connection, once, ready)
        try:
            await ready
        finally:
            self._loop.remove_reader(self._connection)

    def _request(
        self, kind: bytes, fields: Sequence[bytes], handles: list[int]
    ) -> tuple[bytes, asyncio.Future[list[bytes]]]:
        name = str(next(self._names)).encode()
        answered = self._loop.create_future()
        if self.lost.done():
            answered.set_exception(SandboxLost(self.lost.result()))
            answered.exception()  # looked at: nobody may be waiting for it
            return name, answered
        self._waiting[name] = answered
        data = wire.pack(kind, name, *fields)
        with contextlib.ExitStack() as opened:
            if len(data) > wire.LONGEST:
                handles = [memory_file(opened, data), *handles]
                data = wire.pack(wire.LONG)
            self._send(data, handles)
        return name, answered

    def _send(self, data: bytes, handles: list[int]) -> None:
        if not self._queue:
            try:
                socket.send_fds(self._connection, [data], handles)
                return
            except BlockingIOError:
                self._loop.add_writer(self._connection, self._on_room)
            except OSError as error:
                self._fail(f"the box has ended ({error.strerror})")
                return
        if len(self._queue) >= _QUEUED:
            self._fail("the box does not listen any more")
            return
        self._queue.append((data, [os.dup(handle) for handle in handles]))

    def _on_room(self) -> None:
        while self._queue:
            data, handles = self._queue[0]
            try:
                socket.send_fds(self._connection, [data], handles)
            except BlockingIOError:
                return
            except OSError as error:
                self._fail(f"the box has ended ({error.strerror})")
                return
            self._queue.popleft()
            _close(handles)
        self._loop.remove_writer(self._connection)

    def _on_answer(self) -> None:
        try:
            data = self._connection.recv(wire.LONGEST)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._fail("the box has ended")
            return
        try:
            kind, name, *fields = wire.unpack(data)
        except ValueError:
            self._fail("the box answered what cannot be read")
            return
        answered = self._waiting.pop(name, None)
        if answered is not None and not answered.done():
            answered.set_result([kind, *fields])

    def _fail(self, reason: str) -> None:
        if self.lost.done():
            return
        self.lost.set_result(reason)
        self._loop.remove_reader(self._connection)
        self._loop.remove_writer(self._connection)
        self._connection.close()
        for _, handles in self._queue:
            _close(handles)
        self._queue.clear()
        for answered in self._waiting.values():
            if not answered.done():
                answered.set_exception(SandboxLost(reason))
                answered.exception()  # looked at: nobody may be waiting for it any more
        self._waiting.clear()


def _listening(handle: int) -> socket.socket | None:
    """The handle as a socket, when it is one that listens on a loopback address; else it is closed."""
    try:
        found = socket.socket(fileno=handle)
    except OSError:
        os.close(handle)
        return None
    listens = found.family == socket.AF_INET and found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if listens and found.getsockname()[0] == "127.0.0.1":
        return found
    found.close()
    return None


def report(answer: list[bytes]) -> Report:
    """What the answer to `Channel.run` says. Raises SandboxLost for one that no server gives."""
    kind, *fields = answer
    with contextlib.suppress(ValueError, IndexError):
        if kind == b"refused":
            return Report("refused", 126, (_text(fields[0]),))
        code = int(fields[0])
        if kind in (b"ended", b"stuck") and -64 <= code <= 255:
            return Report(kind.decode(), code, tuple(_text(line) for line in fields[1 : _LISTED + 1]))
    raise SandboxLost("the box answered what cannot be read")


def failure(answer: list[bytes], path: bytes) -> OSError | None:
    """The error that the answer to `Channel.ask` tells of. Raises SandboxLost as `report`."""
    kind, *fields = answer
    if kind == b"done":
        return None
    with contextlib.suppress(ValueError, IndexError):
        if kind == b"failed":
            return OSError(int(fields[0]), _text(fields[1]), path)  # Python picks the subclass from the number
    raise SandboxLost("the box answered what cannot be read")


def once(ready: asyncio.Future[None]) -> None:
    """Set a future that may be set already; for callbacks that come again."""
    if not ready.done():
        ready.set_result(None)


def _text(data: bytes) -> str:
    return data[:_WORDS].decode("utf-8", "replace")


def _close(handles: list[int]) -> None:
    for handle in handles:
        os.close(handle)
