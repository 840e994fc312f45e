"""Trouble with the disk that holds the state folder, in words."""

from __future__ import annotations

import errno
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
