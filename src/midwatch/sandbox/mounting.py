"""The system calls of mounting, and bind mounts that show files as another user's."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections import OrderedDict
from functools import cache
from pathlib import Path

MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_SLAVE = 2, 4, 4096, 16384, 1 << 19
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442  # on every architecture
_AT_EMPTY_PATH, _AT_RECURSIVE, _CLONE = 0x1000, 0x8000, 1
_MOVE_FROM_HANDLE, _HERE = 4, -100
_RDONLY, _IDMAP = 1, 0x00100000
_KEPT = 8


class _Attributes(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("namespace", ctypes.c_uint64),
    )


class MappedBinds:
    """Bind mounts on which one user's files are another's (Linux 5.12; what overlayfs takes as a layer, 5.19)."""

    def __init__(self) -> None:
        self._namespaces: OrderedDict[tuple[tuple[int, int], tuple[int, int]], int] = OrderedDict()

    def bind(self, source: int, target: str, belongs: tuple[int, int], shown: tuple[int, int]) -> None:
        """Mount what the handle `source` leads to at `target`, read-only; files of `belongs` (uid and gid) appear as
        files of `shown`, all others as nobody's. Raises OSError."""
        tree = checked(libc().syscall(_OPEN_TREE, source, b"", _CLONE | os.O_CLOEXEC | _AT_EMPTY_PATH))
        try:
            wanted = _Attributes(_RDONLY | _IDMAP, 0, 0, self._namespace(belongs, shown))
            size = ctypes.c_size_t(ctypes.sizeof(wanted))
            checked(libc().syscall(_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, ctypes.byref(wanted), size))
            checked(libc().syscall(_MOVE_MOUNT, tree, b"", _HERE, os.fsencode(target), _MOVE_FROM_HANDLE))
        finally:
            os.close(tree)

    def _namespace(self, belongs: tuple[int, int], shown: tuple[int, int]) -> int:
        """A handle of a user namespace with this mapping; the last few are kept."""
        key = (belongs, shown)
        if key not in self._namespaces:
            self._namespaces[key] = _user_namespace(belongs, shown)
            if len(self._namespaces) > _KEPT:
                os.close(self._namespaces.popitem(last=False)[1])
        self._namespaces.move_to_end(key)
        return self._namespaces[key]


def _user_namespace(belongs: tuple[int, int], shown: tuple[int, int]) -> int:
    # A process of its own has to be in it while it is made; `cat` tells us that it is by echoing.
    with subprocess.Popen(["unshare", "--user", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(b".")
            process.stdin.flush()
            if process.stdout.read(1) != b".":
                raise OSError(1, "no user namespace could be made by `unshare`")
            folder = Path(f"/proc/{process.pid}")
            for name, outer, inner in zip(("uid_map", "gid_map"), belongs, shown, strict=True):
                (folder / name).write_text(f"{outer} {inner} 1")
            return os.open(folder / "ns/user", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            process.kill()


@cache
def libc() -> ctypes.CDLL:
    """The C library; errors by `checked`."""
    return ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> int:
    """The result of a call. Raises OSError for a negative one."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def mount(source: str, target: str, kind: str | None, flags: int, data: bytes | None = None) -> None:
    """As mount(2). Raises OSError."""
    name = None if kind is None else kind.encode()
    checked(libc().mount(os.fsencode(source), os.fsencode(target), name, ctypes.c_ulong(flags), data))
