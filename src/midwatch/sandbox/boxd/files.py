"""Files under one folder, reached component by component without following a link; what a box left there is hostile."""

from __future__ import annotations

import errno
import os
import stat

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE = 1 << 20


class ConfinedFiles:
    """Reads and writes files below `root`. Blocks; safe to use again after any error. Paths are bytes, relative."""

    def __init__(self, root: str | os.PathLike[str], owner: tuple[int, int] | None = None) -> None:
        """`owner`: the uid and gid that new files and folders get, instead of the caller's own."""
        self._root = root
        self._owner = owner

    def read(self, path: bytes, limit: int = 64 << 20) -> bytes:
        """As `Box.read`."""
        parts = components(path)
        with _Folder(self, parts[:-1], path) as folder:
            try:
                handle = os.open(parts[-1], _FILE, dir_fd=folder)
            except OSError as error:
                raise _plainer(error, path) from None
            try:
                status = os.fstat(handle)
                if stat.S_ISDIR(status.st_mode):
                    raise IsADirectoryError(errno.EISDIR, "is a folder", path)
                if not stat.S_ISREG(status.st_mode):
                    raise PermissionError(errno.EACCES, "is not a regular file", path)
                return _read_all(handle, limit, path)
            finally:
                os.close(handle)

    def write(self, path: bytes, data: bytes, executable: bool | None = None) -> None:
        """As `Box.write`."""
        parts = components(path)
        with _Folder(self, parts[:-1], path, make=True) as folder:
            mode = _mode_there(parts[-1], folder, path)
            if executable is not None:
                mode = mode | 0o111 if executable else mode & ~0o111
            name = b".midwatch-" + os.urandom(8).hex().encode()
            handle = os.open(name, _NEW, 0o600, dir_fd=folder)
            try:
                try:
                    _write_all(handle, data)
                    self._own(handle)
                    os.fchmod(handle, mode)
                finally:
                    os.close(handle)
                os.rename(name, parts[-1], src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                try:
                    os.unlink(name, dir_fd=folder)
                except OSError:
                    pass
                raise

    def remove(self, path: bytes) -> None:
        """As `Box.remove`."""
        parts = components(path)
        with _Folder(self, parts[:-1], path) as folder:
            status = os.lstat(parts[-1], dir_fd=folder)
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, "is a folder", path)
            os.unlink(parts[-1], dir_fd=folder)
        self._remove_empty(parts[:-1])

    def _remove_empty(self, parts: list[bytes]) -> None:
        """Remove the folders that `remove` left empty, innermost first."""
        while parts:
            try:
                with _Folder(self, parts[:-1], b"/".join(parts)) as folder:
                    os.rmdir(parts[-1], dir_fd=folder)
            except OSError:
                return
            parts = parts[:-1]

    def walk(self, parts: list[bytes], path: bytes, make: bool) -> int:
        """A handle of the folder that `parts` name, walked to without following a link. `make`: missing ones too."""
        handle = os.open(self._root, _FOLDER)
        for part in parts:
            try:
                below = self._step(handle, part, path, make)
            finally:
                os.close(handle)
            handle = below
        return handle

    def _step(self, folder: int, part: bytes, path: bytes, make: bool) -> int:
        try:
            return os.open(part, _FOLDER, dir_fd=folder)
        except FileNotFoundError:
            if not make:
                raise FileNotFoundError(errno.ENOENT, "no such file", path) from None
        except OSError as error:
            # A link shows as ENOTDIR because of O_DIRECTORY; tell it from a file.
            if stat.S_ISLNK(os.lstat(part, dir_fd=folder).st_mode):
                raise PermissionError(errno.EACCES, "goes through a symbolic link", path) from None
            raise _plainer(error, path) from None
        try:
            os.mkdir(part, 0o755, dir_fd=folder)
        except FileExistsError:
            pass
        handle = os.open(part, _FOLDER, dir_fd=folder)
        try:
            self._own(handle)
        except BaseException:
            os.close(handle)
            raise
        return handle

    def _own(self, handle: int) -> None:
        if self._owner is not None:
            os.fchown(handle, *self._owner)


class _Folder:
    """`ConfinedFiles.walk` for a `with`; contextlib is slow to import."""

    def __init__(self, files: ConfinedFiles, parts: list[bytes], path: bytes, make: bool = False) -> None:
        self._handle = files.walk(parts, path, make)

    def __enter__(self) -> int:
        return self._handle

    def __exit__(self, *exception: object) -> None:
        os.close(self._handle)


def components(path: bytes) -> list[bytes]:
    """The names in a relative path. Raises PermissionError for one that is absolute, empty, or leaves its folder."""
    if b"\0" in path:
        raise PermissionError(errno.EACCES, "has a NUL byte", path)
    if path.startswith(b"/"):
        raise PermissionError(errno.EACCES, "is absolute", path)
    parts = path.split(b"/")
    if any(part in (b"", b".", b"..") for part in parts):
        raise PermissionError(errno.EACCES, "has an empty, `.` or `..` component", path)
    return parts


def _mode_there(name: bytes, folder: int, path: bytes) -> int:
    """The permissions the file at `name` has or would get. Raises IsADirectoryError for a folder."""
    try:
        status = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return 0o644
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder", path)
    return stat.S_IMODE(status.st_mode) & 0o777 if stat.S_ISREG(status.st_mode) else 0o644


def _plainer(error: OSError, path: bytes) -> OSError:
    """The same error in the words of the contract: a link or device that cannot be opened is not permitted."""
    if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENODEV):
        return PermissionError(errno.EACCES, "is a symbolic link or a device", path)
    return OSError(error.errno, error.strerror, path)  # Python picks the subclass from errno


def _read_all(handle: int, limit: int, path: bytes) -> bytes:
    pieces: list[bytes] = []
    size = 0
    if os.fstat(handle).st_size > limit:
        raise PermissionError(errno.EACCES, f"is longer than {limit} bytes", path)
    while piece := os.read(handle, _PIECE):
        size += len(piece)
        if size > limit:
            raise PermissionError(errno.EACCES, f"is longer than {limit} bytes", path)
        pieces.append(piece)
    return b"".join(pieces)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
