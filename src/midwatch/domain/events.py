"""The kinds of event.

An attempt's log is the list of these, `seq` 1, 2, 3 …; it is the only state of the attempt.
A body is a frozen dataclass; `KINDS` names them all. A stored shape never changes: a new shape is a new `version`,
and old logs keep loading (tests/golden).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from midwatch.domain.conversation import Image, ToolCall, Usage
from midwatch.domain.evidence import Checkpoint, Evidence
from midwatch.domain.interventions import INTERVENTIONS
from midwatch.domain.task import Task


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """The first event: the task, and the protections that were in force."""

    kind: ClassVar[str] = "task_started"
    version: ClassVar[int] = 1
    task: Task
    attempt: int
    sandbox: str
    protections: tuple[str, ...]
    harness: str


@dataclass(frozen=True, slots=True)
class EnvironmentReady:
    """What the setup of the repository's recipe left is there, as layers that all boxes of the task are given."""

    kind: ClassVar[str] = "environment_ready"
    version: ClassVar[int] = 1
    key: str
    """Of the layers in the cache."""
    built: bool
    """Whether it was made now; else it was there."""
    commands: tuple[str, ...]
    """Of setup and maintenance, in the order in which they ran."""
    seconds: float
    """How long they took."""
    digest: str
    """Of their log in the blob store."""
    bytes: int
    lines: int
    notes: tuple[str, ...] = ()
    """What did not go as the recipe says."""


@dataclass(frozen=True, slots=True)
class Message:
    """Words of a person, given to the model at its next call."""

    kind: ClassVar[str] = "message"
    version: ClassVar[int] = 1
    author: str
    text: str
    images: tuple[Image, ...] = ()
    schema: Mapping[str, Any] = field(default_factory=dict)
    """JSON Schema of the answer that is asked for; empty: free text."""
    sources: tuple[str, ...] = ()
    """Files of the repository that are told because something beside or below them was touched."""


@dataclass(frozen=True, slots=True)
class ModelReplied:
    """One model call. `items` are the provider's own items as they came."""

    kind: ClassVar[str] = "model_replied"
    version: ClassVar[int] = 1
    model: str
    wire: str
    text: str
    calls: tuple[ToolCall, ...]
    items: tuple[Mapping[str, Any], ...]
    usage: Usage
    cost_microusd: int | None
    """None when the price is not known."""
    latency_ms: int
    stop: str


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool call is about to run; without a matching `tool_finished` a crash came between."""

    kind: ClassVar[str] = "tool_started"
    version: ClassVar[int] = 1
    call_id: str
    tool: str
    summary: str


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool call has ended and the workspace is saved. `output` is what the model reads."""

    kind: ClassVar[str] = "tool_finished"
    version: ClassVar[int] = 1
    call_id: str
    tool: str
    ok: bool
    output: str
    ended: str
    duration_ms: int
    checkpoint: Checkpoint
    number: int = 0
    """Commands are numbered 1, 2, 3 … in an attempt, so that they can be cited; 0 is no command."""
    command: str = ""
    exit_code: int | None = None
    digest: str = ""
    """Of the full output in the blob store; empty when there is none."""
    bytes: int = 0
    lines: int = 0
    truncated: bool = False
    images: tuple[Image, ...] = ()
    """What the model is shown besides `output`."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What programs may want to know of the result, by the tool: the files of a patch, what an MCP server answered."""


@dataclass(frozen=True, slots=True)
class NetworkRequested:
    """What the proxy decided on a request from a box to a host outside; alike ones next to each other are one event."""

    kind: ClassVar[str] = "network_requested"
    version: ClassVar[int] = 1
    phase: str
    """Whose box it was: `setup`, `work` or `check`."""
    host: str
    port: int
    method: str
    """`CONNECT` for a tunnel that was not looked into."""
    path: str
    """Where it could be seen; without the query."""
    allowed: bool
    reason: str
    sent: int
    """Bytes from the box, of all `count` together."""
    received: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step of the model's plan; `status` is pending, in_progress or completed."""

    step: str
    status: str


@dataclass(frozen=True, slots=True)
class PlanUpdated:
    """The model's plan, whole."""

    kind: ClassVar[str] = "plan_updated"
    version: ClassVar[int] = 1
    steps: tuple[PlanStep, ...]
    explanation: str


@dataclass(frozen=True, slots=True)
class Compacted:
    """The conversation was about to fill the model's window: from here on it is the opening, `summary`, and the last
    `kept` items. Earlier events stay in the log."""

    kind: ClassVar[str] = "compacted"
    version: ClassVar[int] = 1
    summary: str
    """What the model reads in place of what was left out."""
    kept: int
    """Items of the conversation, counted from its end."""
    model: str
    """Who wrote the summary; empty when the harness did."""
    usage: Usage
    cost_microusd: int | None
    latency_ms: int


@dataclass(frozen=True, slots=True)
class LimitReached:
    """A cap ended the work: turns, tokens, cost, seconds or context."""

    kind: ClassVar[str] = "limit_reached"
    version: ClassVar[int] = 1
    limit: str
    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """The evidence."""

    kind: ClassVar[str] = "checked"
    version: ClassVar[int] = 1
    evidence: Evidence
    commit: str
    """The commit that is offered, whose tree is the evidence's tree."""


@dataclass(frozen=True, slots=True)
class Proposing:
    """The intent to open or update the pull request; written before the forge is asked."""

    kind: ClassVar[str] = "proposing"
    version: ClassVar[int] = 1
    branch: str
    base: str
    commit: str
    title: str
    draft: bool


@dataclass(frozen=True, slots=True)
class Proposed:
    """The forge has the pull request."""

    kind: ClassVar[str] = "proposed"
    version: ClassVar[int] = 1
    forge: str
    number: int
    url: str
    branch: str
    commit: str
    draft: bool


@dataclass(frozen=True, slots=True)
class Stopped:
    """The attempt ended without a pull request of its own: `no_change`, `answered` (a read-only task has its
    answer), `not_chosen` among several attempts, `cancelled` by a person, or `no_review` for a review without a
    result."""

    kind: ClassVar[str] = "stopped"
    version: ClassVar[int] = 1
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The harness could not go on (endpoint down, sandbox lost, …). Not an end: resuming continues from here."""

    kind: ClassVar[str] = "failed"
    version: ClassVar[int] = 1
    error: str
    mend: str


KINDS: dict[str, type[Any]] = {
    body.kind: body
    for body in (
        TaskStarted, EnvironmentReady, Message, ModelReplied, ToolStarted, ToolFinished, NetworkRequested, PlanUpdated,
        Compacted, LimitReached, Checked, Proposing, Proposed, Stopped, Failed,
    )
}  # fmt: skip
KINDS |= INTERVENTIONS


@dataclass(frozen=True, slots=True)
class Event:
    """A body in its place. `time` is UTC with milliseconds; `epoch` is the owner that wrote it."""

    attempt: str
    seq: int
    time: str
    epoch: int
    body: Any
    prev: str
    hash: str

    @property
    def kind(self) -> str:
        """The name of the body's kind."""
        return str(self.body.kind)
