"""A terminal for one command, and the copying between it and the host's pipes."""

from __future__ import annotations

import os
import select
import sys

from .command import Action

_ROWS, _COLUMNS = 24, 80
_PIECE = 64 << 10
_TAKEN_MS = 2000
_IN, _OUT, _GONE = select.POLLIN, select.POLLOUT, select.POLLHUP | select.POLLERR | select.POLLNVAL


class Terminal:
    """Made before the fork of the command. `stdin` and `stdout` are the host's."""

    def __init__(self, stdin: int, stdout: int) -> None:
        import fcntl
        import termios

        self.master, self._slave = os.openpty()
        fcntl.ioctl(
            self.master, termios.TIOCSWINSZ, b"".join(n.to_bytes(2, sys.byteorder) for n in (_ROWS, _COLUMNS, 0, 0))
        )
        self._in = os.dup(stdin)
        self._out = os.dup(stdout)
        for handle in (self.master, self._in, self._out):
            os.set_blocking(handle, False)
        self._to_command = b""
        self._to_host = b""
        self._input_open = True
        self._output_open = True

    def streams(self) -> list[Action]:
        """What a command does in a session of its own: it opens the terminal, which becomes the controlling one, and
        makes it all three streams."""
        opened = (os.POSIX_SPAWN_OPEN, 0, os.ttyname(self._slave), os.O_RDWR, 0)
        return [opened, (os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)]

    def started(self) -> None:
        """After the start of the command."""
        os.close(self._slave)

    def wanted(self) -> dict[int, int]:
        """What to poll for, by handle."""
        master = (_OUT if self._to_command else 0) | (0 if self._to_host or not self._output_open else _IN)
        found = {self.master: master} if master else {}
        if self._input_open and not self._to_command:
            found[self._in] = _IN
        if self._to_host:
            found[self._out] = _OUT
        return found

    def handle(self, handle: int, event: int) -> None:
        """Copy what can be copied."""
        if handle == self._in:
            piece = _read(self._in)
            if piece is None:
                return
            self._input_open = bool(piece)
            self._to_command += piece or b"\x04"  # the end of input is a key on a terminal
        elif handle == self._out:
            self._flush(event)
        elif handle == self.master:
            if event & _OUT:
                self._to_command = _write(self.master, self._to_command) or b""
            if event & (_IN | _GONE) and not self._to_host:
                self._fetch()

    def drain(self) -> None:
        """When nothing that could print is left: what is in the terminal goes out, as far as somebody takes it."""
        poller = select.poll()
        poller.register(self._out, _OUT)
        while self._output_open:
            if self._to_host:
                if not poller.poll(_TAKEN_MS):
                    return
                self._flush(_OUT)
            elif not self._fetch():
                return

    def _fetch(self) -> bool:
        piece = _read(self.master)
        if piece == b"":
            self._output_open = False
        elif piece:
            self._to_host += piece
            self._flush(_OUT)
        return bool(piece)

    def _flush(self, event: int) -> None:
        left = None if event & _GONE else _write(self._out, self._to_host)
        if left is None:
            self._output_open = False
        self._to_host = left or b""


def _read(handle: int) -> bytes | None:
    """What there is; nothing at the end, None when there is nothing yet."""
    try:
        return os.read(handle, _PIECE)
    except BlockingIOError:
        return None
    except OSError:  # EIO: nobody holds the other side of the terminal any more
        return b""


def _write(handle: int, data: bytes) -> bytes | None:
    """What could not be written yet; None when nobody reads."""
    try:
        return data[os.write(handle, data) :] if data else b""
    except BlockingIOError:
        return data
    except OSError:
        return None
