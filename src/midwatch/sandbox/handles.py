"""File descriptors that are handed to a process: pipes, and small files in memory."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

_PIPE = 1 << 20
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def output_pipe(owner: tuple[int, int] | None) -> tuple[int, int]:
    """Both ends of a pipe for output, the read end not blocking. The write end belongs to `owner`, so that commands
    can open /dev/stdout and /dev/stderr."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with contextlib.suppress(OSError):  # the user's share of pipe memory may be used up
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE)
    if owner is not None:
        os.fchown(writing, *owner)
    return reading, writing


def null_file() -> contextlib.AbstractContextManager[int]:
    """A handle from which nothing can be read."""
    return reading(Path(os.devnull))


@contextlib.contextmanager
def reading(path: Path) -> Iterator[int]:
    """A handle of a file. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def memory_file(opened: contextlib.ExitStack, data: bytes) -> int:
    """A handle from which `data` can be read, closed with `opened`."""
    handle = os.memfd_create("midwatch", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    opened.callback(os.close, handle)
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
    os.lseek(handle, 0, os.SEEK_SET)
    fcntl.fcntl(handle, fcntl.F_ADD_SEALS, _SEALS)  # whoever gets it cannot keep things in it at our expense
    return handle


def read_available(handle: int) -> str:
    """What a pipe holds at the moment."""
    try:
        return os.read(handle, 4096).decode("utf-8", "replace")
    except BlockingIOError:
        return ""


class Gate:
    """Keeps a process that reads its standard input from going on until we let it; when we die first, it does not."""

    def __init__(self, opened: contextlib.ExitStack) -> None:
        self.waiting, self._holding = os.pipe()
        """The standard input to give it."""
        opened.callback(os.close, self.waiting)
        opened.callback(os.close, self._holding)

    def open(self) -> None:
        """Let it go on."""
        os.write(self._holding, b"\n")
