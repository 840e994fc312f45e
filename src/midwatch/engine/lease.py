"""One process at a time works on an attempt: a lock, which the kernel lets go when its process dies.

The locks of all attempts are bytes of one file, so that a process that works on thousands of them has one open file.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.domain.ids import task_of
from midwatch.engine.disk import full_or_broken

_FILE = "attempts"
_LOCK = "hhqqi4x"
"""A `struct flock`: kind, what the place is counted from, place, length, and a process id that must be 0."""


@dataclass
class _Folder:
    """What this process holds of one folder."""

    handle: int
    """Its locks belong to this handle: they end when it is closed, which the kernel does at the latest."""
    attempts: set[str] = field(default_factory=set)


_folders: dict[str, _Folder] = {}
_guard = threading.Lock()


class Held(InputError):
    """Another process works on the attempt."""


@contextmanager
def hold(folder: Path, attempt: str, *, stays: bool = False) -> Iterator[None]:
    """Hold the attempt while the context lasts. The file that says who does is removed then, unless it `stays`. Raises
    Held at once when it is held already, by another process or in this one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        key = os.path.realpath(folder)
        taken = _taken(key, attempt)
    except OSError as error:
        raise full_or_broken(folder, error) from error
    if not taken:
        raise Held(
            f"task {task_of(attempt)} is being worked on by process {_written(folder, attempt) or 'unknown'}",
            f"wait for it, or end that process and then `midwatch resume {task_of(attempt)}`",
        )
    try:
        try:
            _path(folder, attempt).write_text(str(os.getpid()))
        except OSError as error:
            raise full_or_broken(folder, error) from error
        yield
    finally:
        if not stays:
            _path(folder, attempt).unlink(missing_ok=True)
        _give_back(key, attempt)


def left(folder: Path) -> list[str]:
    """The attempts of which a file says who holds them, though nobody does: their processes were killed. To `hold` one
    for a moment removes its file."""
    names = [path.name.removesuffix(".lock") for path in folder.glob("*.lock")]
    return sorted(name for name in names if holder(folder, name) is None)


def holder(folder: Path, attempt: str) -> int | None:
    """The process that works on the attempt now, or None."""
    with _guard:
        ours = _folders.get(os.path.realpath(folder))
        if ours is not None and attempt in ours.attempts:
            return os.getpid()
    try:
        handle = os.open(folder / _FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = fcntl.fcntl(handle, fcntl.F_OFD_GETLK, _range(attempt, fcntl.F_WRLCK))
    except OSError:
        return None
    finally:
        os.close(handle)
    return None if struct.unpack(_LOCK, found)[0] == fcntl.F_UNLCK else int(_written(folder, attempt) or 0)


def _taken(key: str, attempt: str) -> bool:
    """Whether it could be had. Whoever only clears up after the dead has it for an instant, so it is tried again."""
    for pause in (0.005, 0.02, 0.1):
        if _take(key, attempt):
            return True
        time.sleep(pause)
    return _take(key, attempt)


def _take(key: str, attempt: str) -> bool:
    with _guard:
        ours = _folders.get(key)
        if ours is None:
            ours = _Folder(os.open(os.path.join(key, _FILE), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # noqa: PTH118
            _folders[key] = ours
        try:
            if attempt in ours.attempts or not _locked(ours.handle, attempt):
                return False
            ours.attempts.add(attempt)
            return True
        finally:
            _close_unused(key)


def _give_back(key: str, attempt: str) -> None:
    with _guard:
        ours = _folders[key]
        ours.attempts.discard(attempt)
        fcntl.fcntl(ours.handle, fcntl.F_OFD_SETLK, _range(attempt, fcntl.F_UNLCK))
        _close_unused(key)


def _close_unused(key: str) -> None:
    if not _folders[key].attempts:
        os.close(_folders.pop(key).handle)


def _locked(handle: int, attempt: str) -> bool:
    try:
        fcntl.fcntl(handle, fcntl.F_OFD_SETLK, _range(attempt, fcntl.F_WRLCK))
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        return False
    return True


def _range(attempt: str, kind: int) -> bytes:
    """The byte of an attempt; no two have the same within reason."""
    place = int.from_bytes(hashlib.sha256(attempt.encode("utf-8", "surrogateescape")).digest()[:8], "big") >> 2
    return struct.pack(_LOCK, kind, os.SEEK_SET, place, 1, 0)


def _path(folder: Path, attempt: str) -> Path:
    """The file that says which process holds it, if any does."""
    return folder / f"{attempt}.lock"


def _written(folder: Path, attempt: str) -> str:
    with suppress(OSError, ValueError):
        return str(int(_path(folder, attempt).read_text("ascii")))
    return ""
