"""The disk that holds the state folder: what survives a power cut, and trouble with it in words."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from midwatch.domain.errors import StoreError


def full_or_broken(folder: Path, error: OSError) -> StoreError:
    """The state folder's trouble as an error that says what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(
            f"the disk that holds {folder} is full",
            "free some space, or move the state folder with XDG_STATE_HOME, then `midwatch resume`",
        )
    return StoreError(
        f"{folder} cannot be written: {error.strerror}",
        "check its owner and mode, or set XDG_STATE_HOME to a folder you own",
    )


def keep(*places: Path) -> None:
    """Have these survive a power cut: what a file holds, and which names a folder has. Blocks until the disk has them;
    what is there no more is passed over. Raises OSError."""
    for place in places:
        try:
            handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
