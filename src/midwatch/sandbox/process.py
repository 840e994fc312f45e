"""No sandbox at all: commands run as the caller, root too, with the caller's files and network. Only asked for by name.

What it keeps of the contract: its own environment and home, the limits of time, output, memory and file size, and that
no process of a command outlives it. Nothing keeps a command from ending its own keeper and the server, though; what
then sheds the mark in its environment too gets away.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from midwatch.domain.errors import InputError, SandboxLost
from midwatch.sandbox import runtime, workers
from midwatch.sandbox.arguments import expendable
from midwatch.sandbox.base import Box, BoxSpec, Protections
from midwatch.sandbox.handles import Gate
from midwatch.sandbox.opened import View
from midwatch.sandbox.plain import MARK, PlainServer
from midwatch.sandbox.running import start
from midwatch.sandbox.served import ServedBox
from midwatch.sandbox.spec import Overlay
from midwatch.sandbox.staging import Start
from midwatch.sandbox.wording import merged, not_opened


class Process:
    """Boxes that are plain folders."""

    name = "process"

    async def probe(self) -> Protections:
        """As `Sandbox.probe`; there is nothing to try."""
        return Protections(("no isolation: commands run as you, with your files and network",))

    def open(self, spec: BoxSpec) -> AbstractAsyncContextManager[Box]:
        """As `Sandbox.open`."""
        return self._open(spec)

    def owner(self, box_id: str) -> tuple[int, int] | None:
        """As `Sandbox.owner`: always the caller's own."""
        return None

    @contextlib.asynccontextmanager
    async def _open(self, spec: BoxSpec) -> AsyncIterator[Box]:
        workspace = plain_folder(spec, "process")
        try:
            for name in ("tmp", "home"):
                (spec.private / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise not_opened(error) from error
        mark = f"{workers.me()}-{secrets.token_hex(8)}"
        support = str(spec.support) if spec.support is not None else ""
        view = View(str(workspace), support, {**_environment(spec, support), MARK: mark}, counted=False)
        box = ServedBox(spec, _Launcher(mark), view)
        try:
            if not spec.later:
                await box.unpark()
            yield box
        finally:
            await box.close()


class _Launcher:
    def __init__(self, mark: str) -> None:
        self._mark = mark

    async def __call__(self, channel: socket.socket) -> PlainServer:
        """As `Launch`."""
        complaint, complaining = os.pipe()
        os.set_blocking(complaint, False)
        argv = expendable(runtime.bare(channel.fileno()))
        try:
            with contextlib.ExitStack() as given:
                go = Gate(given)
                what = Start(argv, {MARK: self._mark}, go.waiting, complaining, complaining, (channel.fileno(),))
                go.open()
                return PlainServer(await start(what), complaint, self._mark)
        except OSError as error:
            os.close(complaint)
            raise SandboxLost(f"the box could not be started: {error}") from error
        finally:
            os.close(complaining)


def plain_folder(spec: BoxSpec, driver: str) -> Path:
    """The workspace of a driver that joins no layers, shows no other system and lets nothing out. Raises InputError
    for what it cannot do."""
    if isinstance(spec.workspace, Overlay) or spec.home:
        raise InputError(f"the sandbox {driver!r} takes no layers", "give it a plain folder")
    if spec.root is not None:
        raise InputError(f"the sandbox {driver!r} takes no other system than the host's", "use bubblewrap")
    if spec.network is not None:
        raise InputError(f"the sandbox {driver!r} has no list of allowed hosts", "use bubblewrap")
    return spec.workspace


def _environment(spec: BoxSpec, support: str) -> dict[str, str]:
    # Only folders that are there, by full path: a relative one would lead into the workspace.
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    usable = [folder for folder in folders if folder.startswith("/") and os.access(folder, os.X_OK)]
    path = os.pathsep.join((*spec.path, *usable))
    return merged(str(spec.private / "home"), str(spec.private / "tmp"), path, support, spec.environment)
