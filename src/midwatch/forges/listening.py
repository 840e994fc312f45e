"""The forges that this server hears: what is needed of a connection to know a delivery, and to know ourselves in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from midwatch.engine.forges.rules import RepositoryForge
from midwatch.forges.arrived.signatures import Kind


@dataclass(frozen=True, slots=True)
class Heard:
    """A connection."""

    id: str
    name: str
    """As in `/hooks/NAME`."""
    kind: Kind
    web: str
    """The forge's web address: what lies below it is on this connection."""
    secret: str = field(default="", repr=False)
    """What its webhooks are signed with; empty for none: then nothing that is sent to it is believed."""
    login: str = ""
    """Who we are there; empty where that is not known."""


class Listening(Protocol):
    """Knows the connections. Raises StoreError when it cannot be asked."""

    async def named(self, name: str) -> Heard | None:
        """The one of that name, or that id."""

    async def all(self) -> Sequence[Heard]:
        """All of them."""

    async def rules(self, repository: str) -> RepositoryForge:
        """What the registered repository of that id wants."""
