"""One command: what the host asked for, and becoming it."""

from __future__ import annotations

import errno
import os

from . import system

_DEFAULT_PATH = b"/usr/local/bin:/usr/bin:/bin"


class Limits:
    """Of every process of a command: the most processes of the box, the largest file in bytes, open files."""

    def __init__(self, processes: int, file_bytes: int, open_files: int) -> None:
        self.processes = processes
        self.file_bytes = file_bytes
        self.open_files = open_files

    def take(self) -> None:
        """Set them, for good, for this process and what it starts."""
        import resource

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

    def become(self, limits: Limits) -> None:
        """Turn this process, whose streams are the command's already, into it. Ends the process in any case."""
        code = 126
        try:
            system.default_signals()
            os.umask(0o022)
            limits.take()
            code = self._execute()
        except OSError as error:
            _say(b"the limits of the box cannot be set", error.errno or 0)
        finally:
            os._exit(code)

    def _execute(self) -> int:
        """Only returns when that failed: the exit code, as a shell has it."""
        try:
            os.chdir(self.cwd)
        except OSError as error:
            _say(self.cwd, error.errno or 0)
            return 126
        self.environment[b"PWD"] = self.cwd
        name = self.argv[0]
        if b"/" in name:
            number = self._try(name)
        else:
            number = errno.ENOENT
            for folder in self.environment.get(b"PATH", _DEFAULT_PATH).split(b":"):
                tried = self._try(os.path.join(folder or b".", name))
                if tried not in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
                    number = tried
                    break
                number = tried if tried == errno.EACCES else number
        if number == errno.E2BIG:
            _write(b"midwatch: the command is longer than the system allows\n")
        elif number in (errno.ENOENT, errno.ENOTDIR):
            _write(b"midwatch: " + name + b": not found\n")
            return 127
        else:
            _say(name, number)
        return 126

    def _try(self, path: bytes) -> int:
        try:
            os.execve(path, self.argv, self.environment)
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                return error.errno or errno.EINVAL
        try:  # a script without a first line that says whose; shells take it for theirs
            os.execve(b"/bin/sh", [b"sh", path, *self.argv[1:]], self.environment)
        except OSError as error:
            return error.errno or errno.EINVAL


def _say(name: bytes, number: int) -> None:
    _write(b"midwatch: " + name + b": " + os.strerror(number).encode() + b"\n")


def _write(line: bytes) -> None:
    try:
        os.write(1, line)
    except OSError:
        pass
