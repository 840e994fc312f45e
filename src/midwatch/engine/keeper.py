"""A process that begins another one anew whenever it dies: a fork of itself, with all that is imported already.

The keeper has no thread, no event loop and nothing open: what a fork of it may take over is its memory. It waits for
signals one after the other, so that no handler runs in between.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

STOPPED = 130
"""The exit code of a process that was told twice to stop."""
MOMENT = 0.5
"""Seconds; a process that lives shorter may be one that cannot live."""
AT_ONCE = 3
"""So many in a row that lived for a moment only are begun anew without a pause."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds before the next one of these; each pause is twice as long as the one before."""
PATIENCE = 2.0
"""Seconds that a process has to leave after it was told twice to stop."""
_SET_PDEATHSIG = 1
_TOLD = (signal.SIGTERM, signal.SIGINT)
_WAITED = {*_TOLD, signal.SIGCHLD}


class Link:
    """The kept process's end of the line to its keeper."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        """Readable when the keeper was told to stop: a byte for each time. At its end the keeper is gone."""

    def works(self) -> None:
        """It has started, and does its work: whatever ends it from now on, it is begun anew. May be called twice."""
        self.line.send(b".")

    def told(self) -> int:
        """How often it was told to stop since this was last called, twice being the word to leave at once; that is
        what the end of its keeper says too. Never waits."""
        try:
            return len(self.line.recv(64)) or 2
        except BlockingIOError:
            return 0


@dataclass
class Keeper:
    """Keeps one process at a time. To be used once, and by a process that has one thread."""

    note: Callable[[str], None]
    """Told in a line why the process is begun anew."""
    _told: int = 0
    """How often this keeper was told to stop."""
    _worked: bool = False
    """One of its processes did its work: that the next one cannot start will pass."""
    _brief: int = 0
    """How many in a row have lived for a moment only."""
    _mask: set[int] = field(default_factory=set)

    def keep(self) -> Link | int:
        """Returns more than once, as `os.fork` does: a Link in each process that is to do the work and then end by
        itself, and an exit code in the keeper when there is nothing more to keep. That is when a process has ended as
        it was told, or could not start (an exit code of its own before any had called `works`)."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored, nobody is told how a process has ended
        self._mask = {*signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED)}
        gc.collect()
        gc.freeze()  # what is there stays as it is, so that the pages with it are shared
        try:
            while True:
                begun = time.monotonic()
                try:
                    forked = self._fork()
                except OSError as error:
                    if not self._worked:
                        raise
                    self._pause(0.0, f"the worker could not be begun ({error.strerror})")
                else:
                    if isinstance(forked, Link):
                        return forked
                    pid, line = forked
                    with line:
                        status = self._watch(pid, line)
                        self._worked = self._worked or _has_worked(line)
                    if self._over(status):
                        return status if status >= 0 else 128 - status
                    self._pause(time.monotonic() - begun, f"the worker has ended by {_how(status)}")
                if self._told:
                    return 0  # nothing is there to be stopped
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _fork(self) -> Link | tuple[int, socket.socket]:
        sys.stdout.flush()
        sys.stderr.flush()
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            keeper, pid = os.getpid(), os.fork()
        except OSError:  # no memory, or too many processes
            mine.close()
            its.close()
            raise
        if pid:
            its.close()
            mine.setblocking(False)
            return pid, mine
        ctypes.CDLL(None).prctl(_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != keeper:  # it was gone before that could be asked for
            os._exit(STOPPED)
        mine.close()
        its.setblocking(False)
        return Link(its)

    def _watch(self, pid: int, line: socket.socket) -> int:
        """Until it has ended: its exit code, or the number of the signal that ended it, negative. It is told what this
        keeper is told; the second time it must leave soon."""
        while True:
            told = signal.sigtimedwait(_WAITED, PATIENCE) if self._told > 1 else signal.sigwaitinfo(_WAITED)
            if told is None:
                os.kill(pid, signal.SIGKILL)  # it does not listen: stopped, or busy without end
            elif told.si_signo in _TOLD:
                self._told += 1
                _tell(line)
            while (ended := _ended()) is not None:
                if ended[0] == pid:
                    return os.waitstatus_to_exitcode(ended[1])

    def _over(self, status: int) -> bool:
        """An orderly end, or one that would only come again."""
        return bool(self._told) or status in (0, STOPPED) or (status > 0 and not self._worked)

    def _pause(self, lived: float, what: str) -> None:
        """Say it, and wait where one after the other dies."""
        self._brief = self._brief + 1 if lived < MOMENT else 0
        many = self._brief - AT_ONCE
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(many, 16)) if many >= 0 else 0.0
        self.note(f"{what} and is begun anew{f' in {pause:.1f} s' if pause else ''}")
        if pause and signal.sigtimedwait(_TOLD, pause) is not None:
            self._told += 1


def _how(status: int) -> str:
    return f"exit code {status}" if status > 0 else f"signal {-status} ({signal.strsignal(-status)})"


def _has_worked(line: socket.socket) -> bool:
    try:
        return bool(line.recv(64))
    except OSError:
        return False


def _tell(line: socket.socket) -> None:
    try:
        line.send(b".")
    except OSError:
        return  # it has ended, or was told often enough


def _ended() -> tuple[int, int] | None:
    """A process that has ended, and how. As the first process of a container, the keeper has others' too."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None
