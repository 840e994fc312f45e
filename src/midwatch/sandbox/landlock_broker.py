"""Modes and times of files, which Landlock does not cover: the guard of a box sets them, in the box's own folders only.

Part of the program `landlock_launch`. The kernel asks by a seccomp notification; what was asked for is looked at and
done on a handle of our own, so that nothing can be exchanged between the look and the deed.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import struct
from collections.abc import Callable

_RECEIVE, _SEND, _VALID = 0xC0502100, 0xC0182101, 0x40082102
_NOTIFICATION = struct.Struct("=QIIiIQ6Q")
_CONTINUE = 1
_HERE, _NO_FOLLOW, _EMPTY = -100, 0x100, 0x1000
_OPENAT2, _NO_MAGIC_LINKS = 437, 2  # the same number on every architecture
_PATH_MAX, _PAGE = 4096, 4096
_OWN_HANDLE = re.compile(rb"/(?:proc/(?:self|thread-self)|dev)/fd/(\d{1,9})")
_NOT_FILES = ("/memfd:", "pipe:", "socket:", "anon_inode:")

_libc = ctypes.CDLL(None, use_errno=True)


class Broker:
    """Answers for one box. `roots`: the real paths of the folders it may write to; `server`: the pid whose own handles
    are trusted; `calls`: the names of the calls by their numbers."""

    def __init__(self, listener: int, roots: list[str], server: int, calls: dict[int, str]) -> None:
        self.listener = listener
        self._roots = roots
        self._server = server
        self._calls = calls
        self._ways: dict[str, Callable[[int, tuple[int, ...]], None]] = {
            "chmod": lambda pid, a: self._mode(pid, _HERE, a[0], a[1], 0),
            "fchmod": lambda pid, a: self._mode(pid, a[0], 0, a[1], _EMPTY),
            "fchmodat": lambda pid, a: self._mode(pid, a[0], a[1], a[2], 0),
            "fchmodat2": lambda pid, a: self._mode(pid, a[0], a[1], a[2], a[3]),
            "utime": lambda pid, a: self._times(pid, (_HERE, a[0], 0), a[1], "=qq", 0),
            "utimes": lambda pid, a: self._times(pid, (_HERE, a[0], 0), a[1], "=qqqq", 1000),
            "futimesat": lambda pid, a: self._times(pid, (a[0], a[1], 0), a[2], "=qqqq", 1000),
            "utimensat": lambda pid, a: self._times(pid, (a[0], a[1], a[3]), a[2], "=qqqq", 1),
        }

    def answer(self) -> None:
        """One notification, which is there. Never raises."""
        buffer = bytearray(_NOTIFICATION.size)
        try:
            fcntl.ioctl(self.listener, _RECEIVE, buffer)
        except OSError:  # who asked is dead
            return
        number, pid, _, call, _, _, *arguments = _NOTIFICATION.unpack(buffer)
        name = self._calls.get(call, "")
        error, flags = 0, 0
        if name == "fchmod" and pid == self._server:
            flags = _CONTINUE  # it cannot be looked into; nobody but itself chooses its handles
        else:
            try:
                self._number = number
                self._ways[name](pid, tuple(arguments))
            except OSError as failed:
                error = failed.errno or errno.EPERM
            except (KeyError, ValueError, OverflowError):
                error = errno.EINVAL
        try:
            fcntl.ioctl(self.listener, _SEND, bytearray(struct.pack("=QqiI", number, 0, -error, flags)))
        except OSError:
            return

    def _mode(self, pid: int, folder: int, path: int, mode: int, flags: int) -> None:
        handle = self._open(pid, folder, path, flags)
        try:
            os.chmod(f"/proc/self/fd/{handle}", mode & 0o7777)
        finally:
            os.close(handle)

    def _times(self, pid: int, place: tuple[int, int, int], given: int, form: str, nanoseconds: int) -> None:
        """`given`: where the times are, in seconds and fractions of so many nanoseconds; 0 for now."""
        times = None
        if given:
            values = list(struct.unpack(form, _memory(pid, given, struct.calcsize(form))))
            if nanoseconds == 0:
                values = [values[0], 0, values[1], 0]
            elif nanoseconds > 1:
                values = [values[0], values[1] * nanoseconds, values[2], values[3] * nanoseconds]
            times = struct.pack("=qqqq", *values)
        folder, path, flags = place
        handle = self._open(pid, folder, path, flags)
        try:
            if _libc.utimensat(handle, b"", times, _EMPTY) != 0:
                raise OSError(ctypes.get_errno(), "the times cannot be set")
        finally:
            os.close(handle)

    def _open(self, pid: int, folder: int, path: int, flags: int) -> int:
        """A handle of what the caller means. Raises PermissionError for what is not in the box's own folders."""
        name = b"" if path == 0 else _text(pid, path)
        if not name and path and not flags & _EMPTY:
            raise FileNotFoundError(errno.ENOENT, "an empty path")
        own = _OWN_HANDLE.fullmatch(name)
        if own is not None:  # the C library's way to change the mode of what is no link
            folder, name = int(own[1]), b""
        base = _start(pid, ctypes.c_int(folder & 0xFFFFFFFF).value, name)
        try:
            fcntl.ioctl(self.listener, _VALID, bytearray(struct.pack("=Q", self._number)))  # so it was the caller's
            found = _below(base, name, 0 if flags & _NO_FOLLOW else 1) if name else os.dup(base)
        finally:
            os.close(base)
        where = os.readlink(f"/proc/self/fd/{found}")
        if any(where == root or where.startswith(f"{root}/") for root in self._roots) or where.startswith(_NOT_FILES):
            return found
        os.close(found)
        raise PermissionError(errno.EPERM, "not in the box's own folders")


def _start(pid: int, folder: int, name: bytes) -> int:
    """A handle of where the caller's path begins, or of what its handle `folder` leads to."""
    relative = f"/proc/{pid}/cwd" if folder == _HERE else f"/proc/{pid}/fd/{folder}"
    try:
        return os.open("/" if name.startswith(b"/") else relative, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        raise OSError(errno.EBADF, "no such handle") from None


def _below(base: int, name: bytes, follow: int) -> int:
    how = struct.pack("=QQQ", os.O_PATH | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW), 0, _NO_MAGIC_LINKS)
    handle = int(_libc.syscall(_OPENAT2, base, name, how, ctypes.c_size_t(len(how))))
    if handle < 0:
        raise OSError(ctypes.get_errno(), "cannot be found")
    return handle


def _memory(pid: int, place: int, size: int) -> bytes:
    handle = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.pread(handle, size, place)
    except (OSError, OverflowError):
        data = b""
    finally:
        os.close(handle)
    if len(data) != size:
        raise OSError(errno.EFAULT, "a bad address")
    return data


def _text(pid: int, place: int) -> bytes:
    """The string at an address; its pages one by one, since the one after it may not be there."""
    text = b""
    while len(text) < _PATH_MAX:
        piece = _memory(pid, place + len(text), _PAGE - (place + len(text)) % _PAGE)
        end = piece.find(b"\0")
        if end >= 0:
            return text + piece[:end]
        text += piece
    raise OSError(errno.ENAMETOOLONG, "a path without an end")
