"""What a box answers: how a command ended, and what a driver protects against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

OutputSink = Callable[[bytes], None]
"""Takes a piece of output as it comes, stdout and stderr together. Must not block or raise."""


@dataclass(frozen=True, slots=True)
class ExecResult:
    """How a command ended. Only what the program itself did; our own failures raise SandboxLost."""

    exit_code: int | None
    """None when it was ended by a signal or a limit. 126: not executable, or no such cwd; 127: missing."""
    ended: str
    """In words: `exit 0`, `killed by signal 9 (SIGKILL)`, `time limit of 10 s`, `output limit of 64 MiB`,
    `memory limit of 6144 MiB`, `disk limit of 16384 MiB`."""
    duration_ms: int
    bytes: int
    """Output bytes that were handed to the sink."""
    left: tuple[str, ...] = ()
    """Command lines of processes that it left in the background, and that were ended with it; at most 20."""
    lost: str = ""
    """What the box has lost since the command before, in words; empty for nothing."""


@dataclass(frozen=True, slots=True)
class Protections:
    """What a driver does here, after really trying."""

    words: tuple[str, ...]
    """The protections in force, one each."""
    overlay: bool = False
    """Takes `Overlay`; without, workspaces must be plain folders."""
    network: bool = False
    """Takes `BoxSpec.network`."""
    root: bool = False
    """Takes `BoxSpec.root`."""
