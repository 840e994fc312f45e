"""No sandbox at all: commands run as the caller, root too, with the caller's files and network. Only asked for by name.

What it keeps of the contract: its own environment and home, the limits of time, output, memory and file size, and that
no process of a command outlives it. The last is found out by a mark in the environment and by the session, so a
program that sheds both gets away; and when the worker itself is killed, a running command goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox import arguments
from midwatch.sandbox.base import Box, BoxSpec, ExecResult, OutputSink
from midwatch.sandbox.files import BoxFiles, ConfinedFiles
from midwatch.sandbox.handles import memory_file, null_file, output_pipe
from midwatch.sandbox.running import Limits, Running, refused_result, result, start, to_the_end
from midwatch.sandbox.staging import Start

_MARK = "MIDWATCH_BOX"
_HUNT_SECONDS = 10


class Process:
    """Boxes that are plain folders."""

    name = "process"

    async def probe(self) -> tuple[str, ...]:
        """As `Sandbox.probe`; there is nothing to try."""
        return ("no isolation: commands run as you, with your files and network",)

    def open(self, spec: BoxSpec) -> AbstractAsyncContextManager[Box]:
        """As `Sandbox.open`."""
        return self._open(spec)

    def owner(self, box_id: str) -> tuple[int, int] | None:
        """As `Sandbox.owner`: always the caller's own."""
        return None

    @contextlib.asynccontextmanager
    async def _open(self, spec: BoxSpec) -> AsyncIterator[Box]:
        for name in ("tmp", "home"):
            (spec.private / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        box = _ProcessBox(spec)
        try:
            yield box
        finally:
            await box.close()


class _ProcessBox(BoxFiles):
    def __init__(self, spec: BoxSpec) -> None:
        super().__init__(ConfinedFiles(spec.workspace))
        self.workdir = str(spec.workspace)
        self.support = str(spec.support) if spec.support is not None else ""
        self._spec = spec
        self._running: Running | None = None
        self._stopped = ""

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
        """As `Box.exec`."""
        if self._stopped:
            raise SandboxLost("the box is closed")
        mark = secrets.token_hex(16)
        variables = {**self._environment(), _MARK: mark}
        refused = arguments.refusal([*argv, *([cwd] if "\0" in cwd else [])])
        if refused:
            return refused_result(refused, 127, sink)
        # Always a full path: the shell's own idea of the folder follows links.
        folder = arguments.absolute(cwd, self.workdir) or self.workdir
        inner = arguments.bare(self._spec, folder, argv)
        limits = Limits(timeout, output_bytes, self._spec.memory_bytes)
        work = asyncio.create_task(self._run(inner, variables, stdin, limits, sink))
        return await to_the_end(work, lambda: self._stop("cancelled"))

    async def close(self) -> None:
        """As `Box.close`."""
        self._stop("closed")

    def _stop(self, reason: str) -> None:
        self._stopped = self._stopped or reason
        if self._running is not None:
            self._running.stop(reason)

    def _environment(self) -> dict[str, str]:
        private = self._spec.private
        # Only folders that are there, by full path: a relative one would lead into the workspace.
        folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
        usable = [folder for folder in folders if folder.startswith("/") and os.access(folder, os.X_OK)]
        path = os.pathsep.join((*self._spec.path, *usable))
        home, temporary = str(private / "home"), str(private / "tmp")
        return arguments.merged(home, temporary, path, self.support, self._spec.environment)

    async def _run(
        self, inner: list[str], variables: dict[str, str], stdin: bytes, limits: Limits, sink: OutputSink | None
    ) -> ExecResult:
        with contextlib.ExitStack() as opened:
            reading, writing = output_pipe(None)
            opened.callback(os.close, reading)
            try:
                given = memory_file(opened, stdin) if stdin else opened.enter_context(null_file())
                process = await start(Start(inner, variables, given, writing, writing, cwd=self.workdir))
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno == 7:  # E2BIG
                    return refused_result("midwatch: the command is longer than the system allows\n", 126, sink)
                raise SandboxLost(f"the command could not be started: {error}") from error
            finally:
                os.close(writing)
            running = self._running = Running(process, reading, limits, sink)
            if self._stopped:
                running.stop(self._stopped)
            try:
                mark = f"{_MARK}={variables[_MARK]}".encode()
                ending = await running.wait(lambda: asyncio.to_thread(_hunt, mark, process.pid))
            finally:
                self._running = None
            return result(ending, ending.code)


def _hunt(mark: bytes, session: int) -> None:
    """Kill what is left of a command until nothing is. Raises SandboxLost when that takes too long."""
    give_up = time.monotonic() + _HUNT_SECONDS
    while left := [pid for pid in _processes() if _belongs(pid, mark, session)]:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > give_up:
            raise SandboxLost(f"processes of the command do not end: {left[:5]}")
        time.sleep(0.002)


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - the quick way


def _belongs(pid: int, mark: bytes, session: int) -> bool:
    folder = Path("/proc", str(pid))
    try:
        state, _, _, session_there = (folder / "stat").read_bytes().rpartition(b")")[2].split()[:4]
        if state in (b"Z", b"X"):
            return False
        return int(session_there) == session or mark in (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
