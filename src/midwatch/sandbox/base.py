"""The contract of a sandbox: it opens boxes; a box runs commands and holds one writable folder, the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from midwatch.sandbox.results import ExecResult as ExecResult
from midwatch.sandbox.results import OutputSink as OutputSink
from midwatch.sandbox.results import Protections as Protections
from midwatch.sandbox.spec import BoxSpec as BoxSpec

WORKDIR = "/workspace"
"""The workspace inside an isolated box."""

SUPPORT = "/run/midwatch"
"""Read-only programs of ours inside an isolated box (`BoxSpec.support`)."""

SHELL = "midwatch-shell"
"""The first word of a command that wants bash, or sh in a box that has none."""


class Session(Protocol):
    """A command that goes on while others run; its output goes to the sink that `start` was given."""

    async def write(self, data: bytes) -> None:
        """Give it input. What comes after its end is dropped."""

    async def poll(self, seconds: float = 0.0) -> ExecResult | None:
        """How it ended, or None while it runs. Waits `seconds` at most; may be called again after the end."""

    async def kill(self, signal: int = 9) -> None:
        """Send a signal to its process group (to all its processes for 9). Nothing happens after its end."""


class Box(Protocol):
    """One open box. Any number of commands and sessions run beside each other."""

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

    async def start(
        self,
        argv: Sequence[str],
        *,
        output_bytes: int,
        cwd: str = "",
        pty: bool = False,
        sink: OutputSink | None = None,
    ) -> Session:
        """Run a command beside others until it ends, is killed, or the box is parked or closed. `pty`: on a terminal
        of its own. Raises as `exec`."""

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

    async def park(self) -> None:
        """End every process of the box and let go of what it holds; its folders stay. May be called twice."""

    async def unpark(self) -> None:
        """Open it again with the same folders; `exec`, `start` and the file calls do so by themselves. May be called
        twice. Raises as `Sandbox.open`."""

    async def close(self) -> None:
        """End everything inside, for good. May be called twice."""


class Sandbox(Protocol):
    """A driver. Choosing a weaker one is never automatic."""

    name: str

    async def probe(self) -> Protections:
        """What is in force here, after really trying (a box is opened and closed). Raises OperationError that names
        what is missing and the fix. Blocks for some milliseconds; may be called again."""

    def open(self, spec: BoxSpec) -> AbstractAsyncContextManager[Box]:
        """A new box; closed when the context ends. Raises OperationError when isolation cannot be had, or for what the
        driver cannot give (`Protections`)."""

    def owner(self, box_id: str) -> tuple[int, int] | None:
        """The uid and gid that files of that box's workspace must belong to, or None for the caller's own."""
