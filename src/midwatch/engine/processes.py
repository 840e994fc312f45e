"""Processes by names that no later process has, and ending one for sure."""

from __future__ import annotations

import os
import re
import select
import signal
from functools import cache
from pathlib import Path

_NAME = re.compile(r"(\d{1,10})-(\d{1,20})", re.ASCII)


@cache
def host() -> str:
    """Where numbers of processes mean the same: this start of this system, and its namespace of processes."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{os.uname().nodename}/{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"


def me() -> str:
    """This process: its number and when it started."""
    return f"{os.getpid()}-{_started(os.getpid())}"


def alive(name: str) -> bool:
    """Whether the process of this host that had this name still runs. Raises ValueError for what is no name."""
    pid, started = _parts(name)
    return _started(pid) == started


def end(name: str, seconds: float = 10.0) -> bool:
    """End it, also when it is stopped, and wait until its files and locks are let go; whether it is gone. Blocks for
    up to `seconds`. Another process that has its number by now is left alone."""
    pid, started = _parts(name)
    if pid == os.getpid():
        return False
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        if _started(pid) != started:  # looked at through the handle: its number cannot change owner any more
            return True
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        return bool(select.select([handle], [], [], seconds)[0])
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    finally:
        os.close(handle)


def _parts(name: str) -> tuple[int, int]:
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} names no process")
    return int(match[1]), int(match[2])


def _started(pid: int) -> int:
    """In ticks since the start of the system; 0 for a process that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])
