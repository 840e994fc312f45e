"""What a box takes of the disk: a look at the free space is cheap, and only when that moved the folders are counted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from midwatch.sandbox.boxd import tree
from midwatch.sandbox.nameless import held
from midwatch.sandbox.output import amount
from midwatch.sandbox.spec import BoxLimits, BoxSpec, Overlay

_MOVED_BYTES = 32 << 20
_MOVED_FILES = 2000
_SHARE = 8
_RESERVE = 128 << 20
_MUCH = 64 << 20
_TOO_LONG = 300.0
_REFUSED = b"Permission denied"


@dataclass(frozen=True, slots=True)
class _Amount:
    """Of one or more file systems, or folders."""

    bytes: int
    files: int
    least: int = 0
    """Bytes on the one that has the fewest."""


class Usage:
    """Of one open box."""

    def __init__(self, spec: BoxSpec, pid: int) -> None:
        """The folders need not be there yet. `pid`: what all processes of the box are below."""
        self._pid = pid
        self._limits: BoxLimits = spec.limits
        self._folders = [spec.private]
        for place in (spec.workspace, spec.root):
            if place is not None:
                self._folders.append(place.upper if isinstance(place, Overlay) else place)
        self._before = self._first = self._free()
        self._used = _Amount(0, 0)

    async def verdict(self) -> str:
        """`disk limit of 64 MiB` or `limit of 1000 files` when the box takes more; else nothing."""
        now = self._free()
        taken = self._before.bytes - now.bytes
        made = self._before.files - now.files
        if taken > _MUCH and now.least < _RESERVE:
            return "end of the host's disk space"
        room = max(0, self._limits.disk_bytes - self._used.bytes) // _SHARE
        places = max(0, self._limits.files - self._used.files) // _SHARE
        if taken <= min(_MOVED_BYTES, room) and made <= min(_MOVED_FILES, places):
            return ""
        self._before = now
        self._used = await self._count(now)
        if self._used.bytes > self._limits.disk_bytes:
            return f"disk limit of {amount(self._limits.disk_bytes)}"
        if self._used.files > self._limits.files:
            return f"limit of {self._limits.files} files"
        return ""

    def _free(self) -> _Amount:
        """What is left on the file systems concerned, together."""
        found: dict[int, os.statvfs_result] = {}
        for folder in self._folders:
            with contextlib.suppress(OSError):
                found[folder.stat().st_dev] = os.statvfs(folder)
        space = [status.f_bavail * status.f_frsize for status in found.values()]
        return _Amount(sum(space), sum(status.f_favail for status in found.values()), min(space, default=0))

    async def _count(self, now: _Amount) -> _Amount:
        """Bytes and files in the folders, hard links once, and bytes of files that only have no name any more. A box
        that has folders which may not be looked into is taken to have all that went since it was opened."""
        # `du` gets through folders of any depth and any name, which is hard to do in Python.
        sizes, numbers = await asyncio.gather(_du("-B1", self._folders), _du("--inodes", self._folders))
        nameless = await asyncio.to_thread(lambda: held(tree.descendants(self._pid)))
        found = _Amount(sizes.number + nameless, numbers.number)
        if sizes.whole and numbers.whole:
            return found
        gone = _Amount(self._first.bytes - now.bytes, self._first.files - now.files)
        return _Amount(max(found.bytes, gone.bytes), max(found.files, gone.files))


@dataclass(frozen=True, slots=True)
class _Sum:
    """What `du` found, and whether it could look into every folder."""

    number: int
    whole: bool


async def _du(unit: str, folders: list[Path]) -> _Sum:
    argv = ["nice", "du", "-sxc", unit, "--", *map(str, folders)]
    environment = {"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)}
    process = subprocess.Popen(  # noqa: ASYNC220 - starting one takes a millisecond
        argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    # in a thread: a child of asyncio's own hangs when it is cancelled as it starts (3.11)
    reading = asyncio.get_running_loop().run_in_executor(None, _sum, process)
    try:
        async with asyncio.timeout(_TOO_LONG):
            return await asyncio.shield(reading)
    except TimeoutError:
        return _Sum(0, whole=False)
    finally:
        if not reading.done():
            process.kill()
            await asyncio.wait([reading])


def _sum(process: subprocess.Popen[bytes]) -> _Sum:
    """What `du` says. Files that go while it looks are no refusal."""
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        whole, tail = True, b""
        while piece := process.stderr.read(1 << 16):  # there may be a line for each of a million folders
            whole = whole and _REFUSED not in tail + piece
            tail = piece[-len(_REFUSED) :]
        lines = process.stdout.read().splitlines()
    return _Sum(int(lines[-1].split(b"\t")[0]) if lines else 0, whole)
