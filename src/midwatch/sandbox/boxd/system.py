"""The few calls that Python has no name for, and signals without the module that is slow to import."""

from __future__ import annotations

import _ctypes
import _signal  # type: ignore[import-not-found]
import os

SIGKILL, SIGCHLD = 9, 17
SIGNALS = tuple(number for number in range(1, 32) if number not in (SIGKILL, 19))
"""Those that a program can ignore; it finds them as they are by default."""
_SET_DUMPABLE, _SET_PDEATHSIG, _SET_SUBREAPER = 4, 1, 36


def undumpable() -> None:
    """Nobody but root may look into this process or its files below /proc, nor trace it."""
    _prctl(_SET_DUMPABLE, 0)


def subreaper() -> None:
    """What is orphaned below this process becomes its child."""
    _prctl(_SET_SUBREAPER, 1)


def die_with_parent() -> None:
    """Be killed when the thread that forked this process ends."""
    _prctl(_SET_PDEATHSIG, SIGKILL)


def _prctl(option: int, value: int) -> None:
    library = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]
    if _ctypes.call_function(_ctypes.dlsym(library, "prctl"), (option, value, 0, 0, 0)) != 0:
        raise OSError(22, f"prctl {option} is refused")


class ChildWatch:
    """A handle that becomes readable when a child ends. One for each process; a fork makes its own."""

    def __init__(self) -> None:
        self.handle, self._writing = os.pipe()
        os.set_blocking(self.handle, False)
        os.set_blocking(self._writing, False)
        _signal.signal(SIGCHLD, _nothing)
        _signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)

    def clear(self) -> None:
        """Before looking at the children."""
        try:
            while os.read(self.handle, 4096):
                pass
        except BlockingIOError:
            pass

    def close(self) -> None:
        """In a fork: only what is this process's own."""
        os.close(self.handle)
        os.close(self._writing)


def ignore_signals() -> None:
    """Nothing that a command sends has a handler here. The kernel keeps the rest from the first process of a box."""
    for number in SIGNALS:
        if number != SIGCHLD:
            _signal.signal(number, _signal.SIG_IGN)


def _nothing(number: int, frame: object) -> None:
    """Python only tells of a signal that has a handler."""
