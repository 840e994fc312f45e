"""A box as an attempt would have it, for a person to look around in. Nothing that is done there is kept."""

from __future__ import annotations

import asyncio
import re
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from midwatch.sandbox import workers
from midwatch.sandbox.base import Box, BoxSpec, OutputSink, Session
from midwatch.workflows.environment import EnvironmentParts, Wanted, environment_layers, equip, extras_of, set_up
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.deletion import delete

_UNLIMITED = 1 << 40
"""Bytes of output: what goes to a terminal is not kept."""
_SHELL = """\
tty >"$HOME/.midwatch-terminal"
stty rows "$1" cols "$2" 2>/dev/null
export TERM=xterm-256color
if command -v bash >/dev/null; then exec bash -i; else exec sh -i; fi"""
_RESIZE = 'stty -F "$(cat "$HOME/.midwatch-terminal")" rows "$1" cols "$2"'


@asynccontextmanager
async def looking_around(wanted: Wanted, parts: EnvironmentParts) -> AsyncIterator[tuple[Box, tuple[str, ...]]]:
    """An open box on a checkout of the base with its environment, and what went wrong in making that. Raises as
    `environment_layers` and `Sandbox.open`. The folder is deleted at the end."""
    shells = parts.means.state / "shells"
    await asyncio.to_thread(shells.mkdir, mode=0o700, parents=True, exist_ok=True)
    await asyncio.to_thread(_sweep, shells)
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=f"shell-{workers.me()}-", dir=shells))
    box_id = f"shell.{secrets.token_hex(6)}"
    owner = parts.sandbox.owner(box_id)
    extras = extras_of(wanted.terms)
    tree = Workspace(parts.repository, folder, owner, overlay=parts.overlay, wanted=extras)
    try:
        async with environment_layers(wanted, parts) as environment:
            parts.observer.phase("checking out the files")
            await tree.restore(wanted.base, layers=environment.workspace)
            assert tree.objects is not None
            spec = BoxSpec(
                id=box_id,
                workspace=tree.spec(),
                private=folder / "private",
                read_only=(tree.objects, *wanted.tools.read_only),
                masked=wanted.tools.masked,
                environment=dict(wanted.tools.variables),
                path=wanted.tools.path,
            )
            async with parts.sandbox.open(await equip(environment, spec, owner)) as box:
                await set_up(environment, box, folder / "log", parts.observer)
                yield box, environment.notes
    finally:
        await tree.remove()


async def start_shell(box: Box, rows: int, columns: int, sink: OutputSink) -> Session:
    """A shell on a terminal of that size. Raises as `Box.start`."""
    command = ("/bin/sh", "-c", _SHELL, "sh", str(rows), str(columns))
    return await box.start(command, output_bytes=_UNLIMITED, pty=True, sink=sink)


async def resize(box: Box, rows: int, columns: int) -> None:
    """Let the terminal of the shell have another size."""
    command = ("/bin/sh", "-c", _RESIZE, "sh", str(rows), str(columns))
    await box.exec(command, timeout=10, output_bytes=4096)


def _sweep(shells: Path) -> None:
    """Delete what programs that were killed have left."""
    for left in shells.iterdir():
        named = re.fullmatch(rf"shell-({workers.NAME})-.*", left.name)
        if named and not workers.alive(named[1]):
            delete(left)
