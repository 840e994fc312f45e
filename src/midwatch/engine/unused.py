"""Whether anybody still has a file open: what a process that was killed has left half written is told from what is
being written."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time
from pathlib import Path

_A_DAY = 86400.0


def in_use(path: Path, settled: float = 0.0) -> bool:
    """Whether the file was changed less than `settled` seconds ago, or is open in any process: the kernel gives a lease
    for writing only where nobody has the file open. Where it gives none at all (another user's file, some file
    systems), what is a day old is not in use. Raises FileNotFoundError. Safe in several processes at once."""
    age = time.time() - path.lstat().st_mtime
    if age < settled:
        return True
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except BlockingIOError:  # somebody else looks at it in the same way
        return True
    except FileNotFoundError:
        raise
    except OSError:
        return age < _A_DAY
    try:
        # Who opens the file in this instant breaks the lease, and the kernel tells by a signal: SIGIO, which would end
        # this process, unless it is another one that nobody minds.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN or age < _A_DAY
    finally:
        os.close(handle)  # and the lease is gone
    return False
