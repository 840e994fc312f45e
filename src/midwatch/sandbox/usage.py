"""What a box takes of the disk: a look at the free space is cheap, and only when that moved the folders are counted."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from midwatch.sandbox.output import amount
from midwatch.sandbox.spec import BoxLimits, BoxSpec, Overlay

_MOVED_BYTES = 32 << 20
_MOVED_FILES = 2000
_SHARE = 8
_RESERVE = 128 << 20
_MUCH = 64 << 20
_TOO_LONG = 300.0


@dataclass(frozen=True, slots=True)
class _Free:
    """Of one file system."""

    bytes: int
    files: int


class Usage:
    """Of one open box."""

    def __init__(self, spec: BoxSpec) -> None:
        """The folders need not be there yet."""
        self._limits: BoxLimits = spec.limits
        self._folders = [spec.private]
        for place in (spec.workspace, spec.root):
            if place is not None:
                self._folders.append(place.upper if isinstance(place, Overlay) else place)
        self._before = self._free()
        self._used = _Free(0, 0)

    async def verdict(self) -> str:
        """`disk limit of 64 MiB` or `limit of 1000 files` when the box takes more; else nothing."""
        now = self._free()
        taken = self._before.bytes - now.bytes
        made = self._before.files - now.files
        if taken > _MUCH and now.bytes < _RESERVE:
            return "end of the host's disk space"
        room = max(0, self._limits.disk_bytes - self._used.bytes) // _SHARE
        places = max(0, self._limits.files - self._used.files) // _SHARE
        if taken <= min(_MOVED_BYTES, room) and made <= min(_MOVED_FILES, places):
            return ""
        self._before = now
        self._used = await self._count()
        if self._used.bytes > self._limits.disk_bytes:
            return f"disk limit of {amount(self._limits.disk_bytes)}"
        if self._used.files > self._limits.files:
            return f"limit of {self._limits.files} files"
        return ""

    def _free(self) -> _Free:
        """The least of what is left on the file systems concerned."""
        found = []
        for folder in self._folders:
            with contextlib.suppress(OSError):
                status = os.statvfs(folder)
                found.append(_Free(status.f_bavail * status.f_frsize, status.f_favail))
        return _Free(min((free.bytes for free in found), default=0), min((free.files for free in found), default=0))

    async def _count(self) -> _Free:
        """Bytes and files in the folders, hard links once; what cannot be read counts as nothing."""
        # `du` gets through folders of any depth and any name, which is hard to do in Python.
        sizes, numbers = await asyncio.gather(_du("-B1", self._folders), _du("--inodes", self._folders))
        return _Free(sizes, numbers)


async def _du(unit: str, folders: list[Path]) -> int:
    argv = ["nice", "du", "-sxc", unit, "--", *map(str, folders)]
    devnull = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*argv, stdin=devnull, stdout=asyncio.subprocess.PIPE, stderr=devnull)
    try:
        async with asyncio.timeout(_TOO_LONG):
            said, _ = await process.communicate()
    except TimeoutError:
        said = b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    lines = said.splitlines()
    return int(lines[-1].split(b"\t")[0]) if lines else 0
