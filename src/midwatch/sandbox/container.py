"""Boxes by a container runtime, crun or runc: for machines where these are what administrators know and allow."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.errors import InputError, OperationError
from midwatch.sandbox import arguments, cgroups, oci_bundle, oci_seccomp, runtime, seccomp, workers
from midwatch.sandbox.arguments import Layers
from midwatch.sandbox.base import SUPPORT, WORKDIR, Box, BoxSpec, Protections
from midwatch.sandbox.contained import Contained
from midwatch.sandbox.grouped import Grouped, nice
from midwatch.sandbox.identity import identity, prefix
from midwatch.sandbox.opened import View
from midwatch.sandbox.owners import box_owner
from midwatch.sandbox.served import ServedBox
from midwatch.sandbox.sources import Opener
from midwatch.sandbox.staging import Start, stage
from midwatch.sandbox.trial_box import takes_layers, try_box

PROGRAMS = ("crun", "runc")
INSTALL = "install crun or runc (Debian: `apt install crun runc`)"
_PLACES = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
_START_SECONDS = 60


class Container:
    """Boxes by a container runtime."""

    name = "container"

    def __init__(self, program: str = "") -> None:
        """`program`: the path of the runtime to use, instead of the first that works."""
        self._program = program

    async def probe(self) -> Protections:
        """As `Sandbox.probe`."""
        program = await self._chosen(afresh=True)
        groups = cgroups.hierarchy()
        layers = await takes_layers(self)
        owner = self.owner("probe")
        return Protections(
            (
                f"container runtime {Path(program).name} ({program})",
                "own user, process, network, ipc, host name and mount namespaces; no network but loopback",
                "no capabilities, no new privileges"
                + (f"; boxes run as their own user, here {owner[0]}" if owner is not None else ""),
                f"system call filter for {seccomp.machine()}, loaded by the runtime",
                "read-only system, private home and temporary files, synthetic users and hosts",
                "memory is watched every 0.1 s" if groups is None else groups.words(),
            ),
            overlay=layers,
            network=True,
        )

    def open(self, spec: BoxSpec) -> AbstractAsyncContextManager[Box]:
        """As `Sandbox.open`. Takes no system of the box's own."""
        return self._open(spec)

    def owner(self, box_id: str) -> tuple[int, int] | None:
        """As `Sandbox.owner`. Raises OperationError for a root that has no other uid to change to."""
        return box_owner(box_id)

    @contextlib.asynccontextmanager
    async def _open(self, spec: BoxSpec) -> AsyncIterator[Box]:
        if spec.root is not None or spec.superuser:
            raise InputError(f"the sandbox {self.name!r} takes no other system than the host's", "use bubblewrap")
        launch = _Launch(spec, await self._chosen(), self.owner(spec.id))
        box = ServedBox(spec, launch, launch.view())
        try:
            if not spec.later:
                await box.unpark()
            yield box
        finally:
            await box.close()

    async def _chosen(self, *, afresh: bool = False) -> str:
        """The program to use, tried."""
        if self._program and not afresh:
            return self._program
        complaints: list[OperationError] = []
        for program in [self._program] if self._program else installed():
            try:
                await try_box(Container(program))
            except OperationError as error:
                complaints.append(error)
                continue
            self._program = program
            return program
        raise complaints[-1] if complaints else OperationError("no container runtime is installed", INSTALL)


