"""The default sandbox: bubblewrap with its own namespaces, a system call filter, and little of the host."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from midwatch.domain.errors import InputError, SandboxLost
from midwatch.sandbox import arguments, locate
from midwatch.sandbox.arguments import Source, Sources
from midwatch.sandbox.base import SUPPORT, WORKDIR, Box, BoxSpec, ExecResult, OutputSink
from midwatch.sandbox.files import BoxFiles, ConfinedFiles
from midwatch.sandbox.handles import memory_file, null_file, output_pipe, read_available, reading
from midwatch.sandbox.locate import Candidate
from midwatch.sandbox.owners import box_owner
from midwatch.sandbox.running import (
    Limits,
    Running,
    from_shell,
    refused_result,
    result,
    start,
    to_the_end,
    until_gone,
)
from midwatch.sandbox.staging import Start, stage
from midwatch.sandbox.trial import Program, program

_COMPLAINT = 4096
_PATH_ONLY = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


class Bubblewrap:
    """Boxes by bubblewrap, one bwrap for each command."""

    name = "bubblewrap"

    def __init__(self, candidates: Sequence[Candidate] | None = None) -> None:
        """`candidates`: the programs to choose from instead of those that are found."""
        self._candidates = candidates
        self._program: Program | None = None

    async def probe(self) -> tuple[str, ...]:
        """As `Sandbox.probe`."""
        self._program = None
        chosen = await self._chosen()
        return chosen.protections()

    def open(self, spec: BoxSpec) -> AbstractAsyncContextManager[Box]:
        """As `Sandbox.open`."""
        return self._open(spec)

    def owner(self, box_id: str) -> tuple[int, int] | None:
        """As `Sandbox.owner`. Raises OperationError for a root that has no other uid to change to."""
        return box_owner(box_id)

    async def _chosen(self) -> Program:
        if self._program is None:
            self._program = await program(self._candidates)
        return self._program

    @contextlib.asynccontextmanager
    async def _open(self, spec: BoxSpec) -> AsyncIterator[Box]:
        chosen = await self._chosen()
        owner = self.owner(spec.id)
        with contextlib.ExitStack() as opened:
            loop = asyncio.get_running_loop()
            opening = loop.run_in_executor(stage().executor, _open_sources, spec, owner, opened)
            sources = await to_the_end(opening, lambda: None)
            box = _BubblewrapBox(chosen, spec, sources, owner)
            try:
                yield box
            finally:
                await box.close()


class _BubblewrapBox(BoxFiles):
    workdir = WORKDIR

    def __init__(self, chosen: Program, spec: BoxSpec, sources: Sources, owner: tuple[int, int] | None) -> None:
        super().__init__(ConfinedFiles(spec.workspace, owner))
        self.support = SUPPORT if spec.support is not None else ""
        self._program = chosen
        self._spec = spec
        self._sources = sources
        self._owner = owner
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
        variables = arguments.environment(self._spec)
        limits = Limits(timeout, output_bytes, self._spec.memory_bytes)
        refused = arguments.refusal([*argv, *([cwd] if "\0" in cwd else [])])
        if refused:
            return refused_result(refused, 127, sink)
        folder = arguments.absolute(cwd, WORKDIR)
        inner = arguments.inner(self._spec, folder, argv, filtered=bool(self._program.filter))
        work = asyncio.create_task(self._run(inner, variables, stdin, limits, sink))
        return await to_the_end(work, lambda: self._stop("cancelled"))

    async def close(self) -> None:
        """As `Box.close`."""
        self._stop("closed")

    def _stop(self, reason: str) -> None:
        self._stopped = self._stopped or reason
        if self._running is not None:
            self._running.stop(reason)

    async def _run(
        self, inner: list[str], variables: dict[str, str], stdin: bytes, limits: Limits, sink: OutputSink | None
    ) -> ExecResult:
        with contextlib.ExitStack() as opened:
            ends = _Ends(opened, self._owner)
            options = arguments.isolation(disable_userns=self._program.disable_userns)
            for name, value in variables.items():
                options += ["--setenv", name, value]
            handles: list[int] = [ends.status]
            options += ["--json-status-fd", str(ends.status)]
            with contextlib.ExitStack() as given:
                options += self._world(given, handles)
                if self._program.filter:
                    handles.append(memory_file(given, self._program.filter))
                    options += ["--seccomp", str(handles[-1])]
                handles.append(memory_file(given, b"".join(os.fsencode(word) + b"\0" for word in options)))
                what = Start(
                    argv=arguments.expendable([self._program.path, "--args", str(handles[-1]), "--", *inner]),
                    environment={},  # its own environment can be read inside
                    stdin=memory_file(given, stdin) if stdin else given.enter_context(null_file()),
                    stdout=ends.output_write,
                    stderr=ends.complaint_write,
                    fds=(*handles, *_handles(self._sources)),
                    owner=self._owner,
                )
                try:
                    process = await start(what)
                except (OSError, ValueError) as error:
                    if isinstance(error, OSError) and error.errno == 7:  # E2BIG
                        return refused_result("midwatch: the command is longer than the system allows\n", 126, sink)
                    raise SandboxLost(f"bubblewrap could not be started: {error}") from error
            ends.close_writing()
            return await self._attend(process, ends, limits, sink)

    async def _attend(
        self, process: subprocess.Popen[bytes], ends: _Ends, limits: Limits, sink: OutputSink | None
    ) -> ExecResult:
        status = _Status(ends, self._program.path)
        running = self._running = Running(process, ends.output, limits, sink, lambda: status.first_known)
        if self._stopped:
            running.stop(self._stopped)
        try:
            ending = await running.wait(status.gone)
        finally:
            self._running = None
            status.close()
        if not ending.reason and (status.exit_code is None or not status.complaint.startswith(arguments.BEGUN)):
            raise lost(status.complaint.removeprefix(arguments.BEGUN).strip())
        return result(ending, from_shell(status.exit_code or 0))

    def _world(self, opened: contextlib.ExitStack, handles: list[int]) -> list[str]:
        """The mounts; adds to `handles` what they are given by."""
        data = {path: memory_file(opened, text.encode()) for path, text in arguments.synthesised().items()}
        for path in arguments.copied():
            with contextlib.suppress(OSError):
                data[str(path)] = opened.enter_context(reading(path))
        masked = [path for path in self._spec.masked if path.is_file()]
        empty = {str(path): opened.enter_context(null_file()) for path in masked}
        handles += [*data.values(), *empty.values()]
        return arguments.world(self._sources, self._spec, data, empty)


class _Ends:
    """What one command talks to us by: a pipe for its output, one for bwrap's complaints, and a file in memory for
    bwrap's status. That is no pipe: bwrap would die of writing to it after our death, and leave its child behind."""

    def __init__(self, opened: contextlib.ExitStack, owner: tuple[int, int] | None) -> None:
        self._writing = contextlib.ExitStack()
        opened.callback(self._writing.close)
        self.output, self.output_write = self._pipe(opened, *output_pipe(owner))
        self.complaint, self.complaint_write = self._pipe(opened, *os.pipe())
        os.set_blocking(self.complaint, False)
        self.status = memory_file(opened, b"")

    def _pipe(self, opened: contextlib.ExitStack, reading: int, writing: int) -> tuple[int, int]:
        opened.callback(os.close, reading)
        self._writing.callback(os.close, writing)
        return reading, writing

    def close_writing(self) -> None:
        """After the start: only the command holds them then. May be called twice."""
        self._writing.close()


