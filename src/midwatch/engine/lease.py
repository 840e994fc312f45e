"""One process at a time works on an attempt: a lock on a file, which the kernel lets go when its process dies."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.domain.ids import task_of
from midwatch.engine.disk import full_or_broken


class Held(InputError):
    """Another process works on the attempt."""


def _path(folder: Path, attempt: str) -> Path:
    return folder / f"{attempt}.lock"


@contextmanager
def hold(folder: Path, attempt: str) -> Iterator[None]:
    """Hold the attempt while the context lasts. Raises Held at once when another process holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(_path(folder, attempt), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise full_or_broken(folder, error) from error
    try:
        if not _locked(handle):
            owner = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise Held(
                f"task {task_of(attempt)} is being worked on by process {owner}",
                f"wait for it, or end that process and then `midwatch resume {task_of(attempt)}`",
            )
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    """Whether the lock could be had. Somebody who only looks (`holder`) has it for an instant, so it is tried again."""
    for pause in (0.005, 0.02, 0.1, 0.0):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise
            time.sleep(pause)
        else:
            return True
    return False


def holder(folder: Path, attempt: str) -> int | None:
    """The process that works on the attempt now, or None."""
    try:
        handle = os.open(_path(folder, attempt), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        text = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(handle)
    return None
