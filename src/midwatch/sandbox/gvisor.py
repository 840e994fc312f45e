"""Boxes by gVisor's runsc: the system calls of commands are answered by a kernel in user space, not by the host's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import socket
import struct
import subprocess
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.errors import OperationError
from midwatch.sandbox import arguments, gvisor_filter, oci_bundle, runtime, seccomp, workers
from midwatch.sandbox.base import SUPPORT, WORKDIR, Box, BoxSpec, Protections
from midwatch.sandbox.grouped import nice
from midwatch.sandbox.gvisor_tunnel import Tunnel
from midwatch.sandbox.oci_bundle import Bound, Identity
from midwatch.sandbox.opened import View
from midwatch.sandbox.owners import box_owner
from midwatch.sandbox.process import plain_folder
from midwatch.sandbox.sandboxed import Sandboxed
from midwatch.sandbox.served import ServedBox
from midwatch.sandbox.sources import Opener
from midwatch.sandbox.staging import Start, stage
from midwatch.sandbox.trial_box import try_box

INSTALL = "install runsc (Debian: `apt install runsc`; others: gvisor.dev/docs/user_guide/install)"
_PLACES = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
_RELAY = Path(__file__).with_name("gvisor_inside.py")
_INSIDE = f"{runtime.HOST}/gvisor.py"
_FILTER = f"{runtime.HOST}/filter"
_PLATFORMS = ("systrap", "ptrace")
_OLD = "; `ls` and `stat` fail in it with `Invalid argument`: this runsc is too old for them, take one from gvisor.dev"
_KEEPERS = 1
"""The user and group of relay and server inside, as `gvisor_inside` has it."""
_FIRST = ("CAP_SETUID", "CAP_SETGID", "CAP_DAC_READ_SEARCH")


@dataclass(frozen=True, slots=True)
class Program:
    """A runsc that works here, and how it is to be called."""

    path: str
    platform: str
    lists: bool = True
    """Whether `ls` works in it."""


class Gvisor:
    """Boxes by runsc."""

    name = "gvisor"

    def __init__(self, program: Program | None = None) -> None:
        """`program`: the one to use, instead of the first that works."""
        self._program = program

    async def probe(self) -> Protections:
        """As `Sandbox.probe`."""
        self._program = None
        program = await self._chosen()
        owner = self.owner("probe")
        return Protections(
            (
                f"gVisor ({program.path}, platform {program.platform}): system calls are answered by its own kernel"
                + ("" if program.lists else _OLD),
                "own processes, ipc and host name; no network but loopback",
                f"system call filter for {seccomp.machine()} before it; the box's server is another user than commands",
                "no capabilities" + (f"; boxes run as their own user, here {owner[0]}" if owner is not None else ""),
                "read-only system, private home and temporary files, synthetic users and hosts",
                "memory is watched from outside, the number of processes and threads inside",
            )
        )

    def open(self, spec: BoxSpec) -> AbstractAsyncContextManager[Box]:
        """As `Sandbox.open`. Takes no layers, no network and no system of the box's own."""
        return self._open(spec)

    def owner(self, box_id: str) -> tuple[int, int] | None:
        """As `Sandbox.owner`. Raises OperationError for a root that has no other uid to change to."""
        return box_owner(box_id)

    @contextlib.asynccontextmanager
    async def _open(self, spec: BoxSpec) -> AsyncIterator[Box]:
        plain_folder(spec, self.name)
        launch = _Launch(spec, await self._chosen(), self.owner(spec.id))
        support = SUPPORT if spec.support is not None else ""
        # Handles stay outside: what commands write to are pipes of the relay.
        view = View(WORKDIR, support, arguments.environment(spec), None, nice(), counted=False)
        box = ServedBox(spec, launch, view)
        try:
            if not spec.later:
                await box.unpark()
            yield box
        finally:
            await box.close()

    async def _chosen(self) -> Program:
        if self._program is not None:
            return self._program
        path = installed()
        if path is None:
            raise OperationError("gVisor's runsc is not installed", INSTALL)
        complaints = []
        for platform in _PLATFORMS:
            try:
                lists = await try_box(Gvisor(Program(path, platform)), ("ls", "/"))
            except OperationError as error:
                complaints.append(error)
                continue
            self._program = Program(path, platform, lists)
            return self._program
        raise complaints[-1]