class _Status:
    """Follows bwrap's own account: the pid of the box's first process, which it knows before anything runs in the box,
    the exit code at the end (there is one only when the command was really started), and complaints."""

    def __init__(self, ends: _Ends, program: str) -> None:
        """`program`: the path that bwrap was started by."""
        self.exit_code: int | None = None
        self.complaint = ""
        self._ends = ends
        self._name = Path(program).name[:15]  # the kernel keeps no more of it
        self._first = 0
        self._handle: int | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(ends.complaint, self._listen)

    @property
    def first_known(self) -> bool:
        """Whether bwrap has started its own child: killed before, it would leave one behind that nobody knows of."""
        self._look()
        return self._first != 0

    async def gone(self) -> None:
        """Until the first process is dead; the kernel lets it die only after all others of its pid namespace."""
        self._look()
        self._listen()
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            await until_gone(self._handle)
            # Where we are the init of a container, the orphan has become our child.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._first, os.WNOHANG)  # noqa: ASYNC222 - does not wait

    def close(self) -> None:
        self._loop.remove_reader(self._ends.complaint)
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _listen(self) -> None:
        piece = read_available(self._ends.complaint)
        if not piece:
            self._loop.remove_reader(self._ends.complaint)
        self.complaint += piece if len(self.complaint) < _COMPLAINT else ""
        self._look()

    def _look(self) -> None:
        for line in os.pread(self._ends.status, 4096, 0).splitlines():
            with contextlib.suppress(ValueError):  # half a line
                record = json.loads(line)
                self.exit_code = record.get("exit-code", self.exit_code)
                if "child-pid" in record and self._first == 0:
                    self._first = record["child-pid"]
                    self._hold()

    def _hold(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(self._first)
            if _name(self._first) == self._name:
                self._handle = handle
            else:  # it has died, and its number is another's already
                os.close(handle)


def _name(pid: int) -> str:
    """What the kernel calls a process; empty for one that is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="surrogateescape").removesuffix("\n")
    except OSError:
        return ""


def _open_sources(spec: BoxSpec, owner: tuple[int, int] | None, opened: contextlib.ExitStack) -> Sources:
    """Open the host paths of a box; in the thread of the stage. Raises InputError for one that is not there."""
    temporary, home = spec.private / "tmp", spec.private / "home"
    for folder in (temporary, home):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if owner is not None:
            os.chown(folder, *owner, follow_symlinks=False)

    def source(path: Path) -> Source:
        try:
            staged = stage().bind(path) if owner is not None else None
            if staged is not None:
                opened.callback(stage().call, lambda: stage().unbind(staged))
                return Source(path=staged)
            handle = os.open(path, _PATH_ONLY)
        except OSError as error:
            raise InputError(f"cannot show {path} to a box: {error.strerror}", "check the settings") from error
        opened.callback(os.close, handle)
        return Source(handle)

    return Sources(
        workspace=source(spec.workspace),
        temporary=source(temporary),
        home=source(home),
        support=source(spec.support.resolve()) if spec.support is not None else None,
        read_only=tuple((str(path), source(path.resolve())) for path in spec.read_only),
    )


def _handles(sources: Sources) -> list[int]:
    all_of_them = (sources.workspace, sources.temporary, sources.home, sources.support)
    listed = [*all_of_them, *(source for _, source in sources.read_only)]
    return [source.handle for source in listed if source is not None and source.handle is not None]


def lost(complaint: str) -> SandboxLost:
    """The error for a bwrap that never started the command."""
    message = f"bubblewrap could not set up the box: {complaint or 'it ended without a word'}"
    return SandboxLost(message, locate.mend_for(complaint) if complaint else "")
