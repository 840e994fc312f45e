"""Where the Pythons of the checks call in: a Unix socket, JSON lines, one event loop, no threads."""

from __future__ import annotations

import json
import os
import selectors
import socket
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Peer:
    """One connected process. `on_message` and `on_close` are called from `Hub.poll`."""

    def __init__(self, hub: Hub, connection: socket.socket) -> None:
        self.hub = hub
        self.connection = connection
        self.open = True
        self.on_message: Callable[[Peer, dict[str, Any]], None] = hub.on_hello
        self.on_close: Callable[[Peer], None] | None = None
        self._buffer = b""
        self._unsent = b""

    def send(self, **message: Any) -> None:
        """Queue a message; a peer that has gone is no error."""
        self._unsent += json.dumps(message).encode("ascii") + b"\n"
        self._flush()

    def _flush(self) -> None:
        while self._unsent and self.open:
            try:
                done = self.connection.send(self._unsent)
            except BlockingIOError:
                break
            except OSError:
                self.close()
                return
            self._unsent = self._unsent[done:]
        if self.open:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
            self.hub.selector.modify(self.connection, wanted, self)

    def ready(self, mask: int) -> None:
        """Read or write as the selector says."""
        if mask & selectors.EVENT_WRITE:
            self._flush()
        if not mask & selectors.EVENT_READ or not self.open:
            return
        try:
            data = self.connection.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._buffer += data
        while b"\n" in self._buffer and self.open:
            line, _, self._buffer = self._buffer.partition(b"\n")
            try:
                message = json.loads(line.decode("ascii"))
            except ValueError:
                continue  # a program of the tests wrote to a descriptor that is not its own
            if isinstance(message, dict):
                self.on_message(self, message)

    def close(self) -> None:
        """Hang up. May be called twice."""
        if not self.open:
            return
        self.open = False
        self.hub.selector.unregister(self.connection)
        self.connection.close()
        self.hub.peers.remove(self)
        if self.on_close is not None:
            self.on_close(self)


class Hub:
    """The listening end."""

    def __init__(self, folder: str) -> None:
        self.address = os.path.join(folder, "s")
        self.selector = selectors.DefaultSelector()
        self.peers: list[Peer] = []
        self.on_hello: Callable[[Peer, dict[str, Any]], None] = lambda peer, message: peer.send(op="run")
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.address)
        self._listener.listen(64)
        self._listener.setblocking(False)
        self.selector.register(self._listener, selectors.EVENT_READ, None)

    def poll(self, seconds: float) -> None:
        """Handle what comes within that time; returns as soon as something was handled."""
        for key, mask in self.selector.select(max(0.0, seconds)):
            if key.data is None:
                self._accept()
            elif key.data.open:
                key.data.ready(mask)

    def until(self, done: Callable[[], bool], deadline: float) -> bool:
        """Poll until `done()` or the deadline (time.monotonic); the last answer of `done`."""
        while not done():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.poll(min(left, 0.1))
        return True

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        peer = Peer(self, connection)
        self.peers.append(peer)
        self.selector.register(connection, selectors.EVENT_READ, peer)