@dataclass(frozen=True, slots=True)
class _Launch:
    spec: BoxSpec
    program: Program
    owner: tuple[int, int] | None

    async def __call__(self, channel: socket.socket) -> Sandboxed:
        """As `Launch`."""
        loop = asyncio.get_running_loop()
        process, handles, held = await loop.run_in_executor(stage().executor, self._start)
        to_box, from_box, complaint = handles
        tunnel = Tunnel(channel.dup(), to_box, from_box)
        return Sandboxed(process, complaint, tunnel, self.spec.limits, held)

    def _start(self) -> tuple[subprocess.Popen[bytes], tuple[int, int, int], contextlib.ExitStack]:
        with contextlib.ExitStack() as held:
            folder = self.spec.private / "gvisor"
            command = self._bundle(folder, held)
            with contextlib.ExitStack() as given, contextlib.ExitStack() as ours:
                ends = []
                for _ in range(3):
                    reading, writing = os.pipe()
                    ends.append((reading, writing))
                (inward, to_box), (from_box, outward), (complaint, complaining) = ends
                for handle in (inward, outward, complaining):
                    given.callback(os.close, handle)
                for handle in (to_box, from_box, complaint):
                    ours.callback(os.close, handle)
                os.set_blocking(complaint, False)
                environment = {"PATH": _PLACES}
                what = Start(command, environment, inward, outward, complaining, owner=self.owner)
                try:
                    process = stage().start(what)
                except OSError as error:
                    raise OperationError(f"{self.program.path} cannot be started: {error.strerror}", INSTALL) from error
                ours.pop_all()
                return process, (to_box, from_box, complaint), held.pop_all()

    def _bundle(self, folder: Path, held: contextlib.ExitStack) -> list[str]:
        """Make it; the command line that runs it."""
        spec = self.spec
        server = runtime.on_the_system()
        sources = Opener(self.owner, held).sources(spec, server)
        bound = oci_bundle.binds(spec, sources)
        folder.mkdir(parents=True, exist_ok=True)
        placeholders = struct.pack("=II", gvisor_filter.SERVER, gvisor_filter.RELAY)
        (folder / "filter").write_bytes(placeholders + gvisor_filter.program())
        bound += [Bound(str(_RELAY), _INSIDE), Bound(str(folder / "filter"), _FILTER)]
        oci_bundle.make_system(folder / "rootfs", spec, bound, self.owner)
        state = folder / "state"
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir(mode=0o700)
        argv = [*server.python, "-I", "-S", _INSIDE, runtime.HOST, _FILTER, str(spec.limits.processes), workers.mark()]
        return self._command(folder, bound, argv, held)

    def _command(self, folder: Path, bound: list[Bound], argv: list[str], held: contextlib.ExitStack) -> list[str]:
        def shown(path: Path) -> str:
            staged = stage().bind(path) if self.owner is not None else None
            if staged is None:
                return str(path)
            held.callback(stage().unbind, staged)
            return staged

        visible = [
            Bound(shown(Path(one.source)), one.target, one.read_only)
            if isinstance(one.source, str) and Path(one.source).is_relative_to(folder.parent)
            else one
            for one in bound
        ]
        # Whose the first process is, theirs are its streams, which lead to the host: no command's.
        who = Identity(_KEEPERS, _KEEPERS, (), ())
        config = oci_bundle.configuration(shown(folder / "rootfs"), who, visible, argv)
        linux = config["linux"]
        assert isinstance(linux, dict)
        # runsc makes its own user namespace, in which 0 is the user that starts it.
        linux["namespaces"] = [one for one in linux["namespaces"] if one["type"] != "user"]
        del linux["uidMappings"], linux["gidMappings"]
        process = config["process"]
        assert isinstance(process, dict)
        # To begin with. The bounding set stays empty, so no program that is executed has any.
        process["capabilities"] |= {kind: list(_FIRST) for kind in ("effective", "permitted")}
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        if self.owner is not None:
            for place in (folder, folder / "state"):
                os.chown(place, *self.owner)
        options = ("--rootless", "--network=none", f"--platform={self.program.platform}")
        name = f"midwatch-{os.getpid()}-{secrets.token_hex(4)}"  # it also names a socket of the whole machine
        top = shown(folder)
        return [self.program.path, *options, "--root", f"{top}/state", "run", "--bundle", top, name]


def installed() -> str | None:
    """Where runsc is."""
    return shutil.which("runsc", path=_PLACES)
