"""The settings of a server: the table `[server]` of the settings file. Checked with pydantic when it is there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt

Positive = Annotated[float, Gt(0)]
Count = Annotated[int, Ge(1)]


@dataclass(frozen=True)
class OidcSettings:
    """Sign-in with an OpenID Connect provider: the table `[server.oidc]`."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    issuer: str = ""
    """The provider's address, as it stands in its tokens; empty for no such sign-in. https, or http on loopback."""
    client_id: str = ""
    client_secret_env: str = ""
    """The variable that holds the client's secret; empty for a client without one."""
    scopes: tuple[str, ...] = ("openid", "profile")
    """What the provider is asked for."""
    name_claim: str = "preferred_username"
    """The claim that a new user's name is made from."""
    default_role: Literal["", "viewer", "member", "maintainer"] = ""
    """What new users may on every registered repository; empty for nothing until they are given a role."""


@dataclass(frozen=True)
class ServingSettings:
    """How the server answers."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    public_url: str = ""
    """The address by which browsers reach the server, where that is not the one it listens on (behind a proxy)."""
    session_hours: Positive = 168
    """How long a sign-in lasts."""
    failed_logins: Count = 10
    """Wrong passwords at once from one address; after that one a minute is let through. For a name ten times
    as many."""
    requests_per_second: Positive = 50
    """Of one caller, in the long run."""
    requests_at_once: Count = 200
    """Of one caller, before the limit by the second holds."""
    webhook_networks: tuple[str, ...] = ()
    """Networks beside the public internet that webhooks may lead to."""
    forge_poll_seconds: Annotated[float, Ge(0)] = 60
    """How long a forge may be silent before workers look there by themselves; 0 for never."""
    streams: Count = 1000
    """Attempts that all clients of a process together may follow live at once."""
    streams_per_user: Count = 100
    """Those of one user."""
    oidc: OidcSettings = field(default_factory=OidcSettings)