@dataclass(frozen=True, slots=True)
class _Launch:
    spec: BoxSpec
    program: str
    owner: tuple[int, int] | None

    async def __call__(self, channel: socket.socket) -> Contained:
        """As `Launch`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(stage().executor, self._start, channel.fileno())

    def view(self) -> View:
        support = SUPPORT if self.spec.support is not None else ""
        return View(WORKDIR, support, arguments.environment(self.spec), self.owner, nice())

    def _start(self, channel: int) -> Contained:
        with contextlib.ExitStack() as opened:
            folder = self.spec.private / "container"
            config = self._bundle(folder, opened)
            (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
            name = f"midwatch-{os.getpid()}-{folder.stat().st_ino}"
            command = [*prefix(self.owner), self.program, "--root", str(folder / "state")]
            opened.callback(_run, [*command, "delete", "--force", name])
            run = [*command, "run", "--detach", "--bundle", str(folder), "--pid-file", str(folder / "pid"), name]
            complaint = self._run(run, channel, opened)
            pid = int((folder / "pid").read_text(encoding="ascii"))
            return Contained(pid, complaint, Grouped(self.spec.limits), opened.pop_all())

    def _run(self, run: list[str], channel: int, opened: contextlib.ExitStack) -> int:
        """Start the container; the read end of the pipe for complaints."""
        reading, writing = os.pipe()
        opened.callback(os.close, reading)
        os.set_blocking(reading, False)
        try:
            environment = {"PATH": _PLACES, "XDG_RUNTIME_DIR": str(self.spec.private / "container")}
            process = stage().start(Start(run, environment, channel, writing, writing))
            code = process.wait(_START_SECONDS)
        except OSError as error:
            raise OperationError(f"{self.program} cannot be started: {error.strerror}", INSTALL) from error
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise OperationError(f"{self.program} did not start the box within {_START_SECONDS} s") from None
        finally:
            os.close(writing)
        if code != 0:
            said = _last_line(reading)
            raise OperationError(f"{self.program} could not set up the box: {said}", mend_for(said))
        return reading

    def _bundle(self, folder: Path, held: contextlib.ExitStack) -> dict[str, object]:
        spec = self.spec
        server = runtime.on_the_system()
        bound = oci_bundle.binds(spec, Opener(self.owner, held).sources(spec, server))
        for one in bound:
            if isinstance(one.source, Layers):
                # What overlayfs leaves there belongs to the root of the box, and its owner could not even look into it.
                held.callback(_run, [*prefix(self.owner), "/bin/rm", "-rf", "--", f"{one.source.work}/work"])
        oci_bundle.make_system(folder / "rootfs", spec, bound, self.owner)
        root = str(folder / "rootfs")
        if self.owner is not None:  # who could not walk to it
            staged = stage().bind(folder / "rootfs")
            if staged is not None:
                held.callback(stage().unbind, staged)
                root = staged
        config = oci_bundle.configuration(root, identity(self.owner), bound, server.argv(0, orphan=True))
        linux = config["linux"]
        assert isinstance(linux, dict)
        if seccomp.supported(seccomp.machine()):
            linux["seccomp"] = oci_seccomp.profile(seccomp.machine())
        if self.owner is not None:  # root's runtime makes one in any case: a name that `leftovers` knows
            linux["cgroupsPath"] = f"{_own_group()}/{cgroups.PREFIX}{workers.me()}-{folder.stat().st_ino}"
        return config


def installed() -> list[str]:
    """The runtimes that are there, by their paths, in the order to try them."""
    found = (shutil.which(name, path=_PLACES) for name in PROGRAMS)
    return [path for path in found if path is not None]


def mend_for(complaint: str) -> str:
    """What to do about a runtime's own error message."""
    text = complaint.lower()
    if "hybrid" in text:
        return "this crun takes no hybrid control groups: install runc too, or a newer crun"
    if "newuidmap" in text or "newgidmap" in text:
        return "install newuidmap and newgidmap (Debian: `apt install uidmap`)"
    return "`midwatch doctor` shows what works here"


def _own_group() -> str:
    """The control group that this process's are made in, by its path; empty for the topmost."""
    path = cgroups.membership().get("memory") or cgroups.membership().get("", "/")
    return path.rstrip("/")


def _last_line(reading: int) -> str:
    try:
        lines = os.read(reading, 1 << 16).decode("utf-8", "replace").strip().splitlines()
    except BlockingIOError:
        lines = []
    return lines[-1] if lines else "it ended without a word"


def _run(command: list[str]) -> None:
    """Something that tidies up: its failure is nobody's."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run(command, env={"PATH": _PLACES}, capture_output=True, timeout=_START_SECONDS)
