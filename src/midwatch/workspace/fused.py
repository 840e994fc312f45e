"""The layers joined by fuse-overlayfs, for normal users on systems whose kernel lets only root mount an overlay.

The mount is the host's and lasts until `unmount`, also when this process dies; whoever makes the workspace anew or
removes it unmounts it first.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from pathlib import Path

from midwatch.domain.errors import OperationError
from midwatch.workspace.names import shown

_PATH = "/usr/local/bin:/usr/bin:/bin"


def usable(*paths: Path) -> bool:
    """Whether layers at these paths can be joined so by this user. Starts nothing."""
    # a root service starts boxes from mounts of its own, where a mount that is made later may not show
    return os.geteuid() != 0 and possible(*paths)


def possible(*paths: Path) -> bool:
    """As `usable`, for whoever starts no boxes."""
    programs = ["fuse-overlayfs"] if os.geteuid() == 0 else ["fuse-overlayfs", "fusermount3"]
    plain = not any(character in os.fspath(path) for path in paths for character in ":,\\")
    return (
        plain and all(shutil.which(name, path=_PATH) for name in programs) and os.access("/dev/fuse", os.R_OK | os.W_OK)
    )


def mount(lower: tuple[Path, ...], upper: Path, work: Path, tree: Path) -> None:
    """Join the layers, the lowest first, at the folder `tree`, which is made. Blocks. Raises OperationError."""
    tree.mkdir()
    layers = ":".join(map(os.fspath, reversed(lower)))
    _run("fuse-overlayfs", "-o", f"lowerdir={layers},upperdir={upper},workdir={work}", os.fspath(tree))


def unmount(tree: Path) -> None:
    """Undo `mount`. Nothing happens where nothing is mounted. Blocks. Raises OperationError."""
    try:
        if not tree.is_mount():
            return
    except OSError as error:
        if error.errno != errno.ENOTCONN:  # its process has died
            raise
    if os.geteuid() == 0:
        _run("umount", "--lazy", "--", os.fspath(tree))
    else:
        _run("fusermount3", "-u", "-z", "--", os.fspath(tree))


def mounts_below(folder: Path) -> list[Path]:
    """Every `mount` at the folder or below it, also those of programs that were killed, the innermost first."""
    top, found = os.path.realpath(folder), []
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        fields = line.split(b" ")
        place = os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), fields[4]))
        if b"fuse.fuse-overlayfs" in fields and (place == top or place.startswith(f"{top}/")):
            found.append(Path(place))
    return found[::-1]


def unmount_below(folder: Path) -> None:
    """Undo them. Blocks. Raises OperationError."""
    for place in mounts_below(folder):
        unmount(place)


def _run(*command: str) -> None:
    environment = {"PATH": f"{_PATH}:/usr/sbin:/sbin", "LC_ALL": "C"}
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False, env=environment, start_new_session=True
    )
    if done.returncode != 0:
        words = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise OperationError(f"`{command[0]}` failed at {shown(command[-1])}: {words}")
