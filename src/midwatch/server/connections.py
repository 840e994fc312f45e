"""Connections that cost a client nothing to hold open are not held open for it.

A request has a time by which its head and its body must have come, and an answer must be taken at some speed; an
address has so many connections, and so has the whole process. Without that a few clients that send a byte now and then
would have every connection that there is.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import resource
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from midwatch.server.accounts.rates import neighbourhood
from midwatch.server.problems import MEDIA_TYPE

HEAD_SECONDS = 20.0
"""From the first byte, or the beginning of the connection, until all headers have come."""
BODY_SECONDS = 120.0
"""From then until all of the body has."""
STALLED_SECONDS = 60.0
"""Without a byte of its answer taken a client is let go."""
LARGEST_HEAD = 16 << 10
"""Bytes of a request's line and headers."""
MOST = 8000
"""Connections of a process at once, where it may have as many open files."""
MOST_OF_ADDRESS = 500
"""Connections from one address (of IPv6: one /64) that is neither a proxy's nor this machine's."""
_OWN_FILES = 500
"""Open files that are for other things."""


def room() -> int:
    """How many connections this process may have, once it has as many open files as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < (wanted := min(hard, MOST + _OWN_FILES)):
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return max(_OWN_FILES // 5, min(MOST, soft - _OWN_FILES))


@dataclass
class Door:
    """Who has connections to this process. `exempt` says of an address whether it may have any number of them."""

    exempt: Callable[[str], bool]
    most: int = MOST
    of_address: Counter[str] = field(default_factory=Counter)

    def enter(self, address: str) -> bool:
        """Count one more; False when it is one too many. Each that came in is to `leave`."""
        name = neighbourhood(address)
        if self.of_address.total() >= self.most:
            return False
        if self.of_address[name] >= MOST_OF_ADDRESS and not self.exempt(address):
            return False
        self.of_address[name] += 1
        return True

    def leave(self, address: str) -> None:
        """It has ended."""
        name = neighbourhood(address)
        self.of_address[name] -= 1
        if self.of_address[name] <= 0:
            del self.of_address[name]


def is_local(address: str) -> bool:
    """Whether it is this machine's own, also as a socket of both kinds of address says it: IPv4 in IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


class Patient(H11Protocol):
    """One connection, with the times above."""

    def __init__(self, *given: Any, door: Door, **named: Any) -> None:
        super().__init__(*given, **named)
        self._door, self._inside = door, ""
        self._waits: tuple[str, object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        address = self.client[0] if self.client else "local"
        if not self._door.enter(address):
            transport.abort()
            return
        self._inside = address
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._timer, self._writing):
            if timer is not None:
                timer.cancel()
        if self._inside:
            self._door.leave(self._inside)
            self._inside = ""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_writing(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def _look(self) -> None:
        """Begin to wait for what is to come next from the client, unless that is waited for already."""
        waits: tuple[str, object] | None = None
        if self.cycle is None or self.cycle.response_complete:
            # between two requests it is waited for the next one with a time of its own
            waits = None if self.timeout_keep_alive_task is not None else ("head", self.cycle)
        elif self.cycle.more_body:
            waits = ("body", self.cycle)
        if waits == self._waits and (waits is None or self._timer is not None):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._waits, self._timer = waits, None
        if waits is not None and not self.transport.is_closing():
            seconds = HEAD_SECONDS if waits[0] == "head" else BODY_SECONDS
            self._timer = self.loop.call_later(seconds, self._too_late)

    def _too_late(self) -> None:
        kind = self._waits[0] if self._waits else ""
        self._waits = self._timer = None
        if self.transport.is_closing():
            return
        if kind == "body" and self.flow.read_paused:  # it is us who do not read
            self._look()
            return
        if kind == "body":
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if kind == "head" or not self.cycle.response_started:
            self._say(408, "the request did not come to its end in time")
        self.transport.close()

    def _say(self, status: int, detail: str) -> None:
        details = {"type": "about:blank", "title": "Request Timeout", "status": status, "detail": detail}
        body = json.dumps(details).encode()
        head = [("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(body))), ("Connection", "close")]
        with suppress(h11.LocalProtocolError):  # an answer is under way
            self.transport.write(self.conn.send(h11.Response(status_code=status, headers=head)) or b"")
            self.transport.write(self.conn.send(h11.Data(data=body)) or b"")

    def _watch_writing(self, before: int) -> None:
        """Let go of a client that takes nothing of what it asked for."""
        if self._writing is not None:
            self._writing.cancel()

        def look() -> None:
            left = self.transport.get_write_buffer_size()
            if left >= before:
                self.transport.abort()
            else:
                self._watch_writing(left)

        self._writing = self.loop.call_later(STALLED_SECONDS, look)
