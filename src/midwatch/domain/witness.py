"""Who measures what this process does, whatever it works on. Without a witness nothing is spent on it.

An `Observer` looks at one piece of work for a person; a witness sees all of the process's attempts, subtasks too, and
knows of an event whether it was appended here or was there before.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from midwatch.domain.events import Event


class Witness(Protocol):
    """Called from any thread, for one attempt from one at a time; must return at once and not raise."""

    def known(self, event: Event) -> None:
        """An event that was there when its attempt was taken up; they come in order, the first one first."""

    def appended(self, event: Event) -> None:
        """An event that this process has appended (durable)."""

    def lasted(self, what: str, seconds: float) -> None:
        """Something that is no event of its own has taken so long: `checkpoint`."""


_witnesses: list[Witness] = []


@contextmanager
def witnessed_by(witness: Witness) -> Iterator[None]:
    """Tell the witness of everything while the context lasts."""
    _witnesses.append(witness)
    try:
        yield
    finally:
        _witnesses.remove(witness)


def known(event: Event) -> None:
    """Tell the witnesses, as are the next two."""
    for witness in _witnesses:
        witness.known(event)


def appended(event: Event) -> None:
    """See `Witness.appended`."""
    for witness in _witnesses:
        witness.appended(event)


@contextmanager
def lasting(what: str) -> Iterator[None]:
    """Measure the context; what raises is not told."""
    began = time.monotonic()
    yield
    for witness in _witnesses:
        witness.lasted(what, time.monotonic() - began)
