"""The settings of environments: the table `[environments]` of the settings file. Checked with pydantic when it is
there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt

from midwatch.domain.errors import InputError
from midwatch.workspace.authorship import OURS, Authorship, require_person

Positive = Annotated[int, Gt(0)]


@dataclass(frozen=True)
class CommitSettings:
    """Whose the commits are that are offered: the table `[commits]` of the settings file."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    author: str = OURS.author
    """Author and committer: `Name <address>`."""
    co_author: tuple[str, ...] = ()
    """Named in the message as co-authors, likewise."""
    signing_key: str = ""
    """The file of an ssh key, or the id of an OpenPGP key; empty for no signature."""
    signing_format: Literal["ssh", "openpgp"] = "ssh"

    def authorship(self, environ: Mapping[str, str]) -> Authorship:
        """As workflows take it. Raises InputError for what is no author, and for a key whose file is not there."""
        author = require_person(self.author, "commits.author")
        others = tuple(require_person(who, "commits.co_author") for who in self.co_author)
        key = self.signing_key
        if key and self.signing_format == "ssh" and not key.startswith("key::"):
            path = Path(environ.get("HOME", "/"), key[2:]) if key.startswith("~/") else Path(key)
            if not path.is_file():
                raise InputError(f"commits.signing_key: there is no file {path}", "name the file of an ssh key")
            key = str(path)
        return Authorship(author, others, key, self.signing_format)


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
