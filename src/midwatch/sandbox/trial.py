"""Choosing the bwrap to use by really trying: a box is set up and closed with each until one works."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from midwatch.domain.errors import OperationError
from midwatch.sandbox import arguments, cgroups, locate, seccomp
from midwatch.sandbox.handles import memory_file, null_file, output_pipe
from midwatch.sandbox.locate import Candidate
from midwatch.sandbox.owners import box_owner
from midwatch.sandbox.results import Protections
from midwatch.sandbox.running import Limits, Running, start, to_the_end
from midwatch.sandbox.staging import Start, stage

_WATCHED = "memory watched every 0.1 s, CPU by priority only (no control group)"
_LIMITS = Limits(timeout=10, output_bytes=1 << 16, memory_bytes=1 << 30)


@dataclass(frozen=True, slots=True)
class Program:
    """A bwrap that works here, and how it is to be called."""

    path: str
    version: str
    candidate: Candidate
    disable_userns: bool
    filter: bytes
    """The system call filter; empty where there is none for the architecture."""

    def protections(self, *, layers: bool) -> Protections:
        """In words, for `Sandbox.probe`. `layers`: a box could be opened over some."""
        owner = box_owner("probe")
        groups = cgroups.hierarchy()
        words = (
            f"bubblewrap {self.version} from {self.candidate.origin} ({self.candidate.path})",
            "own user, process, network, ipc, host name and control group namespaces; no network but loopback",
            "no capabilities, no new privileges" + (f"; boxes run as their own user, here {owner[0]}" if owner else ""),
            "no further user namespaces"
            if self.disable_userns
            else "further user namespaces stopped by the system call filter only (this system refuses --disable-userns)"
            if self.filter
            else "further user namespaces are NOT stopped (this system refuses --disable-userns)",
            f"system call filter for {seccomp.machine()}"
            if self.filter
            else f"NO system call filter: none for {seccomp.machine()}",
            "read-only system, private /tmp and home, empty environment",
            f"{groups.words() if groups is not None else _WATCHED}; processes, files and disk space limited",
        )
        return Protections(words, overlay=layers, network=True, root=layers)


async def program(candidates: Sequence[Candidate] | None = None) -> Program:
    """The first of the candidates (those that are found, when None) that can set up a box. Raises OperationError that
    says why none can and what to mend."""
    found = locate.candidates() if candidates is None else candidates
    if not found:
        raise locate.none_found()
    complaints = []
    for candidate in found:
        try:
            return await _try(candidate)
        except OperationError as error:
            complaints.append(error)
    raise complaints[0]


async def run(path: str, options: Sequence[str], handles: Sequence[int] = ()) -> tuple[int, str]:
    """Run bwrap itself, as the user that boxes run as; its exit code and output. Raises OperationError when it cannot
    be started."""
    owner = box_owner("trial")
    with contextlib.ExitStack() as opened:
        reading, writing = output_pipe(owner)
        opened.callback(os.close, reading)
        pieces: list[bytes] = []
        try:
            nothing = opened.enter_context(null_file())
            process = await start(Start([path, *options], {}, nothing, writing, writing, tuple(handles), "/", owner))
        except OSError as error:
            raise _not_started(path, error.strerror or "") from error
        finally:
            os.close(writing)
        running = Running(process, reading, _LIMITS, pieces.append)
        ending = await running.wait(_nothing)
        said = b"".join(pieces).decode("utf-8", "replace").strip()
        if ending.code in (126, 127) and said.startswith("setpriv: "):  # that became another user first
            raise _not_started(path, said.rpartition(": ")[2])
        return ending.code, said


def _not_started(path: str, why: str) -> OperationError:
    return OperationError(f"{path} cannot be started: {why}", locate.mend_for(f"can't find source path: {why}"))


async def staged(candidate: Candidate) -> str:
    """The path to start it by; another one than its own when root's folders are in the way."""
    if box_owner("trial") is None:
        return str(candidate.path)
    loop = asyncio.get_running_loop()
    return await to_the_end(loop.run_in_executor(stage().executor, _stage_program, candidate), lambda: None)


@cache
def _stage_program(candidate: Candidate) -> str:
    if candidate.libraries is None:
        return stage().bind(candidate.path) or str(candidate.path)
    # The wheel's program finds its libraries by their place relative to its own, two folders up.
    return stage().bind_all([candidate.path.parents[1], candidate.libraries], candidate.path) or str(candidate.path)


async def _try(candidate: Candidate) -> Program:
    path = await staged(candidate)
    _, said = await run(path, ["--version"])
    if not locate.new_enough(said):
        raise OperationError(f"{candidate.path} is {said or 'of unknown version'}, which is too old", locate.MISSING)
    arch = seccomp.machine()
    bpf = seccomp.program(arch) if seccomp.supported(arch) else b""
    said_first = ""
    for disable_userns in (True, False):
        with contextlib.ExitStack() as opened:
            options = [*arguments.isolation(disable_userns=disable_userns), *arguments.system()]
            options += ["--proc", "/proc", "--dev", "/dev"]
            handles = [memory_file(opened, bpf)] if bpf else []
            options += ["--seccomp", str(handles[0])] if bpf else []
            code, complaint = await run(path, [*options, "--", "/bin/sh", "-c", "exit 0"], handles)
        if code == 0:
            return Program(path, said.split()[-1], candidate, disable_userns, bpf)
        said_first = said_first or complaint
    raise OperationError(f"bubblewrap cannot isolate here: {said_first}", locate.mend_for(said_first))


async def _nothing() -> None:
    """A trial leaves nothing behind."""
