"""What the processes of a command use, read from /proc: cheap enough to look at ten times a second."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")


def descendants(pid: int) -> list[int]:
    """`pid` and all processes below it, as they are this moment. Those that end meanwhile are left out."""
    found = [pid]
    for parent in found:  # the list grows while it is walked
        found += _children(parent)
    return found


def used(pids: Iterable[int], limit: int) -> int:
    """Bytes of anonymous and shared memory that `pids` hold. Pages that several share are counted once as soon as the
    simple sum is above `limit`; that way of counting costs more."""
    pids = list(pids)
    simple = sum(_field_sum(pid, "status", (b"RssAnon:", b"RssShmem:")) for pid in pids)
    if simple <= limit:
        return simple
    exact = sum(_field_sum(pid, "smaps_rollup", (b"Pss_Anon:", b"Pss_Shmem:")) for pid in pids)
    return exact or simple


def _children(pid: int) -> list[int]:
    # A child hangs under the thread that forked it.
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - the quick way
    except OSError:
        return []
    children: list[int] = []
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123 - the quick way
                children += map(int, file.read().split())
        except FileNotFoundError:
            if _no_children_files():
                return _children_by_scan(pid)
        except OSError:
            continue
    return children


def _no_children_files() -> bool:
    """Kernels built without CONFIG_PROC_CHILDREN lack the list."""
    return not (_PROC / "self/task" / str(os.getpid()) / "children").exists()


def _children_by_scan(parent: int) -> list[int]:
    found = []
    for name in os.listdir(_PROC):  # noqa: PTH208
        if name.isdecimal():
            try:
                fields = (_PROC / name / "stat").read_bytes().rpartition(b")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == parent:
                found.append(int(name))
    return found


def _field_sum(pid: int, name: str, fields: tuple[bytes, ...]) -> int:
    """The sum in bytes of the kB fields of /proc/PID/name; 0 for a process that is gone or cannot be read."""
    total = 0
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:  # noqa: PTH123 - the quick way
            for line in file:
                if line.startswith(fields):
                    total += int(line.split()[1]) << 10
    except OSError:
        return 0
    return total
