"""What all connections of one box share."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from midwatch.sandbox.egress.outside import Outside
from midwatch.sandbox.network import HostRule, InjectedHeader, Network

if TYPE_CHECKING:
    from midwatch.sandbox.egress.authority import Authority


@dataclass(frozen=True, slots=True)
class Interception:
    """TLS that is looked into."""

    authority: Authority
    """Whom the box trusts."""
    trust: ssl.SSLContext
    """How servers are checked."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One box's allowlist, and the means to carry it out."""

    network: Network
    outside: Outside
    interception: Interception | None


@dataclass(frozen=True, slots=True)
class Site:
    """A server that requests of a connection are for."""

    host: str
    port: int
    tls: bool
    rules: tuple[HostRule, ...]
    """The rules for this host and port."""
    headers: tuple[InjectedHeader, ...] = ()
    """What is added to every request; none without TLS."""

    @property
    def authority(self) -> str:
        """As it stands in the Host field."""
        return self.host if self.port == (443 if self.tls else 80) else f"{self.host}:{self.port}"
