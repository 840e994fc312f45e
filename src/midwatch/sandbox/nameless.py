"""Files that processes hold open after their names were deleted: they take disk, and nobody finds them by looking."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

_MOST = 200_000
_IN_MEMORY = ("/memfd:", "/SYSV", "/dev/zero")


def held(pids: Iterable[int]) -> int:
    """Bytes of disk that they take, each file once; of at most 200,000 descriptors. Blocks for microseconds for each.
    What cannot be looked into, or ends meanwhile, counts as nothing."""
    found: dict[tuple[int, int], int] = {}
    left = _MOST
    for pid in pids:
        folder = f"/proc/{pid}/fd"
        try:
            names = os.listdir(folder)  # noqa: PTH208 - the quick way
        except OSError:
            continue
        for name in names[:left]:
            size = _size(f"{folder}/{name}")
            if size is not None:
                found[size[0]] = size[1]
        left -= len(names)
        if left <= 0:
            break
    return sum(found.values())


def _size(path: str) -> tuple[tuple[int, int], int] | None:
    """Device and inode, and bytes, of a file without a name that is not in memory."""
    try:
        status = os.stat(path)  # noqa: PTH116
        if status.st_nlink != 0 or not stat.S_ISREG(status.st_mode) or os.readlink(path).startswith(_IN_MEMORY):  # noqa: PTH115
            return None
    except OSError:
        return None
    return (status.st_dev, status.st_ino), 512 * status.st_blocks
