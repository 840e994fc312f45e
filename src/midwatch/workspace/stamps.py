"""What is remembered of a file between two checkpoints, so that an unchanged one is not read again."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

FILE, EXECUTABLE, LINK = b"100644", b"100755", b"120000"

CLOCK_NS = 20_000_000
"""Two changes closer together than this may carry the same time."""


class Stamp(NamedTuple):
    """What tells a changed file without reading it. A box cannot set ctime."""

    mode: bytes
    permissions: int
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class Kept(NamedTuple):
    """A file of the last checkpoint: how it lay there, and its blob."""

    stamp: Stamp | None
    """None when it must be read again, whatever it looks like."""
    mode: bytes
    blob: str


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp of an ordinary file or a link."""
    mode = LINK if stat.S_ISLNK(status.st_mode) else EXECUTABLE if status.st_mode & 0o100 else FILE
    permissions = stat.S_IMODE(status.st_mode)
    return Stamp(mode, permissions, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def settled(kept: Kept, started: int) -> Kept:
    """Without its stamp when the file changed so lately that a further change could carry the same time. `started` is
    when looking began, in nanoseconds."""
    if kept.stamp is None or max(kept.stamp.ctime_ns, kept.stamp.mtime_ns) < started - CLOCK_NS:
        return kept
    return kept._replace(stamp=None)


def usual(mode: bytes) -> int:
    """The permissions that a file of this git mode is given when nothing else is said."""
    return 0o755 if mode == EXECUTABLE else 0o644
