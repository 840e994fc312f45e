"""The plain form of a workspace, where there is no overlayfs: copies of all layers in one folder."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from pathlib import Path

from midwatch.domain.errors import OperationError
from midwatch.workspace.names import shown
from midwatch.workspace.stamps import CLOCK_NS, Stamp, stamp_of


def copy_layers(layers: tuple[Path, ...], tree: Path) -> str:
    """Copy the layers, the lowest first, into the folder `tree`, which is made. How: `reflink` where the file system
    shares the bytes, else `copy`. Blocks for as long as that takes. Raises OperationError."""
    tree.mkdir()
    how = "reflink" if _reflinks(layers[0], tree) else "copy"
    for layer in layers:
        # what one layer has as a folder another may have as a file
        _run("cp", "-a", "--no-target-directory", "--remove-destination", "--reflink=auto", "--", layer, tree)
    return how


def _reflinks(base: Path, tree: Path) -> bool:
    source, trial = base / ".git" / "config", tree / "trial"
    command = ["cp", "--reflink=always", "--", os.fspath(source), os.fspath(trial)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    trial.unlink(missing_ok=True)
    return done.returncode == 0


def _run(*command: str | Path) -> None:
    arguments: list[bytes] = [os.fsencode(word) for word in command]
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        words = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        full = "free some space on that disk, then `midwatch resume`" if "No space" in words else ""
        raise OperationError(f"{shown(command[-1])} cannot be written: {words}", full)


def hand_over(top: Path, owner: tuple[int, int]) -> None:
    """Give a tree that only we have written to another user. Blocks."""
    for folder, folders, files in os.walk(os.fsencode(top)):
        for name in (b"", *folders, *files):
            path = os.path.join(folder, name) if name else folder
            status = os.lstat(path)
            os.lchown(path, *owner)
            if status.st_mode & 0o6000 and not stat.S_ISLNK(status.st_mode):
                os.chmod(path, stat.S_IMODE(status.st_mode))  # a change of the owner takes these away


def untouched(tree: Path, written: set[bytes]) -> dict[bytes, Stamp]:
    """The stamps of the copies: of all files but those that were `written` since. Blocks for a walk, and until no
    further change can carry the time of one of them."""
    stamps: dict[bytes, Stamp] = {}
    top = os.fsencode(tree)
    for folder, folders, files in os.walk(top):
        prefix = folder[len(top) + 1 :] + b"/" if folder != top else b""
        if not prefix and b".git" in folders:
            folders.remove(b".git")
        for name in (*files, *folders):
            path = prefix + name
            if path not in written:
                status = os.lstat(os.path.join(folder, name))
                if not stat.S_ISDIR(status.st_mode):
                    stamps[path] = stamp_of(status)
    latest = max((max(stamp.ctime_ns, stamp.mtime_ns) for stamp in stamps.values()), default=0)
    time.sleep(max(0.0, min(latest + CLOCK_NS - time.time_ns(), CLOCK_NS) / 1e9))
    return stamps
