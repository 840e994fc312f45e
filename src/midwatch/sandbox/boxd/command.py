"""One command: what the host asked for, and becoming it."""

from __future__ import annotations

import errno
import os
import resource

from . import system

SHELL = b"midwatch-shell"
"""As in `base`: bash where there is one, else sh."""
_DEFAULT_PATH = b"/usr/local/bin:/usr/bin:/bin"


start = os.posix_spawn
"""What makes a process; to be replaced where that takes more."""

Action = tuple[object, ...]
"""A change of descriptors in a new process, as `os.posix_spawn` takes it."""


class Limits:
    """Of every process of a command: the most processes of the box, the largest file in bytes, open files."""

    def __init__(self, processes: int, file_bytes: int, open_files: int) -> None:
        self.processes = processes
        self.file_bytes = file_bytes
        self.open_files = open_files

    def take(self) -> None:
        """Set them, for good, for this process and what it starts."""
        wanted = (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, self.file_bytes),
            (resource.RLIMIT_NOFILE, self.open_files),
            (resource.RLIMIT_NPROC, self.processes),
        )
        for kind, value in wanted:
            if value >= 0:
                hard = resource.getrlimit(kind)[1]
                value = value if hard == resource.RLIM_INFINITY else min(value, hard)
                resource.setrlimit(kind, (value, value))


class Command:
    """A request to run something."""

    def __init__(self, pty: bool, cwd: bytes, argv: list[bytes], environment: dict[bytes, bytes]) -> None:
        self.pty = pty
        self.cwd = cwd
        self.argv = argv
        self.environment = environment

    def spawn(self, actions: list[Action]) -> int:
        """Start it, in a session of its own, with `actions` on its descriptors (as `os.posix_spawn` takes them) and
        with this process's folder and limits; its pid. Raises OSError that says why it cannot be executed."""
        if self.argv[0] == SHELL:
            try:
                return self._named([b"bash", *self.argv[1:]], actions)
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                return self._named([b"sh", *self.argv[1:]], actions)
        return self._named(self.argv, actions)

    def _named(self, argv: list[bytes], actions: list[Action]) -> int:
        name = argv[0]
        if b"/" in name:
            return self._try(name, argv, actions)
        failure = OSError(errno.ENOENT, "not found")
        for folder in self.environment.get(b"PATH", _DEFAULT_PATH).split(b":"):
            try:
                return self._try(os.path.join(folder or b".", name), argv, actions)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except PermissionError as error:
                failure = error
        raise failure

    def _try(self, path: bytes, argv: list[bytes], actions: list[Action]) -> int:
        try:
            return self._spawned(path, argv, actions)
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
        # A script without a first line that says whose; shells take it for theirs.
        return self._spawned(b"/bin/sh", [b"sh", path, *argv[1:]], actions)

    def _spawned(self, path: bytes, argv: list[bytes], actions: list[Action]) -> int:
        return start(
            path,
            argv,
            self.environment,
            file_actions=actions,
            setsid=True,
            setsigmask=(),
            setsigdef=system.SIGNALS,
        )


def explained(name: bytes, error: OSError) -> tuple[bytes, int]:
    """What to tell of a program that cannot be executed: a line of output, and the exit code that a shell has for
    it."""
    if error.errno == errno.E2BIG:
        return b"midwatch: the command is longer than the system allows\n", 126
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return b"midwatch: " + name + b": not found\n", 127
    return b"midwatch: " + name + b": " + os.strerror(error.errno or 0).encode() + b"\n", 126
