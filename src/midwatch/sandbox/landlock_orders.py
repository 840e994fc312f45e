"""What the launcher of a Landlock box is told: which paths may be used how, and the system call filters."""

from __future__ import annotations

import base64
import ctypes
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.sandbox import landlock_filter, seccomp
from midwatch.sandbox.arguments import etc_paths
from midwatch.sandbox.base import BoxSpec
from midwatch.sandbox.mounting import libc

_CREATE_RULESET, _ASK_VERSION = 444, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _MAKE_CHAR, _MAKE_BLOCK = 1, 2, 4, 8, 1 << 6, 1 << 11
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_READING = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE
_OF_TERMINALS = _READ_FILE | _WRITE_FILE | _READ_DIR | _IOCTL_DEVICE
_BOTH = 3
"""Binding and connecting of TCP ports; abstract sockets and signals."""
OLDEST = 3
"""The version of Landlock that is needed: before it (Linux 6.2), any file could be emptied."""
SCOPED = 6
"""From this version (Linux 6.12) signals and abstract sockets stay inside."""
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_NAMES = ("/etc/passwd", "/etc/group", "/etc/hosts", "/etc/nsswitch.conf")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_TERMINALS = ("/dev/ptmx", "/dev/pts")


@dataclass(frozen=True, slots=True)
class Command:
    """What the launcher becomes: a program by its full path, its environment, and the handles that it keeps."""

    argv: Sequence[str]
    environment: dict[str, str]
    shown: tuple[Path, ...]
    """What it needs to read beside the system."""


def orders(
    spec: BoxSpec, workspace: Path, command: Command, version: int, owner: tuple[int, int] | None
) -> dict[str, object]:
    """The launcher's orders, ready for JSON. Raises KeyError for an architecture without a filter."""
    arch = seccomp.machine()
    files, network, scoped = handled(version)
    writing = files & ~(_MAKE_CHAR | _MAKE_BLOCK | _IOCTL_DEVICE)
    writable = [workspace, spec.private / "tmp", spec.private / "home"]
    readable = [*spec.read_only, *command.shown, *((spec.support,) if spec.support is not None else ())]
    rules = [(path, _READING) for path in _real([*map(Path, _SYSTEM), *etc_paths(), *map(Path, _NAMES)])]
    # As they are given: where root shows them to another user, they are not links any more.
    rules += _without([path for path in readable if path.exists()], spec.masked)
    rules.append((Path("/proc"), _READ_FILE | _READ_DIR))
    rules += [(path, _READ_FILE | _WRITE_FILE | _TRUNCATE) for path in _real(map(Path, _DEVICES))]
    if owner is not None:  # terminals of others do not belong to a box's own user
        rules += [(path, files & _OF_TERMINALS) for path in _real(map(Path, _TERMINALS))]
    rules += [(path, writing) for path in writable]
    filters = [seccomp.program(arch), landlock_filter.program(arch, (os.getpid(),))]
    asked = landlock_filter.asking(arch) if owner is None else b""
    return {
        "asked": base64.b64encode(asked).decode(),
        "calls": landlock_filter.asked_calls(arch),
        "writable": [os.path.realpath(path) for path in writable],
        "more_processes": spec.limits.processes if owner is None else 0,
        "worker": os.getpid(),
        "owner": owner,
        "shown": [os.fspath(path) for path in (*readable, *writable)],
        "handled": [files, network, scoped],
        "size": 24 if scoped else 16 if network else 8,
        "of_files": _OF_FILES,
        "rules": [(os.fspath(path), granted & files) for path, granted in rules],
        "filters": [base64.b64encode(code).decode() for code in filters],
        "placeholders": [landlock_filter.SERVER, landlock_filter.GUARD],
        "arch": arch,
        "argv": list(command.argv),
        "environment": command.environment,
        "cwd": os.fspath(workspace),
    }


def version() -> int:
    """Of the kernel's Landlock; 0 where there is none."""
    return max(0, int(libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)))


def handled(version: int) -> tuple[int, int, int]:
    """The rights on files, on ports, and the scopes that a version of Landlock knows; all not granted is refused."""
    files = (1 << 13) - 1
    for since, bit in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEVICE)):
        files |= bit if version >= since else 0
    return files, _BOTH if version >= 4 else 0, _BOTH if version >= SCOPED else 0


def _without(folders: Sequence[Path], masked: Sequence[Path]) -> list[tuple[Path, int]]:
    """Rules to read `folders` but not the files `masked`. Rules only ever grant, and all that is below; so on the way
    to a masked file each neighbour is granted by itself. The folders on the way can still be listed."""
    rules = []
    for folder in folders:
        hidden = [path for path in masked if path.is_relative_to(folder) and path != folder]
        if folder in masked:
            continue
        if not hidden:
            rules.append((folder, _READING))
            continue
        rules.append((folder, _READ_DIR))
        rules += _without(sorted(folder.iterdir()), hidden)
    return rules


def _real(paths: Iterable[Path]) -> list[Path]:
    """Those that exist; each place once, whatever links lead to it."""
    return list(dict.fromkeys(path.resolve() for path in paths if path.exists()))
