"""The host's end of a channel that goes through gVisor's border as frames; see `gvisor_inside`."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import os
import socket
import stat
import struct

from midwatch.sandbox.boxd import wire

_MESSAGE, _DATA, _END, _TAKEN, _CROWDED = range(5)
_HEADER = struct.Struct("!BII")
_PIECE = 64 << 10
_DESCRIPTORS = 4
_LONGEST_FRAME = 1 << 20


class Tunnel:
    """Stands for the exec server towards the host's `Channel`. To be used on the event loop."""

    def __init__(self, channel: socket.socket, to_box: int, from_box: int) -> None:
        """All three are ours from now on: the server's end of the channel, and pipes to and from the relay inside."""
        self.crowded = False
        """The box has more processes and threads than it may, by the relay's own account."""
        self._channel = channel
        self._to_box = to_box
        self._from_box = from_box
        channel.setblocking(False)
        for handle in (to_box, from_box):
            os.set_blocking(handle, False)
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._outputs: dict[int, int] = {}
        self._taken: dict[int, asyncio.Event] = {}
        self._sending = asyncio.Lock()
        self._tasks = {self._loop.create_task(self._requests()), self._loop.create_task(self._frames())}

    async def close(self) -> None:
        """Let go of everything. Called once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._channel.close()
        for handle in (self._to_box, self._from_box, *self._outputs.values()):
            os.close(handle)

    async def _requests(self) -> None:
        """From the host's channel to the box."""
        while True:
            await self._ready(self._channel.fileno())
            try:
                data, handles, _, _ = socket.recv_fds(
                    self._channel, wire.LONGEST, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
                )
            except OSError:
                data, handles = b"", []
            if not data:
                self._hang_up()
                return
            if data == wire.pack(wire.LONG):
                data = await asyncio.to_thread(_whole, handles.pop(0))
            await self._request(data, handles)

    async def _request(self, data: bytes, handles: list[int]) -> None:
        kind = wire.unpack(data)[0]
        streams = []
        inputs = []
        for place, handle in enumerate(handles):
            number = next(self._numbers)
            reads = kind == b"write" or (kind == b"run" and place == 0)
            streams.append(struct.pack("!I?", number, reads))
            if reads:
                inputs.append((number, handle))
            else:
                self._outputs[number] = handle
                os.set_blocking(handle, not stat.S_ISFIFO(os.fstat(handle).st_mode))
        await self._send(_MESSAGE, len(streams), b"".join([*streams, data]))
        for number, handle in inputs:
            task = self._loop.create_task(self._input(number, handle))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _input(self, number: int, handle: int) -> None:
        """All that comes out of a handle of the host's, one piece at a time: the box takes it before the next."""
        taken = self._taken[number] = asyncio.Event()
        try:
            pipe = stat.S_ISFIFO(os.fstat(handle).st_mode)
            if pipe:
                fcntl.fcntl(handle, fcntl.F_SETFL, fcntl.fcntl(handle, fcntl.F_GETFL) | os.O_NONBLOCK)
            while True:
                if pipe:
                    await self._ready(handle)
                piece = os.read(handle, _PIECE)
                await self._send(_DATA if piece else _END, number, piece)
                if not piece:
                    return
                await taken.wait()
                taken.clear()
        finally:
            del self._taken[number]
            os.close(handle)

    async def _frames(self) -> None:
        """From the box to the host."""
        received = bytearray()
        while True:
            await self._ready(self._from_box)
            piece = os.read(self._from_box, _PIECE)
            if not piece:
                self._hang_up()
                return
            received += piece
            while len(received) >= _HEADER.size:
                kind, number, size = _HEADER.unpack_from(received)
                if size > _LONGEST_FRAME:
                    self._hang_up()
                    return
                if len(received) < _HEADER.size + size:
                    break
                content = bytes(received[_HEADER.size : _HEADER.size + size])
                del received[: _HEADER.size + size]
                await self._frame(kind, number, content)

    async def _frame(self, kind: int, number: int, content: bytes) -> None:
        if kind == _MESSAGE:
            with contextlib.suppress(OSError):  # the host's side has closed
                self._channel.send(content)
        elif kind == _DATA and number in self._outputs:
            handle = self._outputs[number]
            view = memoryview(content)
            while view:
                try:
                    view = view[os.write(handle, view) :]
                except BlockingIOError:
                    await self._room(handle)
                except OSError:  # nobody reads it any more
                    return
        elif kind == _END and number in self._outputs:
            os.close(self._outputs.pop(number))
        elif kind == _TAKEN and number in self._taken:
            self._taken[number].set()
        elif kind == _CROWDED:
            self.crowded = bool(number)

    async def _send(self, kind: int, number: int, content: bytes) -> None:
        async with self._sending:
            view = memoryview(_HEADER.pack(kind, number, len(content)) + content)
            while view:
                try:
                    view = view[os.write(self._to_box, view) :]
                except BlockingIOError:
                    await self._room(self._to_box)
                except OSError:
                    return  # the box is gone, which `_frames` sees too

    def _hang_up(self) -> None:
        """One side is gone: the other shall know."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)

    async def _ready(self, handle: int) -> None:
        ready = asyncio.Event()
        self._loop.add_reader(handle, ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_reader(handle)

    async def _room(self, handle: int) -> None:
        ready = asyncio.Event()
        self._loop.add_writer(handle, ready.set)
        try:
            await ready.wait()
        finally:
            self._loop.remove_writer(handle)


def _whole(handle: int) -> bytes:
    """A request in a file in memory."""
    with open(handle, "rb") as file:
        return file.read()
