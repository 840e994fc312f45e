"""Which hosts a box may reach, and what was decided: plain data of the proxy that stands outside the box."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HostRule:
    """One entry of an allowlist."""

    host: str
    """A name in lower case (`pypi.org`), or `*.` and a name for every name below it (not the name itself)."""
    ports: tuple[int, ...] = (443,)
    """443 and others are TLS, by CONNECT; 80 is plain HTTP."""
    methods: str = "all"
    """`all`, or `read-only` for GET, HEAD and OPTIONS without a body, and git's fetch. `read-only` https is intercepted
    to see the method."""


@dataclass(frozen=True, slots=True)
class InjectedHeader:
    """A secret that the proxy adds to requests to one host. The box never sees it, and its https to that host is
    intercepted."""

    host: str
    """An exact name that a rule allows."""
    header: str
    """Such as `Authorization`; what the box itself sends under this name is dropped."""
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the proxy decided on one request or tunnel, told when it ends."""

    host: str
    port: int
    method: str
    """`CONNECT` for a tunnel that was not looked into, else the request's."""
    allowed: bool
    reason: str
    """In words; why it was refused, or the rule that allowed it."""
    sent: int = 0
    """Bytes from the box."""
    received: int = 0
    """Bytes to the box."""
    path: str = ""
    """Where it could be seen; without the query, which may hold a secret."""


@dataclass(frozen=True, slots=True)
class Network:
    """What a box may reach."""

    rules: tuple[HostRule, ...]
    headers: tuple[InjectedHeader, ...] = ()
    decided: Callable[[Decision], None] = lambda _: None
    """Called on the event loop's thread; must not block or raise."""
    pinned: Mapping[str, str] = field(default_factory=dict)
    """Addresses by name, from the person's own settings, that are used instead of asking DNS and may be private: a
    registry in the company's network. `10.0.0.5`, or with another port than the rule's `10.0.0.5:8443`. A repository's
    recipe cannot set it."""
