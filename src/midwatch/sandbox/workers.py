"""A name for a process that no later process has: its number and when it started."""

from __future__ import annotations

import os
import re
from pathlib import Path

_MARK = "midwatch-worker="


def me() -> str:
    """This process's name."""
    return f"{os.getpid()}-{_started(os.getpid())}"


def mark() -> str:
    """The last argument of what this process starts boxes by: whose they are can be told after its death."""
    return f"{_MARK}{me()}"


def marked(arguments: bytes) -> str:
    """The name of the process that started a box by this command line (as /proc/PID/cmdline has it); empty for what
    has no mark."""
    match = re.fullmatch(_MARK.encode() + rb"(\d{1,10}-\d{1,20})", arguments.rstrip(b"\0").rpartition(b"\0")[2])
    return match[1].decode() if match is not None else ""


def alive(name: str) -> bool:
    """Whether the process that had this name still runs. Raises ValueError for what is no such name."""
    match = re.fullmatch(r"(\d{1,10})-(\d{1,20})", name, re.ASCII)
    if match is None:
        raise ValueError(f"{name!r} names no process")
    return _started(int(match[1])) == int(match[2])


def _started(pid: int) -> int:
    """In ticks since the start of the system; 0 for a process that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])
