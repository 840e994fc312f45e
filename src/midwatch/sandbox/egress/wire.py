"""One side of a conversation in HTTP: a stream that is read by lines, heads and pieces, and that counts its bytes."""

from __future__ import annotations

import re

from midwatch.sandbox.egress.streams import Stream

HEAD_BYTES = 1 << 16
"""The longest head of a request or an answer."""
_LONE_LF = re.compile(rb"(?<!\r)\n")


class Malformed(Exception):
    """Bytes that are not the HTTP/1.1 that is understood here; in words."""


class Wire:
    """Reads ahead from a stream by one piece at most beyond a head."""

    def __init__(self, stream: Stream, given: bytes = b"") -> None:
        """`given` are bytes that were already read."""
        self.stream = stream
        self._waiting = bytearray(given)
        self.taken = 0
        """Bytes that were read and used."""
        self.written = 0

    async def head(self) -> bytes | None:
        """Everything up to an empty line, without it; None when the stream ended before the first byte. Raises
        Malformed, also for a line that ends with LF alone, since others may take it for the end of the head."""
        if not self._waiting and not await self._more():
            return None
        searched = 0
        while True:
            end = self._waiting.find(b"\r\n\r\n", max(0, searched - 3))
            if _LONE_LF.search(self._waiting, searched, end if end >= 0 else len(self._waiting)):
                raise Malformed("a line of the head ends with LF alone")
            if end >= 0:
                return self._take(end + 4)[:-4]
            searched = len(self._waiting)
            if searched > HEAD_BYTES:
                raise Malformed(f"the head is longer than {HEAD_BYTES} bytes")
            if not await self._more():
                raise Malformed("the head ends in the middle")

    async def line(self, most: int) -> bytes:
        """The bytes up to CR LF, without them. Raises Malformed."""
        while (end := self._waiting.find(b"\r\n")) < 0:
            if len(self._waiting) > most + 1 or b"\n" in self._waiting or not await self._more():
                raise Malformed("a line has no end")
        line = self._take(end + 2)[:-2]
        if len(line) > most or b"\n" in line or b"\r" in line:
            raise Malformed("a line holds a line end")
        return line

    async def some(self, most: int) -> bytes:
        """At least one byte and `most` at most; empty at the end of the stream."""
        if not self._waiting and not await self._more():
            return b""
        return self._take(min(most, len(self._waiting)))

    @property
    def ahead(self) -> bool:
        """Whether bytes were read that nobody used yet."""
        return bool(self._waiting)

    async def write(self, data: bytes) -> None:
        """Hand bytes on. Raises OSError."""
        self.written += len(data)
        await self.stream.write(data)

    def peek(self) -> bytes:
        """What was read ahead, not taken."""
        return bytes(self._waiting)

    def rest(self) -> bytes:
        """What was read ahead, to be used by somebody else."""
        return self._take(len(self._waiting))

    async def more(self) -> bytes:
        """Everything read so far and one piece more, not taken; the same as before at the end of the stream."""
        await self._more()
        return bytes(self._waiting)

    async def _more(self) -> bool:
        data = await self.stream.read()
        self._waiting += data
        return bool(data)

    def _take(self, count: int) -> bytes:
        data = bytes(self._waiting[:count])
        del self._waiting[:count]
        self.taken += count
        return data
