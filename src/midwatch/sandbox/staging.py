"""The thread that starts the processes of boxes and, for a root caller, a view of the host for an unprivileged uid.

Root keeps its state and often its Python below /root, where the uid that a box runs as may not even look. So this one
thread takes a mount namespace of its own, lays a small tmpfs over /run there, and binds into it just what a box may
see. Nothing of it shows outside the thread and its children, and it is gone with the process.
Being one long-lived thread it also is the parent that `--die-with-parent` watches: the kernel means the thread.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from midwatch.sandbox.mounting import (
    MS_BIND,
    MS_NODEV,
    MS_NOSUID,
    MS_REC,
    MS_SLAVE,
    MappedBinds,
    checked,
    libc,
    mount,
)

_STAGE = "/run"
_SETPRIV = Path("/usr/bin/setpriv")
_CLONE_NEWNS = 0x00020000
_MNT_DETACH = 2
_PATH_ONLY = os.O_PATH | os.O_CLOEXEC

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Start:
    """A process to be started: nothing is inherited but `fds` and the three streams."""

    argv: Sequence[str | bytes]
    environment: dict[str, str]
    stdin: int
    stdout: int
    stderr: int
    fds: tuple[int, ...] = ()
    cwd: str = "/"
    owner: tuple[int, int] | None = None
    """The uid and gid to become first, with no other group."""


class Stage:
    """Starts processes and stages host paths; one for the whole program, see `stage()`."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="midwatch-boxes")
        self._names = itertools.count()
        self._covered: int | None = None
        self._mapped = MappedBinds()
        self._ready = False

    def call(self, work: Callable[[], T]) -> T:
        """Do `work` in the thread and wait for it."""
        return self._thread.submit(work).result()

    @property
    def executor(self) -> ThreadPoolExecutor:
        """For `loop.run_in_executor`."""
        return self._thread

    def start(self, what: Start) -> subprocess.Popen[bytes]:
        """Start it; only to be called in the thread. Raises OSError or ValueError as subprocess does."""
        argv, owner = what.argv, what.owner
        if owner is not None and owner != (os.geteuid(), os.getegid()) and _can_become():
            argv, owner = [*_become(owner), *argv], None
        uid, gid = owner or (None, None)
        return subprocess.Popen(
            argv,
            env=what.environment,
            stdin=what.stdin,
            stdout=what.stdout,
            stderr=what.stderr,
            pass_fds=what.fds,
            cwd=what.cwd,
            user=uid,
            group=gid,
            extra_groups=None if owner is None else [],
            start_new_session=True,  # Ctrl-C in the terminal is for us to handle
        )

    def bind(self, path: Path, owner: tuple[int, int] | None = None) -> str | None:
        """Make `path` (not a link itself) visible to the thread's children under a path that any uid can walk, and
        return that. `owner`: what belongs to the owner of `path` is shown, read-only, as belonging to this uid and gid.
        None where this process may not mount. Only to be called in the thread. Raises OSError."""
        if not self._own_mounts():
            return None
        name = f"{_STAGE}/{next(self._names)}"
        self._bind(path, name, owner)
        return name

    def bind_all(self, folders: Sequence[Path], wanted: Path) -> str | None:
        """Like `bind` for sibling folders, which stay siblings; where `wanted`, below one of them, is then."""
        if not self._own_mounts():
            return None
        top = Path(_STAGE, str(next(self._names)))
        top.mkdir(mode=0o755)
        for folder in folders:
            self._bind(folder, f"{top}/{folder.name}", None)
        return str(top / wanted.relative_to(folders[0].parent))

    def _bind(self, path: Path, name: str, owner: tuple[int, int] | None) -> None:
        handle = self._open(path)
        try:
            status = os.fstat(handle)
            if stat.S_ISDIR(status.st_mode):
                Path(name).mkdir()
            else:
                Path(name).touch()
            if owner is None or owner == (status.st_uid, status.st_gid):
                mount(f"/proc/self/fd/{handle}", name, None, MS_BIND | MS_REC)
            else:
                self._mapped.bind(handle, name, (status.st_uid, status.st_gid), owner)
        finally:
            os.close(handle)

    def unbind(self, name: str) -> None:
        """Undo `bind`. Only to be called in the thread; never raises."""
        with contextlib.suppress(OSError):
            checked(libc().umount2(os.fsencode(name), _MNT_DETACH))
            place = Path(name)
            place.rmdir() if place.is_dir() else place.unlink()

    def _own_mounts(self) -> bool:
        if not self._ready:
            self._ready = True
            with contextlib.suppress(OSError):
                covered = os.open(_STAGE, _PATH_ONLY)
                try:
                    checked(libc().unshare(_CLONE_NEWNS))
                    mount("none", "/", None, MS_REC | MS_SLAVE)
                    os.close(covered)
                    covered = os.open(_STAGE, _PATH_ONLY)  # again: the old one belongs to the old namespace
                    mount("midwatch", _STAGE, "tmpfs", MS_NOSUID | MS_NODEV, b"size=4m,mode=0755")
                    self._covered = covered
                except OSError:
                    os.close(covered)
                    raise
        return self._covered is not None

    def _open(self, path: Path) -> int:
        """An O_PATH handle in the thread's mounts; below our tmpfs by way of the folder that it covers."""
        assert self._covered is not None
        flags = _PATH_ONLY | os.O_NOFOLLOW
        if path.is_relative_to(_STAGE):
            return os.open(path.relative_to(_STAGE), flags, dir_fd=self._covered)
        return os.open(path, flags)


def _can_become() -> bool:
    """Whether there is the program for `_become`: busybox has one of that name which knows no users."""
    return _SETPRIV.exists() and _SETPRIV.resolve().name == _SETPRIV.name


def _become(owner: tuple[int, int]) -> list[str]:
    """The beginning of a command line that gives up root first. Python would copy this whole process to do that, which
    takes the longer the more is in it; a program that is started does not."""
    uid, gid = owner
    return [str(_SETPRIV), "--reuid", str(uid), "--regid", str(gid), "--clear-groups", "--"]


_lock = threading.Lock()
_stage: Stage | None = None
_stage_process = 0


def stage() -> Stage:
    """The stage of this process, made at first use (a forked child gets its own)."""
    global _stage, _stage_process
    with _lock:
        if _stage is None or _stage_process != os.getpid():
            _stage, _stage_process = Stage(), os.getpid()
        return _stage
