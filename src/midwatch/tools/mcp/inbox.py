"""What a server writes, cut into messages. It is read as hostile: no message and no backlog may grow without end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

MESSAGE_BYTES = 8 << 20
BACKLOG_BYTES = 32 << 20
PARTS = 50_000
"""Values and strings of one message. A few megabytes of `[],[],[]…` would take gigabytes once they are objects."""


def moderate(message: bytes) -> bool:
    """Whether a message has no more than `PARTS`; counted on the bytes, before anything is made of it."""
    bare = message.replace(b"\\\\", b"").replace(b'\\"', b"")
    if bare.count(b'"') > 2 * PARTS:
        return False
    outside = b"".join(bare.split(b'"')[::2])
    return sum(map(outside.count, (b",", b"[", b"{"))) <= PARTS


class Inbox:
    """Lines of bytes, until they are read. All of it is to be called on the event loop."""

    def __init__(self) -> None:
        self.fault = ""
        """Why no more comes, or is taken."""
        self.over = False
        """Whether no more will come."""
        self._lines: deque[bytes] = deque()
        self._held = 0
        self._partial = bytearray()
        self._news = asyncio.Event()

    def feed(self, chunk: bytes) -> None:
        """Take what was written. Never raises; what comes after the end is dropped."""
        if self.over:
            return
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._partial += piece
            if self._partial.strip():
                self._lines.append(bytes(self._partial))
                self._held += len(self._partial)
            self._partial.clear()
        self._partial += rest
        if len(self._partial) > MESSAGE_BYTES:
            self.end(f"a message was longer than {MESSAGE_BYTES >> 20} MiB")
        elif self._held > BACKLOG_BYTES:
            self.end("it wrote faster than it could be read")
        self._news.set()

    def end(self, fault: str = "") -> None:
        """No more will come. May be called twice; the first reason stays."""
        if not self.over:
            self.over, self.fault = True, fault
        self._news.set()

    async def lines(self) -> AsyncIterator[bytes]:
        """One after the other, until the end. To be read once."""
        while True:
            while self._lines:
                line = self._lines.popleft()
                self._held -= len(line)
                yield line
            if self.over:
                return
            self._news.clear()
            await self._news.wait()
