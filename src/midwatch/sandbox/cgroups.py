"""Control groups for boxes, where this process may make them: exact limits of memory, processes and CPU."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from midwatch.sandbox import workers
from midwatch.sandbox.output import amount
from midwatch.sandbox.spec import BoxLimits

PREFIX = "midwatch-box-"
_MOUNT = Path("/sys/fs/cgroup")
_OWN = "midwatch-worker"
_PERIOD = 100_000
_REMOVE_SECONDS = 5.0
_names = itertools.count()


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where groups can be made, by controller. Version 2 has one folder for all of them."""

    version: int
    folders: Mapping[str, Path]

    def words(self) -> str:
        """`memory, pids and cpu by control groups (version 1)`, for people."""
        names = [name for name in ("memory", "pids", "cpu") if name in self.folders]
        return f"{', '.join(names)} limited by control groups (version {self.version})"


class Group:
    """The control group of one box: a folder for each controller."""

    def __init__(self, hierarchy: Hierarchy, limits: BoxLimits) -> None:
        """Make it. Raises OSError."""
        self._version = hierarchy.version
        self._limits = limits
        self._killed = 0
        name = f"{PREFIX}{workers.me()}-{next(_names)}"
        self._folders = {controller: folder / name for controller, folder in hierarchy.folders.items()}
        try:
            for folder in set(self._folders.values()):
                folder.mkdir()
            self.apply()
        except OSError:
            self.remove()
            raise

    def apply(self) -> None:
        """Set the limits. Raises OSError."""
        for controller, settings in _settings(self._version, self._limits).items():
            if controller in self._folders:
                for name, value in settings.items():
                    file = self._folders[controller] / name
                    if file.exists():  # not every kernel has all of these: swap accounting, for one
                        file.write_text(value)

    def enter(self, pid: int) -> None:
        """Take a process in; what it starts from then on is inside too. Raises OSError."""
        for folder in set(self._folders.values()):
            (folder / "cgroup.procs").write_text(str(pid))

    @property
    def limits_memory(self) -> bool:
        """Whether memory need not be watched."""
        return "memory" in self._folders

    def verdict(self) -> str:
        """`memory limit of 64 MiB` when the kernel has killed for it since the last time that was asked; else
        nothing."""
        folder = self._folders.get("memory")
        if folder is None:
            return ""
        killed = 0
        with contextlib.suppress(OSError, ValueError):
            text = (folder / ("memory.oom_control" if self._version == 1 else "memory.events")).read_text()
            killed = next((int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill ")), 0)
        before, self._killed = self._killed, max(killed, self._killed)
        return f"memory limit of {amount(self._limits.memory_bytes)}" if killed > before else ""

    def remove(self) -> None:
        """After the end of its processes. May block for moments; never raises, what cannot be removed is left to
        `leftovers`."""
        give_up = time.monotonic() + _REMOVE_SECONDS
        for folder in set(self._folders.values()):
            while folder.exists() and time.monotonic() < give_up:
                with contextlib.suppress(OSError):
                    folder.rmdir()
                    break
                time.sleep(0.005)  # the kernel is slower with a group than with its processes


def _settings(version: int, limits: BoxLimits) -> dict[str, dict[str, str]]:
    # A group of its own gets as much of a busy CPU as one process beside it: no weight need be set.
    memory, share = str(limits.memory_bytes), round((limits.cpus or 0) * _PERIOD)
    # The server and the keepers count too; the exact number is kept by the box itself.
    processes = str(2 * limits.processes + 64)
    if version == 1:
        return {
            "memory": {"memory.limit_in_bytes": memory, "memory.memsw.limit_in_bytes": memory},
            "pids": {"pids.max": processes},
            "cpu": {"cpu.cfs_quota_us": str(share)} if share else {},
        }
    return {
        "memory": {"memory.max": memory, "memory.swap.max": "0"},
        "pids": {"pids.max": processes},
        "cpu": {"cpu.max": f"{share} {_PERIOD}"} if share else {},
    }


@cache
def hierarchy() -> Hierarchy | None:
    """Where this process may make groups, tried once; None when it may not."""
    for found in (_second(), _first()):
        if found is not None and "memory" in found.folders:
            with contextlib.suppress(OSError):
                Group(found, BoxLimits()).remove()
                return found
    return None


def make(limits: BoxLimits) -> Group | None:
    """A group for a box, or None where none can be made."""
    place = hierarchy()
    with contextlib.suppress(OSError):
        return None if place is None else Group(place, limits)
    return None


def has_cpu() -> bool:
    """Whether groups share out the CPU."""
    place = hierarchy()
    return place is not None and "cpu" in place.folders


def remains() -> list[tuple[str, Path]]:
    """All groups of boxes that are there, whoever made them: the worker's name (see `workers`) and the folder. Looks
    through the whole tree of groups, some milliseconds."""
    found = []
    for controller in ("", "memory", "pids", "cpu"):
        for folder, names, _ in os.walk(_MOUNT / controller, followlinks=False):
            for name in names:
                match = re.fullmatch(rf"{PREFIX}({workers.NAME})-\d+", name, re.ASCII)
                if match is not None:
                    found.append((match[1], Path(folder, name)))
    return sorted(set(found))


def membership() -> dict[str, str]:
    """This process's groups by controller; version 2 under the empty name."""
    lines = Path("/proc/self/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: path for _, names, path in (line.split(":", 2) for line in lines) for name in names.split(",")}


def _first() -> Hierarchy | None:
    paths = membership()
    folders: dict[str, Path] = {}
    for name in ("memory", "pids", "cpu"):
        place = _MOUNT / name / paths.get(name, "/").lstrip("/")
        if name in paths and (place / "cgroup.procs").exists() and os.access(place, os.W_OK):
            folders[name] = place
    return Hierarchy(1, folders) if folders else None


def _second() -> Hierarchy | None:
    place = _MOUNT / membership().get("", "/").lstrip("/")
    if place.name == _OWN:
        place = place.parent
    try:
        offered = (place / "cgroup.controllers").read_text().split()
        wanted = [name for name in ("memory", "pids", "cpu") if name in offered]
        if not wanted or not os.access(place, os.W_OK):
            return None
        if set(wanted) - set((place / "cgroup.subtree_control").read_text().split()):
            _delegate(place, wanted)
    except OSError:
        return None
    return Hierarchy(2, dict.fromkeys(wanted, place))


def _delegate(place: Path, wanted: Sequence[str]) -> None:
    """Let groups below `place` have limits. The kernel wants no process directly in it, so those that are there, we
    among them, move to a group beside the boxes'. Raises OSError."""
    own = place / _OWN
    own.mkdir(exist_ok=True)
    for pid in (place / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            (own / "cgroup.procs").write_text(pid)
    (place / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in wanted))
