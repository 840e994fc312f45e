"""The output of one command, from the pipe to the sink, up to its limit."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from midwatch.sandbox.results import OutputSink

_BUFFER = 64 << 10
_PIPE = 1 << 20


class Output:
    """Reads the pipe on the event loop. `stop` is called with the reason when the command must be
    ended, possibly more than once."""

    def __init__(self, handle: int, limit: int, sink: OutputSink | None, stop: Callable[[str], None]) -> None:
        """`handle`: the read end, not blocking; it stays the caller's. `limit` in bytes."""
        self.bytes = 0
        self.error: BaseException | None = None
        """What the sink raised first."""
        self._handle = handle
        self._limit = limit
        self._sink = sink
        self._stop = stop
        self._full = False
        self._buffer = bytearray(_BUFFER)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(handle, self._on_output)

    def drain(self) -> None:
        """Take what is in the pipe already and no more: a process outside our reach might hold the other end for
        ever. Then it no longer listens."""
        self.close()
        for _ in range(2 * _PIPE // _BUFFER):
            if self._full or not self._take():
                return

    def close(self) -> None:
        """No longer listen. May be called twice."""
        self._loop.remove_reader(self._handle)

    def _on_output(self) -> None:
        # A few buffers at a time, so that a flood cannot keep the loop from everything else.
        for _ in range(16):
            if not self._take():
                return

    def _take(self) -> bool:
        """Hand one buffer to the sink. False when there is nothing (more) to read."""
        try:
            count = os.readv(self._handle, [self._buffer])
        except BlockingIOError:
            return False
        if count == 0:
            self.close()
            return False
        room = self._limit - self.bytes
        piece = bytes(memoryview(self._buffer)[: min(count, room)])
        self.bytes += len(piece)
        if piece and self._sink is not None:
            try:
                self._sink(piece)
            except BaseException as error:  # noqa: BLE001 - raised by who waits for the command
                self.error = self.error or error
                self._stop("an error of ours")
        if count > room:
            self._full = True
            self.close()
            self._stop(f"output limit of {amount(self._limit)}")
            return False
        return True


def amount(size: int) -> str:
    """`64 MiB`, or bytes when it is no whole number of MiB."""
    return f"{size >> 20} MiB" if size and size % (1 << 20) == 0 else f"{size} bytes"
