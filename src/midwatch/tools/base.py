"""The contract of a tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from midwatch.domain.conversation import Image, ToolSpec
from midwatch.domain.events import ToolFinished
from midwatch.domain.limits import Limits
from midwatch.engine.blobs import Blobs
from midwatch.sandbox.base import Box
from midwatch.tools.approval import Approver, Nobody
from midwatch.tools.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Bench:
    """What a tool works with. Nothing here is a credential."""

    box: Box
    blobs: Blobs
    limits: Limits
    seconds_left: Callable[[], float]
    """Of the attempt's wall clock; may be infinite."""
    output: Callable[[bytes], None]
    """Shows a command's output live."""
    command_number: int
    """The number that this call gets if it is a command; the full log is cited by it."""
    call_id: str = ""
    mode: str = "workspace"
    """As in `Task`."""
    folder: str = ""
    """As in `Task`: relative paths that a model gives start here."""
    approver: Approver = field(default_factory=Nobody)
    """Who is asked where a person must decide."""
    commands: Sequence[ToolFinished] = ()
    """The commands so far, whose logs can be read."""
    sessions: Sessions = field(default_factory=Sessions)
    """Commands that go on in the background."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call. `output` is what the model reads, already cut to size."""

    ok: bool
    output: str
    ended: str = ""
    duration_ms: int = 0
    command: str = ""
    """The command line, when the tool ran one."""
    exit_code: int | None = None
    digest: str = ""
    bytes: int = 0
    lines: int = 0
    truncated: bool = False
    images: tuple[Image, ...] = ()
    """What the model is shown besides; in the blob store."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """For programs, as in `ToolFinished`."""
    events: tuple[Any, ...] = ()
    """Further event bodies that belong to the result (`plan_updated`), appended in the same transaction."""


class Tool(Protocol):
    """One tool."""

    spec: ToolSpec

    def summary(self, arguments: str) -> str:
        """The call in a line of at most 200 characters, for a person; must not raise, whatever the arguments."""

    def reads_only(self, arguments: str) -> bool:
        """Whether this call changes nothing anywhere, so that it may run beside others; must not raise. No, for a tool
        that does not say otherwise."""
        return False

    def repeatable(self, arguments: str) -> bool:
        """Whether the call may run again after a crash: all that it does is undone with the workspace. Must not
        raise. Yes, for a tool that does not say otherwise."""
        return True

    async def run(self, arguments: str, bench: Bench) -> ToolResult:
        """Do it. Bad arguments are a result with ok=False that says how to do it right. Raises only what is not the
        model's doing (SandboxLost, StoreError). After a crash the workspace is restored and the call runs again."""
