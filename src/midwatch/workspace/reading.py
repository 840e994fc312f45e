"""Opening what a box has written: through no link, waiting for no pipe, whatever its modes."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def opened(folder: int, name: bytes, flags: int = 0) -> Iterator[int]:
    """A handle to read an ordinary file or a folder, never through a link and never waiting for a pipe. What its mode
    forbids its owner to read is made readable for that long. Raises OSError."""
    flags |= os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    restore: Callable[[], None] | None = None
    try:
        handle = os.open(name, flags, dir_fd=folder)
    except PermissionError:
        restore = _made_readable(folder, name)
        try:
            handle = os.open(name, flags, dir_fd=folder)
        except OSError:
            restore()
            raise
    try:
        yield handle
    finally:
        os.close(handle)
        if restore is not None:
            restore()


@contextmanager
def folder_of(top: int, path: bytes) -> Iterator[tuple[int, bytes]]:
    """A handle of the folder that holds `path`, reached through no link, and the name in it. Raises OSError."""
    head, slash, rest = path.partition(b"/")
    if not slash:
        yield top, path
        return
    with opened(top, head, os.O_DIRECTORY) as folder, folder_of(folder, rest) as found:
        yield found


@contextmanager
def top_folder(path: os.PathLike[str]) -> Iterator[int]:
    """A handle of a folder that is not a link itself. Raises OSError."""
    handle = os.open(path, _FOLDER)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def below(folders: tuple[int, ...], name: bytes) -> Iterator[tuple[int, ...]]:
    """Handles of the subfolders `name` of those of the folders that have one. Raises OSError for other trouble."""
    found: list[int] = []
    try:
        for folder in folders:
            try:
                found.append(os.open(name, _FOLDER, dir_fd=folder))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                if _kind(folder, name) == stat.S_IFDIR:
                    raise
        yield tuple(found)
    finally:
        for handle in found:
            os.close(handle)


def _kind(folder: int, name: bytes) -> int:
    status = look(folder, name)
    return 0 if status is None else stat.S_IFMT(status.st_mode)


def look(folder: int, name: bytes) -> os.stat_result | None:
    """The status of an entry itself, or None when there is none."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_all(handle: int, limit: int) -> bytes:
    """What a handle gives, `limit` bytes at most."""
    pieces = []
    while limit > 0 and (piece := os.read(handle, limit)):
        pieces.append(piece)
        limit -= len(piece)
    return b"".join(pieces)


def _made_readable(folder: int, name: bytes) -> Callable[[], None]:
    path = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    mode = stat.S_IMODE(os.fstat(path).st_mode)
    itself = f"/proc/self/fd/{path}"  # the only way to change the mode of what may not be opened
    try:
        os.chmod(itself, mode | 0o500)  # noqa: PTH101
    except OSError:
        os.close(path)
        raise

    def restore() -> None:
        os.chmod(itself, mode)  # noqa: PTH101
        os.close(path)

    return restore
