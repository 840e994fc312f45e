"""A task is a request against a repository; an attempt is one try at it, with a log of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from midwatch.domain.conversation import Image
from midwatch.domain.guard import Context, Guard
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
class NeededSecret:
    """A secret by name. The value is the person's; the proxy outside the box adds it to requests to one host."""

    name: str
    host: str
    header: str
    format: str = "{}"
    """The header's value, with `{}` where the secret stands: `Bearer {}`."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the repository's recipe asks for and the person has allowed, as of the making of the task."""

    base: str = "host"
    """The system of the boxes: `host`, or a name from the person's settings."""
    base_identity: str = ""
    """Tells whether that name still means the same."""
    layers: str = ""
    """The key of what setup leaves; empty when there is no setup."""
    maintenance: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    """Entries of the allowlist while the agent works and the checks run; empty for no network at all."""
    secrets: tuple[NeededSecret, ...] = ()
    memory_mib: int | None = None
    cpus: float | None = None
    processes: int | None = None
    disk_mib: int | None = None
    submodules: bool = False
    lfs: bool = False
    private_submodules: tuple[str, ...] = ()
    """Addresses of submodules that are fetched with the credential of a connection."""
    variables: tuple[tuple[str, str], ...] = ()
    """What the server keeps for the repository; in the box from the setup on. Those of the recipe come before them."""
    recipe: str = ""
    """The text of the recipe that the server kept for the repository, instead of the one in the commit; empty for that
    one."""


@dataclass(frozen=True, slots=True)
class McpUse:
    """An MCP server that the agent may use. How it is reached is in the person's settings."""

    server: str
    tools: tuple[str, ...] = ()
    """Those of its tools that were asked for by name; empty for all that the settings let through."""


@dataclass(frozen=True, slots=True)
class Words:
    """What its pull request says beside the work itself, as of the making of the task."""

    closes: str = ""
    """The issue that it settles, as the forge names it: `#12`; empty for none."""
    template: str = ""
    """The repository's template for pull requests, of the base commit; empty where there is none."""
    server: str = ""
    """The address of the server where its task can be looked at; empty for none."""


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
    """Where the checks come from: `option`, `.midwatch/environment.toml`, `the recipe of the server`,
    `detected: <what>` or `none`."""
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
    terms: Terms = field(default_factory=Terms)
    kind: str = "task"
    """`task` (ends in evidence and a pull request), `conversation` (turns of a person, in their folder), `review`,
    `subtask` (part of another attempt's work), or `environment` (a build or a terminal, without a model)."""
    mode: str = "workspace"
    """What the agent may do: `read-only`, `workspace` (change the files of the workspace), `full` (no sandbox)."""
    folder: str = ""
    """The folder in the repository where the person is; relative, empty for its top."""
    parent: str = ""
    """The attempt that opened this subtask; empty for all else."""
    guard: Guard = field(default_factory=Guard)
    context: tuple[Context, ...] = ()
    """Shown to the model with the prompt, marked as data."""
    mcp: tuple[McpUse, ...] = ()
    """The MCP servers that were asked for, in their order."""
    select: str = "diff"
    """How one of several attempts with equal evidence is chosen: `diff` (the smallest), or `review` (the model looks at
    each of them)."""
    labels: tuple[str, ...] = ()
    """Only a worker that has all of them takes it; see `domain.labels`. On a person's own machine they say nothing."""
    words: Words = field(default_factory=Words)
    images: tuple[Image, ...] = ()
    """Pictures that the model is shown with the prompt; they are in the blob store."""
