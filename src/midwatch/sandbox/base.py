"""The contract of a sandbox: it opens boxes; a box runs commands and holds one writable folder, the workspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

WORKDIR = "/workspace"
"""The workspace inside an isolated box."""

SUPPORT = "/run/midwatch"
"""Read-only programs of ours inside an isolated box (`BoxSpec.support`)."""

OutputSink = Callable[[bytes], None]
"""Takes a piece of output as it comes, stdout and stderr together. Must not block or raise."""


@dataclass(frozen=True, slots=True)
class BoxSpec:
    """What a box is given; nothing else of the host is reachable from it."""

    id: str
    """Names the box; `Sandbox.owner(id)` says whom its workspace must belong to."""
    workspace: Path
    """Host folder, bound read-write at the workdir; belongs to `owner(id)`. No symbolic link itself."""
    private: Path
    """Host folder (made when missing) for the box's own /tmp and home; lasts as long as the caller keeps it."""
    support: Path | None = None
    """Host folder, bound read-only at SUPPORT."""
    read_only: tuple[Path, ...] = ()
    """Host files and folders bound read-only at the same path (toolchains, virtual environments, git objects)."""
    masked: tuple[Path, ...] = ()
    """Files inside `read_only` that appear empty (a pip.conf may hold a credential)."""
    environment: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    """Folders that come before the system's on PATH."""
    processes: int = 512
    """The most processes and threads at once."""
    file_bytes: int = 4 << 30
    """The largest file."""
    memory_bytes: int = 6 << 30
    """Of all processes of a command together, where the driver can tell; past it the command is ended."""


@dataclass(frozen=True, slots=True)
class ExecResult:
    """How a command ended. Only what the program itself did; our own failures raise SandboxLost."""

    exit_code: int | None
    """None when it was ended by a signal or a limit. 126: not executable, or no such cwd; 127: missing."""
    ended: str
    """In words: `exit 0`, `killed by signal 9 (SIGKILL)`, `time limit of 10 s`, `output limit of 64 MiB`,
    `memory limit of 6144 MiB`."""
    duration_ms: int
    bytes: int
    """Output bytes that were handed to the sink."""


class Box(Protocol):
    """One open box. Not to be used from two tasks at once."""

    workdir: str
    """The workspace's path as commands see it."""
    support: str
    """The support folder's path as commands see it; empty when none was given."""

    async def exec(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        output_bytes: int,
        cwd: str = "",
        stdin: bytes = b"",
        sink: OutputSink | None = None,
    ) -> ExecResult:
        """Run one command to its end. `timeout` in seconds; `cwd` relative to the workdir (or absolute inside).
        When it returns, no process of the command is left, background ones included. Raises SandboxLost when the box
        could not run it; a program that is missing is exit code 127 with a line of output. Cancelling kills it."""

    async def read(self, path: bytes, limit: int = 64 << 20) -> bytes:
        """The content of a regular file of the workspace, `path` relative to it. Follows no symbolic link in any
        component. Raises FileNotFoundError, IsADirectoryError, or PermissionError for what is outside, a link, a
        device, or longer than `limit` bytes."""

    async def write(self, path: bytes, data: bytes, *, executable: bool | None = None) -> None:
        """Create or replace a regular file of the workspace, making parent folders. Atomic for one file. Follows no
        link (a link at the last component is replaced). `executable=None` keeps the mode of the file that was there.
        Raises PermissionError for what is outside, NotADirectoryError or IsADirectoryError where a name is taken."""

    async def remove(self, path: bytes) -> None:
        """Delete a file or link of the workspace. Raises as `read`. Leaves parent folders that are not empty."""

    async def close(self) -> None:
        """End everything inside. May be called twice."""


class Sandbox(Protocol):
    """A driver. Choosing a weaker one is never automatic."""

    name: str

    async def probe(self) -> tuple[str, ...]:
        """The protections in force, in words, after really trying (a box is opened and closed). Raises OperationError
        that names what is missing and the fix. Blocks for some milliseconds; may be called again."""

    def open(self, spec: BoxSpec) -> AbstractAsyncContextManager[Box]:
        """A new box; closed when the context ends. Raises OperationError when isolation cannot be had."""

    def owner(self, box_id: str) -> tuple[int, int] | None:
        """The uid and gid that files of that box's workspace must belong to, or None for the caller's own."""
