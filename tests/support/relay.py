"""A relay to a server on loopback, whose connections can be cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Relay:
    """What comes in at `port` goes to the server, until it is cut."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._whole = threading.Event()
        self._whole.set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        """End every connection; new ones are closed at once."""
        self._whole.clear()
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Let new ones through."""
        self._whole.set()

    def close(self) -> None:
        """End all of it."""
        self.cut()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listening.accept()
            except OSError:
                return
            if not self._whole.is_set():
                here.close()
                continue
            there = socket.create_connection(("127.0.0.1", self._to))
            self._open |= {here, there}
            ends = threading.Barrier(2)
            for one, other in ((here, there), (there, here)):
                thread = threading.Thread(target=self._pass_on, args=(one, other, ends), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, one: socket.socket, other: socket.socket, ends: threading.Barrier) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        ends.wait(60)
        self._open.discard(one)
        one.close()


@contextmanager
def relayed(to: int) -> Iterator[Relay]:
    """Until the context ends."""
    relay = Relay(to)
    try:
        yield relay
    finally:
        relay.close()
