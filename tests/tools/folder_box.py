"""A box of the `process` driver (real files, real commands, no isolation), watched and, if wanted, spoilt."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from midwatch.domain.limits import Limits
from midwatch.engine.blobs import Blobs
from midwatch.sandbox.base import Box, BoxSpec, ExecResult, Session
from midwatch.sandbox.process import Process
from midwatch.tools.base import Bench


class WatchedBox:
    """`commands` and `timeouts` are those of the commands that were run; `spoil` may raise before a write."""

    def __init__(self, box: Box) -> None:
        self.workdir = box.workdir
        self.support = box.support
        self.commands: list[tuple[str, ...]] = []
        self.timeouts: list[float] = []
        self.spoil: Callable[[bytes], None] = lambda path: None
        self._box = box

    async def exec(self, argv: Sequence[str], *, timeout: float, **options: Any) -> ExecResult:
        self.commands.append(tuple(argv))
        self.timeouts.append(timeout)
        return await self._box.exec(argv, timeout=timeout, **options)

    async def read(self, path: bytes, limit: int = 64 << 20) -> bytes:
        return await self._box.read(path, limit)

    async def write(self, path: bytes, data: bytes, *, executable: bool | None = None) -> None:
        self.spoil(path)
        await self._box.write(path, data, executable=executable)

    async def remove(self, path: bytes) -> None:
        await self._box.remove(path)

    async def start(self, argv: Sequence[str], **options: Any) -> Session:
        return await self._box.start(argv, **options)

    async def park(self) -> None:
        await self._box.park()

    async def unpark(self) -> None:
        await self._box.unpark()

    async def close(self) -> None:
        await self._box.close()


@asynccontextmanager
async def folder_box(root: Path) -> AsyncIterator[WatchedBox]:
    """A box whose workspace is `root/workspace`."""
    workspace = root / "workspace"
    workspace.mkdir(exist_ok=True)
    async with Process().open(BoxSpec(id="test.1", workspace=workspace, private=root / "private")) as box:
        yield WatchedBox(box)


def bench(box: Box, root: Path, limits: Limits | None = None, seconds_left: float = float("inf")) -> Bench:
    """A bench with its blobs in `root/blobs`, whose live output goes nowhere; the command's number is 7."""
    return Bench(
        box=box,
        blobs=Blobs(root / "blobs"),
        limits=limits or Limits(),
        seconds_left=lambda: seconds_left,
        output=lambda chunk: None,
        command_number=7,
    )
