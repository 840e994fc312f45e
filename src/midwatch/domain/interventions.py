"""Kinds of events by which something besides the model changes the course of an attempt: a person, a rule, a hook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from midwatch.domain.evidence import Checkpoint


@dataclass(frozen=True, slots=True)
class Undone:
    """The attempt goes on from where it was after event `to`: what came later is no part of the conversation any more,
    and the files are those of `checkpoint`. Earlier events stay in the log; what was spent stays spent."""

    kind: ClassVar[str] = "undone"
    version: ClassVar[int] = 1
    to: int
    checkpoint: Checkpoint
    reason: str


@dataclass(frozen=True, slots=True)
class Forked:
    """This attempt begins with what another one had done: the events after this one, up to `copied` of them, are
    copies."""

    kind: ClassVar[str] = "forked"
    version: ClassVar[int] = 1
    attempt: str
    """The other one."""
    seq: int
    """Its last event that was copied."""
    hash: str
    """Of that event."""
    copied: int


@dataclass(frozen=True, slots=True)
class FilesImported:
    """The files of the attempt are those of the person's folder from here on: they were changed there."""

    kind: ClassVar[str] = "files_imported"
    version: ClassVar[int] = 1
    checkpoint: Checkpoint
    files: tuple[str, ...]
    """That differ from the checkpoint before; the first hundred."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A person ended the turn. Calls that have no result count as interrupted; the files stay as they were then."""

    kind: ClassVar[str] = "interrupted"
    version: ClassVar[int] = 1
    checkpoint: Checkpoint | None
    """None when nothing had been saved yet."""
    reason: str


@dataclass(frozen=True, slots=True)
class ModelChosen:
    """Another model answers from here on."""

    kind: ClassVar[str] = "model_chosen"
    version: ClassVar[int] = 1
    model: str


@dataclass(frozen=True, slots=True)
class ApprovalGiven:
    """A person (or the harness, where nobody can be asked) decided on a tool call that is theirs to decide on."""

    kind: ClassVar[str] = "approval_given"
    version: ClassVar[int] = 1
    call_id: str
    tool: str
    subject: str
    """What is to be done: a command line, a tool of an MCP server with its arguments."""
    allowed: bool
    author: str
    """`person` or `harness`."""
    reason: str
    covers: tuple[str, ...] = ()
    """What else is allowed by it in this attempt without another question; empty: nothing."""
    waited_ms: int = 0
    """How long the answer took; it does not count as time of the attempt."""


@dataclass(frozen=True, slots=True)
class HookRan:
    """A hook was run in the box. `refused` says why it wants something not to happen; empty when it does not."""

    kind: ClassVar[str] = "hook_ran"
    version: ClassVar[int] = 1
    hook: str
    """`before_tool`, `after_tool` or `before_finish`."""
    command: str
    call_id: str
    """Of the tool call; empty for `before_finish`."""
    exit_code: int | None
    ended: str
    refused: str
    duration_ms: int
    digest: str
    """Of its output in the blob store."""
    bytes: int
    lines: int
    checkpoint: Checkpoint | None = None
    """The files after a `before_finish`; None for the others, whose files are saved with the tool call."""


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """A command that went on in the background was ended with the turn, or has ended by itself. Its output since the
    last look is a log of its own."""

    kind: ClassVar[str] = "session_ended"
    version: ClassVar[int] = 1
    session: int
    command: str
    exit_code: int | None
    ended: str
    number: int
    """Of the log, as commands are numbered; 0 when there was no further output."""
    digest: str
    bytes: int
    lines: int


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool of an MCP server, as the model is shown it for the whole attempt."""

    name: str
    """For the model."""
    tool: str
    """For the server."""
    description: str
    parameters: Mapping[str, Any]
    reads_only: bool
    """Its server says that it changes nothing."""
    repeatable: bool
    """Its server says that doing it twice is as doing it once."""


@dataclass(frozen=True, slots=True)
class McpConnected:
    """An MCP server was opened for the first time in this attempt, and what it offered then stays what the model is
    shown; or it could not be opened."""

    kind: ClassVar[str] = "mcp_connected"
    version: ClassVar[int] = 1
    server: str
    place: str
    """`box`, `host` (trusted, outside the sandbox), or the address of a server that is reached over HTTP."""
    identity: str
    """Name and version, as it says."""
    tools: tuple[OfferedTool, ...]
    error: str = ""
    """Why it could not be opened."""


INTERVENTIONS: dict[str, type[Any]] = {
    body.kind: body
    for body in (
        Undone, Forked, FilesImported, Interrupted, ModelChosen, ApprovalGiven, HookRan, SessionEnded,
        McpConnected,
    )
}  # fmt: skip
