"""Byte streams: a socket, and TLS on top of any stream. Both hold little: whoever writes waits for whoever reads."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Protocol

PIECE = 1 << 16
"""The most bytes that are read at once."""


class Clock:
    """The time limit of one connection: it either runs down, or starts again whenever a byte moves."""

    def __init__(self, timeout: asyncio.Timeout) -> None:
        self._timeout = timeout
        self._slides = 0.0
        self._loop = asyncio.get_running_loop()
        self._told = 0.0

    def within(self, seconds: float) -> None:
        """From now on: everything must be done in so many seconds."""
        self._slides = 0.0
        self._timeout.reschedule(self._loop.time() + seconds)

    def idle(self, seconds: float) -> None:
        """From now on: something must move every so many seconds."""
        self._slides = seconds
        self._told = self._loop.time()
        self._timeout.reschedule(self._told + seconds)

    def moved(self) -> None:
        """Something moved."""
        now = self._loop.time()
        if (
            self._slides and now - self._told > self._slides / 16
        ):  # a timer for each piece would cost more than it tells
            self._told = now
            self._timeout.reschedule(now + self._slides)


class Stream(Protocol):
    """Bytes both ways. One reader and one writer at a time. Everything raises OSError when the other side is gone."""

    async def read(self) -> bytes:
        """The next bytes, PIECE at most; empty at the end."""

    async def write(self, data: bytes) -> None:
        """Hand bytes on; waits while the other side does not read."""

    async def finish(self) -> None:
        """Say that nothing more will be written. Reading goes on."""

    def abort(self) -> None:
        """Drop the connection at once. May be called twice."""


class SocketStream:
    """A connected socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, clock: Clock) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock

    async def read(self) -> bytes:
        """As `Stream.read`."""
        data = await self._reader.read(PIECE)
        self._clock.moved()
        return data

    async def write(self, data: bytes) -> None:
        """As `Stream.write`."""
        if self._writer.transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._writer.write(data)
        await self._writer.drain()
        self._clock.moved()

    async def finish(self) -> None:
        """As `Stream.finish`."""
        if not self._writer.transport.is_closing():
            await self._writer.drain()
            self._writer.write_eof()

    def abort(self) -> None:
        """As `Stream.abort`."""
        self._writer.transport.abort()


class TlsStream:
    """TLS on a stream; `handshake` comes first. Raises ssl.SSLError, which is an OSError, beside the stream's own."""

    def __init__(
        self, below: Stream, context: ssl.SSLContext, *, server_name: str | None = None, given: bytes = b""
    ) -> None:
        """`server_name` makes it the client's side; `given` are bytes of the other side that were already read."""
        self._below = below
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._incoming.write(given)
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_name is None, server_hostname=server_name
        )
        self._sending = asyncio.Lock()

    async def handshake(self) -> None:
        """Agree on keys, and check the certificate where this is the client's side."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._send()
                await self._receive()
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    await self._send()  # the alert that says what was wrong
                raise
            else:
                await self._send()
                return

    async def read(self) -> bytes:
        """As `Stream.read`."""
        while True:
            try:
                return self._tls.read(PIECE)
            except ssl.SSLWantReadError:
                await self._send()
                await self._receive()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""  # many servers leave without saying so; framed bodies are counted anyway

    async def write(self, data: bytes) -> None:
        """As `Stream.write`."""
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view[:PIECE]) :]
            await self._send()

    async def finish(self) -> None:
        """As `Stream.finish`."""
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()  # without waiting for the answer
        await self._send()
        await self._below.finish()

    def abort(self) -> None:
        """As `Stream.abort`."""
        self._below.abort()

    async def _send(self) -> None:
        async with self._sending:  # reading may also have something to send, and records keep their order
            if self._outgoing.pending:
                await self._below.write(self._outgoing.read())

    async def _receive(self) -> None:
        data = await self._below.read()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
