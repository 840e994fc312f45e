"""Opening a box just to see whether one can be had."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from midwatch.domain.errors import MidwatchError, OperationError
from midwatch.sandbox.base import BoxSpec, Sandbox
from midwatch.sandbox.spec import Overlay

_COMMAND = ("/bin/sh", "-c", "echo ran >file && cat file")


async def try_box(sandbox: Sandbox, also: Sequence[str] = ()) -> bool:
    """Open a box with an empty workspace, let it write a file, and close it. Raises OperationError when that fails.
    Whether the command `also` succeeds in it."""
    with tempfile.TemporaryDirectory(prefix="midwatch-") as name:
        (workspace,) = _make(Path(name), sandbox.owner("trial"), "workspace")
        return await _try(sandbox, workspace, Path(name), also)


async def takes_layers(sandbox: Sandbox) -> bool:
    """Whether the same works with layers, in the folder for temporary files."""
    with tempfile.TemporaryDirectory(prefix="midwatch-") as name:
        (lower,) = _make(Path(name), None, "lower")
        upper, work = _make(Path(name), sandbox.owner("trial"), "upper", "work")
        try:
            await _try(sandbox, Overlay((lower,), upper, work), Path(name), ())
        except MidwatchError:
            return False
        return (upper / "file").exists()


async def _try(sandbox: Sandbox, workspace: Path | Overlay, folder: Path, also: Sequence[str]) -> bool:
    said: list[bytes] = []
    second = None
    async with sandbox.open(BoxSpec(id="trial", workspace=workspace, private=folder / "private")) as box:
        result = await box.exec(_COMMAND, timeout=30, output_bytes=4096, sink=said.append)
        if also:
            second = await box.exec(also, timeout=30, output_bytes=1 << 16)
    if result.ended != "exit 0" or b"".join(said) != b"ran\n":
        text = b"".join(said).decode("utf-8", "replace").strip()
        raise OperationError(f"a command in a box of the sandbox {sandbox.name} fails: {result.ended} {text}")
    return second is not None and second.exit_code == 0


def _make(folder: Path, owner: tuple[int, int] | None, *names: str) -> list[Path]:
    made = [folder / name for name in names]
    for place in made:
        place.mkdir()
        if owner is not None:
            os.chown(place, *owner)
    return made
