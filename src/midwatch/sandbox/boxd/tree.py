"""The processes below a process, read from /proc; ending them."""

from __future__ import annotations

import os

_WORDS = 200
_KILL = 9


def descendants(pid: int) -> list[int]:
    """`pid` and all processes below it, parents first, as they are this moment. Those that end meanwhile are left
    out."""
    found = [pid]
    for parent in found:  # the list grows while it is walked
        found += children(parent)
    return found


def children(pid: int) -> list[int]:
    """The direct children of a process that is there."""
    # A child hangs under the thread that forked it.
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    found: list[int] = []
    for thread in threads:
        try:
            found += map(int, content(f"/proc/{pid}/task/{thread}/children").split())
        except FileNotFoundError:
            if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
                return _children_by_scan(pid)  # a kernel built without CONFIG_PROC_CHILDREN
        except OSError:
            continue
    return found


def kill(pids: list[int]) -> None:
    """Kill them in this order; parents first keeps them from doing anything about it."""
    for pid in pids:
        try:
            os.kill(pid, _KILL)
        except (ProcessLookupError, PermissionError):
            continue


def command_line(pid: int) -> bytes:
    """What a living process was started as, shortened; empty when it has ended."""
    try:
        words = content(f"/proc/{pid}/cmdline")
    except OSError:
        return b""
    return words.rstrip(b"\0").replace(b"\0", b" ")[:_WORDS]


def content(path: str, limit: int = 1 << 16) -> bytes:
    """The first `limit` bytes of a file of /proc."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces: list[bytes] = []
        while limit > 0:
            piece = os.read(handle, limit)
            if not piece:
                break
            pieces.append(piece)
            limit -= len(piece)
        return b"".join(pieces)
    finally:
        os.close(handle)


def _children_by_scan(parent: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                fields = content(f"/proc/{name}/stat").rpartition(b")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == parent:
                found.append(int(name))
    return found
