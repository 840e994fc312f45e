"""Files of a workspace that is a plain folder of the host."""

from __future__ import annotations

import asyncio

from midwatch.sandbox.boxd.files import ConfinedFiles as ConfinedFiles


class BoxFiles:
    """The part of a box that only needs a folder, as a mixin."""

    def __init__(self, files: ConfinedFiles) -> None:
        self._files = files

    async def read(self, path: bytes, limit: int = 64 << 20) -> bytes:
        """As `Box.read`."""
        return await asyncio.to_thread(self._files.read, path, limit)

    async def write(self, path: bytes, data: bytes, *, executable: bool | None = None) -> None:
        """As `Box.write`."""
        await asyncio.to_thread(self._files.write, path, data, executable)

    async def remove(self, path: bytes) -> None:
        """As `Box.remove`."""
        await asyncio.to_thread(self._files.remove, path)
