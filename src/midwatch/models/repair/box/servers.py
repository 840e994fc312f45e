"""Fork servers and their children, as the search sees them."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

from . import tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from .hub import Hub, Peer

_numbers = itertools.count(1)


class Child:
    """One forked process with one job. `over` when nothing more will come of it."""

    def __init__(self, server: Server, number: int) -> None:
        self.server = server
        self.number = number
        self.pid = 0
        self.status: int | None = None
        self.messages: list[dict[str, Any]] = []
        self.on_message: Callable[[dict[str, Any]], None] = self.messages.append
        self.on_over: Callable[[], None] = lambda: None
        self.over = False
        self.hung_up = False
        self.started = time.monotonic()
        self.wants_status = False
        """For a plain script: the verdict is the exit code, so hanging up is not yet the end."""
        self._peer: Peer | None = None

    def joined(self, peer: Peer) -> None:
        """Its own connection has come."""
        self._peer = peer
        peer.on_message = lambda _, message: self.on_message(message)
        peer.on_close = lambda _: self._closed()

    def _closed(self) -> None:
        self.hung_up = True
        if not self.wants_status or self.status is not None:
            self.finish()

    def gone(self, status: int) -> None:
        """The server has reaped it."""
        self.status = status
        if self.hung_up:
            self.finish()  # else its connection, with its last words, is still to be read

    def finish(self) -> None:
        """Nothing more is expected of it. May be called twice."""
        if not self.over:
            self.over = True
            if self._peer is not None:
                CHILDREN.pop(self.number, None)
            self.on_over()

    def kill(self) -> None:
        """End it, its group, and its connection. May be called twice."""
        if self.pid and self.status is None:
            tree.kill_group(self.pid)
        if self._peer is not None:
            self._peer.close()
        self.finish()


class Server:
    """A process of a check that forks on demand."""

    def __init__(self, hub: Hub, peer: Peer) -> None:
        self.peer = peer
        self.hub = hub
        self.children: dict[int, Child] = {}
        peer.on_message = lambda _, message: self._told(message)
        peer.on_close = lambda _: self._lost()

    @property
    def alive(self) -> bool:
        """Whether it still answers, as far as is known."""
        return self.peer.open

    def fork(self, **job: Any) -> Child:
        """Start a job; on a dead server the child is over at once."""
        child = Child(self, next(_numbers))
        self.children[child.number] = child
        CHILDREN[child.number] = child
        self.peer.send(op="fork", job=dict(job, id=child.number))
        if not self.peer.open:
            child.finish()
        return child

    def _told(self, message: dict[str, Any]) -> None:
        if "forked" in message and message["forked"] in self.children:
            child = self.children[message["forked"]]
            child.pid = message["pid"]
            if child.over:
                tree.kill_group(child.pid)
        elif "gone" in message:
            gone = self.children.pop(message["gone"], None)
            if gone is not None:
                gone.gone(message["status"])

    def _lost(self) -> None:
        for child in list(self.children.values()):
            CHILDREN.pop(child.number, None)
            child.kill()
        self.children.clear()

    def exit(self, code: int = 0) -> None:
        """Let its process end with that code; the command that started it goes on."""
        self.peer.send(op="exit", code=code)
        for child in list(self.children.values()):
            child.kill()


CHILDREN: dict[int, Child] = {}
"""Every child whose connection may still come, by the number of its job."""


def welcome(peer: Peer, message: dict[str, Any]) -> bool:
    """Whether a first message came from a child of ours; it has been joined then."""
    child = CHILDREN.get(message.get("job", -1))
    if child is None:
        return False
    child.pid = message["pid"]
    child.joined(peer)
    if child.over:
        child.kill()
    return True
