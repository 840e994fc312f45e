"""Deleting what a box has written, whatever its depth, names and modes; through no link."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

from midwatch.domain.errors import OperationError
from midwatch.workspace import fused
from midwatch.workspace.names import shown

_PATIENCE = 1.0
"""Seconds that a caller waits for a deletion to be done."""
_going_on: set[asyncio.Future[None]] = set()


def delete(*paths: Path) -> None:
    """Delete files and folders with all in them. Nothing happens when there are none. Blocks. Raises OperationError."""
    there = [os.fspath(path) for path in paths if os.path.lexists(path)]
    if not there:
        return
    for _ in range(2):
        done = subprocess.run(
            ["rm", "-rf", "--one-file-system", "--", *there], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        if done.returncode == 0:
            return
        for path in paths:
            fused.unmount_below(path)
        # a folder that forbids its owner to look inside; never needed for root, who is forbidden nothing
        subprocess.run(
            ["chmod", "-R", "u+rwX", "--", *there], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    left = next((path for path in paths if os.path.lexists(path)), paths[0])
    words = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    raise OperationError(f"{shown(left)} cannot be deleted: {words}", "delete it by hand, then `midwatch resume`")


def set_aside(path: Path) -> Path | None:
    """Move a file or folder out of the way at once, beside itself, so that a crash leaves none half deleted. Where it
    is now; None when there was none. Raises OSError."""
    if not os.path.lexists(path):
        return None
    aside = Path(tempfile.mkdtemp(prefix="old-", dir=path.parent))
    try:
        path.rename(aside / "it")
    except PermissionError:  # a folder that its owner may not write to cannot get another parent
        if path.is_symlink():
            raise
        path.chmod(0o700)
        path.rename(aside / "it")
    return aside


async def discard(*paths: Path, then: Path | None = None) -> None:
    """Delete what was set aside, then the empty folder `then`. Returns when all is gone, or soon when it is much: the
    rest goes on in the background, and the program's end waits for it. What goes wrong later is left for the next
    deletion. Raises OperationError for what goes wrong at once."""
    if not paths and then is None:
        return
    work = asyncio.ensure_future(asyncio.to_thread(_delete_all, paths, then))
    await asyncio.wait([work], timeout=_PATIENCE)
    if work.done():
        work.result()
    else:
        _going_on.add(work)
        work.add_done_callback(_ended)


async def discarded() -> None:
    """Wait until nothing that this event loop began is being deleted in the background."""
    loop = asyncio.get_running_loop()
    while pending := [work for work in _going_on if work.get_loop() is loop and not work.done()]:
        await asyncio.wait(pending)


def _delete_all(paths: tuple[Path, ...], then: Path | None) -> None:
    delete(*paths)
    if then is not None:
        with contextlib.suppress(OSError):  # somebody has begun anew there
            then.rmdir()


def _ended(future: asyncio.Future[None]) -> None:
    _going_on.discard(future)
    if not future.cancelled():
        future.exception()
