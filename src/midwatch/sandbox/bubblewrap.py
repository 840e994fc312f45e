"""The default sandbox: bubblewrap with its own namespaces, a system call filter, and little of the host."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox import arguments, cgroups, runtime
from midwatch.sandbox.arguments import Source, Sources
from midwatch.sandbox.base import SUPPORT, WORKDIR, Box, BoxSpec, Protections
from midwatch.sandbox.cgroups import Group
from midwatch.sandbox.handles import Gate, memory_file, null_file, reading
from midwatch.sandbox.locate import Candidate
from midwatch.sandbox.monitor import Monitor
from midwatch.sandbox.opened import View
from midwatch.sandbox.owners import box_owner
from midwatch.sandbox.running import start, to_the_end
from midwatch.sandbox.served import ServedBox
from midwatch.sandbox.sources import Opener
from midwatch.sandbox.staging import Start, stage
from midwatch.sandbox.trial import Program, program
from midwatch.sandbox.trial_box import takes_layers

_NICE = 5


class Bubblewrap:
    """Boxes by bubblewrap."""

    name = "bubblewrap"

    def __init__(self, candidates: Sequence[Candidate] | None = None) -> None:
        """`candidates`: the programs to choose from instead of those that are found."""
        self._candidates = candidates
        self._program: Program | None = None

    async def probe(self) -> Protections:
        """As `Sandbox.probe`."""
        self._program = None
        chosen = await self._chosen()
        return chosen.protections(layers=await takes_layers(self))

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
        launcher = _Launcher(await self._chosen(), spec, self.owner(spec.id))
        support = SUPPORT if spec.support is not None else ""
        view = View(
            WORKDIR, support, arguments.environment(spec), launcher.owner, nice=0 if cgroups.has_cpu() else _NICE
        )
        box = ServedBox(spec, launcher, view)
        try:
            if not spec.later:
                await box.unpark()
            yield box
        finally:
            await box.close()


class _Launcher:
    """Starts bwrap with one box's server; may be called again after the end of the box."""

    def __init__(self, chosen: Program, spec: BoxSpec, owner: tuple[int, int] | None) -> None:
        self.owner = owner
        self._program = chosen
        self._spec = spec
        self._runtime = runtime.on_the_system() if spec.root is None else runtime.on_another_system()

    async def __call__(self, channel: socket.socket) -> Monitor:
        """As `Launch`."""
        held = contextlib.ExitStack()
        group: Group | None = None
        loop = asyncio.get_running_loop()

        async def release() -> None:
            await to_the_end(loop.run_in_executor(stage().executor, held.close), lambda: None)

        try:
            opening = loop.run_in_executor(stage().executor, self._prepare, held)
            sources, group = await to_the_end(opening, lambda: None)
            return await self._start(sources, group, channel, release)
        except BaseException:
            await release()
            if group is not None:
                await asyncio.to_thread(group.remove)
            raise

    def _prepare(self, held: contextlib.ExitStack) -> tuple[Sources, Group | None]:
        """In the thread of the stage."""
        group = cgroups.make(self._spec.limits)
        if group is None:
            return Opener(self.owner, held).sources(self._spec, self._runtime), None
        try:
            return Opener(self.owner, held).sources(self._spec, self._runtime), group
        except BaseException:
            group.remove()
            raise

    async def _start(
        self, sources: Sources, group: Group | None, channel: socket.socket, release: Callable[[], Awaitable[None]]
    ) -> Monitor:
        complaint, complaining = os.pipe()
        os.set_blocking(complaint, False)
        status = os.memfd_create("midwatch")
        try:
            with contextlib.ExitStack() as given:
                given.callback(os.close, complaining)
                handles = [status, channel.fileno()]
                options = self._options(given, sources, handles)
                options += ["--json-status-fd", str(status)]
                handles.append(memory_file(given, b"".join(os.fsencode(word) + b"\0" for word in options)))
                server = self._runtime.argv(channel.fileno())
                go = Gate(given)
                what = Start(
                    argv=arguments.expendable([self._program.path, "--args", str(handles[-1]), "--", *server]),
                    environment={},  # its own environment can be read inside
                    stdin=go.waiting,
                    stdout=complaining,
                    stderr=complaining,
                    fds=(*handles, *_handles(sources)),
                    owner=self.owner,
                )
                process = await start(what)
                try:
                    if group is not None:
                        await asyncio.to_thread(group.enter, process.pid)  # the kernel may take 10 ms for it
                    go.open()
                except BaseException:
                    process.kill()
                    process.wait()
                    raise
                return Monitor(process, group, (status, complaint), release)
        except (OSError, ValueError) as error:
            os.close(complaint)
            os.close(status)
            raise SandboxLost(f"bubblewrap could not be started: {error}") from error

    def _options(self, given: contextlib.ExitStack, sources: Sources, handles: list[int]) -> list[str]:
        """All but the program; adds to `handles` what it must inherit."""
        spec = self._spec
        options = arguments.isolation(disable_userns=self._program.disable_userns, superuser=spec.superuser)
        options += ["--as-pid-1"]
        data = {path: memory_file(given, text.encode()) for path, text in arguments.synthesised(spec).items()}
        for path in arguments.copied() if spec.root is None else ():
            with contextlib.suppress(OSError):
                data[str(path)] = given.enter_context(reading(path))
        empty = {str(path): given.enter_context(null_file()) for path in spec.masked if path.is_file()}
        handles += [*data.values(), *empty.values()]
        options += arguments.world(sources, spec, data, empty)
        if self._program.filter:
            handles.append(memory_file(given, self._program.filter))
            options += ["--seccomp", str(handles[-1])]
        return options


def _handles(sources: Sources) -> list[int]:
    listed = [sources.workspace, sources.temporary, sources.home, *(source for _, source in sources.read_only)]
    return [source.handle for source in listed if isinstance(source, Source) and source.handle is not None]
