"""Opening a box just to see whether one can be had."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from midwatch.domain.errors import OperationError
from midwatch.sandbox.base import BoxSpec, Sandbox

_COMMAND = ("/bin/sh", "-c", "echo ran >file && cat file")


async def try_box(sandbox: Sandbox) -> None:
    """Open a box with an empty workspace, let it write a file, and close it. Raises OperationError when that fails."""
    with tempfile.TemporaryDirectory(prefix="midwatch-") as name:
        workspace = _make(Path(name, "workspace"), sandbox.owner("trial"))
        said: list[bytes] = []
        async with sandbox.open(BoxSpec(id="trial", workspace=workspace, private=Path(name, "private"))) as box:
            result = await box.exec(_COMMAND, timeout=30, output_bytes=4096, sink=said.append)
        if result.ended != "exit 0" or b"".join(said) != b"ran\n":
            text = b"".join(said).decode("utf-8", "replace").strip()
            raise OperationError(f"a command in a box of the sandbox {sandbox.name} fails: {result.ended} {text}")


def _make(folder: Path, owner: tuple[int, int] | None) -> Path:
    folder.mkdir()
    if owner is not None:
        os.chown(folder, *owner)
    return folder
