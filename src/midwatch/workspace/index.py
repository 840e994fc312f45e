"""git's index file: letting an entry describe a file whose content stands for the blob that the entry names.

The content of an LFS file lies where the commit has a pointer. git compares sizes and times first; when the index holds
those of the content, git in a box takes the file for unchanged, and needs no filter program to find that out.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from midwatch.domain.errors import OperationError
from midwatch.workspace.names import shown

_STAT = struct.Struct(">10L")
"""ctime, ctime's ns, mtime, mtime's ns, device, inode, mode, user, group, size."""
_OLDER_NS = 10_000_000_000
"""git distrusts a file that is as new as the index."""


def settle(index: Path, top: Path, paths: Iterable[bytes]) -> None:
    """Let the entries of these paths describe the files that lie below `top` now. Their times are set a little back.
    Nobody else may write there. Blocks; costs reading and writing the index. Raises OperationError for an index that
    git of another kind has written, OSError."""
    wanted = set(paths)
    if not wanted:
        return
    data = bytearray(index.read_bytes())
    version, count = struct.unpack_from(">LL", data, 4)
    if data[:4] != b"DIRC" or version not in (2, 3):
        raise OperationError(f"{shown(index)} is an index of version {version}, which is not known here")
    width = _width(data)
    moment = index.stat().st_mtime_ns - _OLDER_NS
    for place, path in _entries(data, count, width):
        if path in wanted:
            file = os.path.join(os.fsencode(top), path)  # noqa: PTH118
            os.utime(file, ns=(moment, moment), follow_symlinks=False)
            _describe(data, place, os.lstat(file))
    body = bytes(data[:-width])
    fresh = index.with_name(f"{index.name}.new")
    fresh.write_bytes(body + _hash(width, body))
    fresh.chmod(index.stat().st_mode & 0o777)
    fresh.replace(index)


def _describe(data: bytearray, place: int, status: os.stat_result) -> None:
    mode = _STAT.unpack_from(data, place)[6]
    words = (
        status.st_ctime_ns // 10**9, status.st_ctime_ns % 10**9, status.st_mtime_ns // 10**9,
        status.st_mtime_ns % 10**9, status.st_dev, status.st_ino, mode, status.st_uid, status.st_gid, status.st_size,
    )  # fmt: skip
    _STAT.pack_into(data, place, *(word & 0xFFFFFFFF for word in words))


def _entries(data: bytearray, count: int, width: int) -> Iterator[tuple[int, bytes]]:
    """Where each entry begins, and its path."""
    place = 12
    for _ in range(count):
        name = place + _STAT.size + width + 2
        if data[name - 2] & 0x40:  # extended flags
            name += 2
        end = data.index(0, name)
        yield place, bytes(data[name:end])
        place += (end - place + 8) & ~7


def _width(data: bytearray) -> int:
    """Bytes of an object id, told by the checksum at the end."""
    for width in (20, 32):
        if _hash(width, bytes(data[:-width])) == data[-width:]:
            return width
    raise OperationError("the index of the checkout is damaged")


def _hash(width: int, data: bytes) -> bytes:
    return hashlib.new("sha1" if width == 20 else "sha256", data, usedforsecurity=False).digest()
