"""The settings of environments: the table `[environments]` of the settings file. Checked with pydantic when it is
there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt

Positive = Annotated[int, Gt(0)]


@dataclass(frozen=True)
class SecretSettings:
    """Where the value of a secret comes from, and which hosts may get it. It never stands in the file itself."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    env: str = ""
    """The environment variable that holds it; or:"""
    file: str = ""
    """The file that holds it."""
    hosts: tuple[str, ...] = ()
    """The exact hosts that it may be sent to; empty for the one that a trusted recipe names."""


@dataclass(frozen=True)
class EnvironmentSettings:
    """What a person says about the environments of repositories."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    trusted: tuple[str, ...] = ()
    """Repositories whose recipes may name hosts and secrets: folders (with all below them), or URLs with `*`."""
    bases: Mapping[str, str] = field(default_factory=dict)
    """Root file systems by the names that recipes use: an unpacked folder, a tar archive of one, or the
    archive of a container image."""
    secrets: Mapping[str, SecretSettings] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    """IP addresses by host name, used instead of asking DNS; they may be private."""
    setup_seconds: Positive = 3600
    """The longest that one command of a setup may run."""
    keep_gib: Annotated[float, Ge(0)] = 20
    """What kept layers may take in all, and as much again the shared checkouts of base commits."""
    keep_days: Annotated[float, Ge(0)] = 30
    """Layers and shared checkouts that nobody used for so long are deleted."""
