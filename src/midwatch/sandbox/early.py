"""A driver that is tried while something else is still being prepared."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

from midwatch.sandbox.base import Box, BoxSpec, Protections, Sandbox


class Early:
    """As its driver, whose probe begins now. Needs a running loop."""

    def __init__(self, driver: Sandbox) -> None:
        self.name = driver.name
        self._driver = driver
        self._trying: asyncio.Task[Protections] | None = asyncio.create_task(driver.probe())

    async def probe(self) -> Protections:
        """As `Sandbox.probe`; the first time with what the probe that has begun finds."""
        trying, self._trying = self._trying, None
        return await (trying or self._driver.probe())

    def open(self, spec: BoxSpec) -> AbstractAsyncContextManager[Box]:
        """As `Sandbox.open`."""
        return self._driver.open(spec)

    def owner(self, box_id: str) -> tuple[int, int] | None:
        """As `Sandbox.owner`."""
        return self._driver.owner(box_id)

    async def drop(self) -> None:
        """Nobody will ask any more. May be called twice."""
        trying, self._trying = self._trying, None
        if trying is not None:
            trying.cancel()
            await asyncio.gather(trying, return_exceptions=True)
