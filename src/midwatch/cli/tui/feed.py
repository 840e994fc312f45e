"""What comes from a conversation while it works, in order, until the screen takes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from midwatch.domain.conversation import Delta
from midwatch.domain.events import Event, ToolStarted

OUTPUT_BYTES = 1 << 16
"""Of a command's output, between two looks; what is before that is in its log."""


@dataclass(slots=True)
class Piece:
    """Words that stream: `text`, `reasoning` or `notice`."""

    kind: str
    text: str


@dataclass(slots=True)
class Output:
    """What the running command has written."""

    data: bytes


class Feed:
    """See `Observer`."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """`wake` is called for whatever comes, and must return at once."""
        self._wake = wake
        self._items: list[Event | Piece | Output] = []
        self.doing = ""
        """What is being done now, as the harness says it."""

    def event(self, event: Event) -> None:
        """Keep it."""
        if isinstance(event.body, ToolStarted):
            self.doing = "running a command" if event.body.tool == "shell" else f"running {event.body.tool}"
        self._items.append(event)
        self._wake()

    def delta(self, delta: Delta) -> None:
        """Keep it, joined to the piece before where that is of its kind."""
        if delta.kind == "call":
            return
        last = self._items[-1] if self._items else None
        if isinstance(last, Piece) and last.kind == delta.kind != "notice":
            last.text += delta.text
        else:
            self._items.append(Piece(delta.kind, delta.text))
        self._wake()

    def output(self, chunk: bytes) -> None:
        """Keep its end."""
        last = self._items[-1] if self._items else None
        if isinstance(last, Output):
            last.data = (last.data + chunk)[-OUTPUT_BYTES:]
        else:
            self._items.append(Output(chunk[-OUTPUT_BYTES:]))
        self._wake()

    def phase(self, text: str) -> None:
        """Keep the latest."""
        self.doing = text
        self._wake()

    def take(self) -> list[Event | Piece | Output]:
        """All since the last call."""
        items, self._items = self._items, []
        return items
