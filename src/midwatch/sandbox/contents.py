"""Files of a box's workspace, through its exec server: their contents go over pipes and files in memory of ours."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os

from midwatch.sandbox import channel as channels
from midwatch.sandbox.channel import Channel
from midwatch.sandbox.handles import memory_file, output_pipe

_PIECE = 1 << 18
_SECONDS = 120.0


async def take(channel: Channel, path: bytes, limit: int) -> bytes:
    """As `Box.read`."""
    loop = asyncio.get_running_loop()
    reading, writing = output_pipe(None)
    pieces = _Pieces(reading, limit)
    try:
        try:
            answered = channel.ask(b"read", [path, str(limit).encode()], writing)
        finally:
            os.close(writing)
        loop.add_reader(reading, pieces.take)
        answer = await _answer(channel, answered)
        pieces.take()
        error = channels.failure(answer, path)
    finally:
        loop.remove_reader(reading)
        os.close(reading)
    if error is not None:
        raise error
    if pieces.size > limit:
        raise PermissionError(errno.EACCES, f"is longer than {limit} bytes", path)
    return b"".join(pieces.all)


async def give(channel: Channel, path: bytes, data: bytes, executable: bool | None) -> None:
    """As `Box.write`."""
    flag = {None: b"", False: b"0", True: b"1"}[executable]
    with contextlib.ExitStack() as opened:
        answered = channel.ask(b"write", [path, flag], memory_file(opened, data))
    await _settle(channel, answered, path)


async def remove(channel: Channel, path: bytes) -> None:
    """As `Box.remove`."""
    await _settle(channel, channel.ask(b"remove", [path], None), path)


async def _settle(channel: Channel, answered: asyncio.Future[list[bytes]], path: bytes) -> None:
    error = channels.failure(await _answer(channel, answered), path)
    if error is not None:
        raise error


async def _answer(channel: Channel, answered: asyncio.Future[list[bytes]]) -> list[bytes]:
    try:
        async with asyncio.timeout(_SECONDS):
            return await answered
    except TimeoutError:
        channel.close()  # the server serves one after the other: no later request would be answered either
        return await answered


class _Pieces:
    """What has come out of a pipe; nothing more is kept once it is too much."""

    def __init__(self, handle: int, limit: int) -> None:
        self.all: list[bytes] = []
        self.size = 0
        self._handle = handle
        self._limit = limit

    def take(self) -> None:
        """Take all that is there."""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._handle, _PIECE):
                self.size += len(piece)
                if self.size > self._limit:
                    self.all.clear()
                else:
                    self.all.append(piece)
