"""A task is a request against a repository; an attempt is one try at it, with a log of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from midwatch.domain.limits import Limits


@dataclass(frozen=True, slots=True)
class Base:
    """Where a task starts. `branch` is the branch a pull request goes to; empty when `ref` is no branch."""

    commit: str
    tree: str
    ref: str
    branch: str = ""
    note: str = ""
    """What a person should know: uncommitted changes left out or included, submodules not checked out, …"""


@dataclass(frozen=True, slots=True)
class Task:
    """Everything that is asked for; frozen when the task is made."""

    id: str
    prompt: str
    repository: str
    """Absolute path of a local repository, or a URL."""
    base: Base
    branch: str
    model: str
    checks: tuple[str, ...]
    checks_from: str
    """Where the checks come from: `option`, `.midwatch/environment.toml`, `detected: <what>` or `none`."""
    limits: Limits = field(default_factory=Limits)
    attempts: int = 1
    sandbox: str = "bubblewrap"
    environment: tuple[tuple[str, str], ...] = ()
    """Variables inside the box."""
    mounts: tuple[str, ...] = ()
    """Host folders that the box may read, at the same path: toolchains and virtual environments."""
    masked: tuple[str, ...] = ()
    """Files inside `mounts` that appear empty in the box."""
    path: tuple[str, ...] = ()
    """Folders that come first on PATH inside the box."""
    notes: tuple[str, ...] = ()
    """What a person should know about how the task was set up."""
    created: str = ""
    """UTC, ISO 8601."""
