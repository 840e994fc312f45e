"""What git has just written into a store, made to survive a power cut.

git itself leaves the names of loose objects and refs to the file system, which may take half a minute, and the objects
too where a person's settings count; a log that names a checkpoint would be there and the checkpoint would not.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from midwatch.engine.disk import keep

_COARSE = 50_000_000
"""Nanoseconds by which the time of a file may be behind the clock."""
_HALF = ("tmp_", ".tmp-")
"""How git names what another one of its processes is still writing."""


def now() -> int:
    """A time for `written`, from before git began."""
    return time.time_ns() - _COARSE


def written(store: Path, since: int, *refs: str) -> None:
    """Have the disk hold the objects that were written since then, and the refs. Blocks for a look at the store's 256
    folders and for the disk. May be called again. Raises OSError."""
    objects, places = store / "objects", [store / ref for ref in refs]
    for folder in filter(Path.is_dir, _fresh(objects, since)):
        keep(*_fresh(folder, since), folder)
    above = {objects, *(folder for place in places for folder in place.parents[: place.parents.index(store)])}
    keep(*places, *(folder for folder in above if folder.stat().st_mtime_ns >= since))


def _fresh(folder: Path, since: int) -> list[Path]:
    """What in it has changed since then (a folder does when it gets a file), but what is half written."""
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if not entry.name.startswith(_HALF) and _time(entry) >= since]


def _time(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_mtime_ns
    except FileNotFoundError:  # another process has removed it
        return 0
