"""Boxes without namespaces, for machines and pods that have none: Landlock and system call filters around our server.

The workspace and the home are where they are on the host; nothing is mounted. Processes, host name and clock are the
host's; what Landlock and the filters leave open is said in the protections.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.errors import OperationError
from midwatch.sandbox import landlock_orders, runtime, seccomp, workers
from midwatch.sandbox.arguments import SYSTEM_PATH
from midwatch.sandbox.base import Box, BoxSpec, Protections
from midwatch.sandbox.grouped import Grouped, nice
from midwatch.sandbox.guarded import Guarded
from midwatch.sandbox.handles import memory_file
from midwatch.sandbox.opened import View
from midwatch.sandbox.owners import box_owner
from midwatch.sandbox.process import plain_folder
from midwatch.sandbox.served import ServedBox
from midwatch.sandbox.trial_box import try_box
from midwatch.sandbox.wording import merged, not_opened

_LAUNCHER = Path(__file__).with_name("landlock_launch.py")
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


class Landlock:
    """Boxes by Landlock."""

    name = "landlock"

    async def probe(self) -> Protections:
        """As `Sandbox.probe`."""
        version = _version()
        await try_box(self)
        return Protections(_words(version, self.owner("probe")))

    def open(self, spec: BoxSpec) -> AbstractAsyncContextManager[Box]:
        """As `Sandbox.open`. Takes no layers, no network and no system of the box's own."""
        return self._open(spec)

    def owner(self, box_id: str) -> tuple[int, int] | None:
        """As `Sandbox.owner`. Raises OperationError for a root that has no other uid to change to."""
        return box_owner(box_id)

    @contextlib.asynccontextmanager
    async def _open(self, spec: BoxSpec) -> AsyncIterator[Box]:
        version = _version()
        owner = self.owner(spec.id)
        workspace = plain_folder(spec, self.name)
        try:
            await asyncio.to_thread(_make_private, spec.private, owner)
        except OSError as error:
            raise not_opened(error) from error
        launch = _Launch(spec, workspace, version, owner)
        box = ServedBox(spec, launch, launch.view())
        try:
            if not spec.later:
                await box.unpark()
            yield box
        finally:
            await box.close()


@dataclass(frozen=True, slots=True)
class _Launch:
    spec: BoxSpec
    workspace: Path
    version: int
    owner: tuple[int, int] | None

    async def __call__(self, channel: socket.socket) -> Guarded:
        """As `Launch`."""
        return await asyncio.to_thread(self._start, channel.fileno())

    def view(self) -> View:
        spec = self.spec
        path = os.pathsep.join((*spec.path, SYSTEM_PATH))
        support = str(spec.support.resolve()) if spec.support is not None else ""
        home, temporary = str(spec.private / "home"), str(spec.private / "tmp")
        # The host's /etc/gitconfig is there, but may not be read.
        given = {"GIT_CONFIG_NOSYSTEM": "1", **spec.environment}
        variables = merged(home, temporary, path, support, given)
        # The kernel counts by user: without one of its own, a box would be charged for the person's processes.
        return View(str(self.workspace), support, variables, self.owner, nice(), counted=self.owner is not None)

    def _start(self, channel: int) -> Guarded:
        # The interpreter itself: the folder of a virtual environment need not be readable to a box's own user.
        server = [os.path.realpath(sys.executable), *runtime.bare(channel)[1:]]
        shown = (Path(os.path.realpath(sys.base_prefix)), Path(runtime.__file__).parent)
        command = landlock_orders.Command(server, _ENVIRONMENT, shown)
        orders = landlock_orders.orders(self.spec, self.workspace, command, self.version, self.owner)
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        try:
            with contextlib.ExitStack() as opened:
                opened.callback(os.close, writing)
                given = memory_file(opened, json.dumps(orders).encode())
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(_LAUNCHER), str(given), workers.mark()],
                    env=_ENVIRONMENT,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=writing,
                    pass_fds=(given, channel),
                    cwd="/",
                    start_new_session=True,
                )
        except OSError as error:
            os.close(reading)
            raise OperationError(f"the launcher of the box could not be started: {error.strerror}") from error
        return Guarded(process, reading, Grouped(self.spec.limits))


def missing() -> OperationError | None:
    """Why there can be no such boxes on this machine; None when nothing speaks against it. Tries nothing."""
    version = landlock_orders.version()
    if version == 0:
        return OperationError(
            "the kernel has no Landlock",
            "use a kernel with CONFIG_SECURITY_LANDLOCK, and with landlock among the boot parameter lsm=",
        )
    if version < landlock_orders.OLDEST:
        return OperationError(
            f"the kernel's Landlock is of version {version}, which lets a box empty any file",
            f"use Linux 6.2 or later (version {landlock_orders.OLDEST})",
        )
    if not seccomp.supported(seccomp.machine()):
        return OperationError(
            f"there is no system call filter for {seccomp.machine()}", "use a machine with x86_64 or aarch64"
        )
    return None


def _version() -> int:
    error = missing()
    if error is not None:
        raise error
    return landlock_orders.version()


def _words(version: int, owner: tuple[int, int] | None) -> tuple[str, ...]:
    alone = owner is not None
    return (
        f"Landlock version {version}: of the host's files only the system and the toolchain can be read, and only the "
        "workspace, the box's own home and its temporary files written; no namespaces",
        "no sockets but connected pairs: no network, no services on this machine, not even the box's own loopback",
        "no new privileges" + (f"; boxes run as their own user, here {owner[0]}" if owner is not None else ""),
        "system call filters: also no System V or POSIX IPC, and none of the calls that act on other processes",
        "signals reach only processes of the same box"
        if version >= landlock_orders.SCOPED
        else "signals to other boxes' processes are not stopped"
        if alone
        else "signals to your other processes are not stopped (that takes Linux 6.12)",
        "other processes, their arguments and the names of all files can be seen",
        *(() if alone else ("processes are counted together with your others; commands have no terminal",)),
    )


def _make_private(private: Path, owner: tuple[int, int] | None) -> None:
    for folder in (private / "tmp", private / "home"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if owner is not None:
            os.chown(folder, *owner, follow_symlinks=False)
