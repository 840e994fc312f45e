"""A name for a process that no later process has: its number, when it started, and its process namespace."""

from __future__ import annotations

import os
import re
from pathlib import Path

NAME = r"\d{1,10}-\d{1,20}-\d{1,20}"
"""What a name looks like."""

_MARK = "midwatch-worker="


def me() -> str:
    """This process's name."""
    return f"{os.getpid()}-{_started(os.getpid())}-{_namespace()}"


def mark() -> str:
    """The last argument of what this process starts boxes by: whose they are can be told after its death."""
    return f"{_MARK}{me()}"


def marked(arguments: bytes) -> str:
    """The name of the process that started a box by this command line (as /proc/PID/cmdline has it); empty for what
    has no mark."""
    match = re.fullmatch(f"{_MARK}({NAME})".encode(), arguments.rstrip(b"\0").rpartition(b"\0")[2])
    return match[1].decode() if match is not None else ""


def alive(name: str) -> bool:
    """Whether the process that had this name still runs; one in another container, whose numbers mean nothing here, is
    taken to. Raises ValueError for what is no such name."""
    if re.fullmatch(NAME, name, re.ASCII) is None:
        raise ValueError(f"{name!r} names no process")
    pid, started, namespace = map(int, name.split("-"))
    return namespace != _namespace() or _started(pid) == started


def _namespace() -> int:
    """The number of the process namespace that numbers of processes belong to."""
    return Path("/proc/self/ns/pid").stat().st_ino


def _started(pid: int) -> int:
    """In ticks since the start of the system; 0 for a process that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])
