"""What a git that was killed left in a store: half-written packs and locks, removed without hurting one that runs."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from pathlib import Path

FETCHING = "fetching.lock"
"""Held, by flock, by the one process that fetches into the store. It stays where it is."""

_SETTLED = 600.0
"""Seconds: git closes a pack an instant before it renames it, and holds a lock of a ref for an instant."""
_A_DAY = 86400.0


def sweep(store: Path) -> None:
    """Remove them. Blocks for a listing of the folder of packs and of the refs that are fetched; may be called at any
    time, by several processes at once."""
    packs = store / "objects" / "pack"
    found = [*packs.glob("tmp_*"), *packs.glob(".tmp-*"), *store.glob("*.lock")]
    for refs in (store / "refs" / "remotes", store / "refs" / "tags"):
        found += refs.rglob("*.lock")
    for path in found:
        with contextlib.suppress(FileNotFoundError):
            if path.name != FETCHING and not _in_use(path):
                path.unlink()


def _in_use(path: Path) -> bool:
    """Whether it is fresh, or open in any process: the kernel gives a lease for writing only where nobody has the file
    open. Where it gives none at all (another user's file, some file systems), what is a day old is not in use."""
    age = time.time() - path.lstat().st_mtime
    if age < _SETTLED:
        return True
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError:
        return age < _A_DAY
    try:
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN or age < _A_DAY
    finally:
        os.close(handle)  # and the lease is gone
    return False
