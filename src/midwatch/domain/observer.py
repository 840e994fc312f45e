"""Who looks on while an attempt runs. Looking on changes nothing and must not raise."""

from __future__ import annotations

from typing import Protocol

from midwatch.domain.conversation import Delta
from midwatch.domain.events import Event


class Observer(Protocol):
    """Called on the event loop's thread; must return at once."""

    def event(self, event: Event) -> None:
        """An event has been appended (durable)."""

    def delta(self, delta: Delta) -> None:
        """A piece of a reply is streaming (not kept)."""

    def output(self, chunk: bytes) -> None:
        """A piece of a command's output (not kept here)."""

    def phase(self, text: str) -> None:
        """What is being done now, in a few words: `preparing the workspace`, `check 1 of 2: pytest -q`, …"""


class Silent:
    """An observer that looks away."""

    def event(self, event: Event) -> None:
        """Nothing."""

    def delta(self, delta: Delta) -> None:
        """Nothing."""

    def output(self, chunk: bytes) -> None:
        """Nothing."""

    def phase(self, text: str) -> None:
        """Nothing."""
