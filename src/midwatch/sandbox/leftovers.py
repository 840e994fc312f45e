"""What workers that are dead have left: boxes that did not end with them, and control groups.

Boxes end by themselves when their worker dies; this is for the moments in which they could not yet, and for what a
kernel keeps of them. Everything that is removed carries the name of a worker that no longer runs, and is this user's.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from midwatch.sandbox import cgroups, owners, workers
from midwatch.sandbox.plain import MARK

_SECONDS = 5.0
_ENVIRONMENT = re.compile(rf"(?:^|\0){MARK}=({workers.NAME})-[0-9a-f]+(?:\0|$)".encode())


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What was found."""

    processes: tuple[int, ...]
    groups: tuple[Path, ...]

    def words(self) -> tuple[str, ...]:
        """One line each, for people."""
        return (
            *(f"process {pid} of a box whose worker is dead" for pid in self.processes),
            *(f"control group {folder} of a worker that is dead" for folder in self.groups),
        )


def find() -> Leftovers:
    """Look, and change nothing. Sees what this user may see; takes some milliseconds."""
    return Leftovers(
        _dead_processes(),
        tuple(folder for name, folder in cgroups.remains() if _dead(name) and _is_mine(folder)),
    )


def remove() -> Leftovers:
    """Remove what there is; what was found. What may not be removed, or does not go within seconds, stays. May be
    called at any time, by several processes at once."""
    found = left = find()
    give_up = time.monotonic() + _SECONDS
    # Again and again: what ends may orphan what it kept, and groups take a moment longer than their processes.
    while (left.processes or left.groups) and time.monotonic() < give_up:
        _kill(left.processes)
        stay = tuple(folder for folder in left.groups if not _removed(folder))
        time.sleep(0.005)
        left = Leftovers(_dead_processes(), stay)
    return found


def _kill(pids: tuple[int, ...]) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            handle = os.pidfd_open(pid)
            try:
                if _dead(_owner(pid)):  # looked at again: the number may be another's by now
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
            finally:
                os.close(handle)


def _removed(folder: Path) -> bool:
    """False when it is worth trying again."""
    try:
        for pid in map(int, (folder / "cgroup.procs").read_text(encoding="ascii").split()):
            if pid > 0:  # 0 stands for a process of another namespace; to signal it would mean all of our own group
                os.kill(pid, signal.SIGKILL)
        folder.rmdir()
    except (FileNotFoundError, PermissionError):
        return True
    except OSError:
        return False
    return True


def _dead_processes() -> tuple[int, ...]:
    return tuple(pid for pid in _processes() if _dead(_owner(pid)) and owners.mine(_uid(pid)))


def _is_mine(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return folder.stat().st_uid == os.geteuid()
    return False


def _uid(pid: int) -> int:
    """The real user of a process; -1 when it has gone. The owner of its folder in /proc says another one for what may
    not be looked into."""
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_bytes().splitlines()
        return int(next(line for line in lines if line.startswith(b"Uid:")).split()[1])
    return -1


def _dead(name: str) -> bool:
    return bool(name) and not workers.alive(name)


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - the quick way


def _owner(pid: int) -> str:
    """The name of the worker that a process of a box belongs to; empty for any other."""
    folder = Path("/proc", str(pid))
    with contextlib.suppress(OSError):
        name = workers.marked((folder / "cmdline").read_bytes())
        if name:
            return name
        match = _ENVIRONMENT.search((folder / "environ").read_bytes())
        return match[1].decode() if match is not None else ""
    return ""
