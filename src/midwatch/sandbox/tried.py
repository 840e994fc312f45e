"""A driver that is tried once for many tasks: what a machine can isolate does not change from one to the next."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager

from midwatch.sandbox.base import Box, BoxSpec, Protections, Sandbox

SECONDS = 600.0
"""How long what a trial found is taken for true. A box that cannot be opened says so all the same."""


class Tried:
    """As its driver. To be used in one event loop."""

    def __init__(self, driver: Sandbox) -> None:
        self.name = driver.name
        self._driver = driver
        self._trying: asyncio.Task[Protections] | None = None
        self._until = 0.0

    async def probe(self) -> Protections:
        """As `Sandbox.probe`; those who ask at the same time, or within SECONDS, are told what one trial found. A
        failure is told to those who wait for it, and then tried again."""
        if self._trying is None or time.monotonic() > self._until:
            self._trying, self._until = asyncio.ensure_future(self._driver.probe()), time.monotonic() + SECONDS
            self._trying.add_done_callback(self._ended)
        return await asyncio.shield(self._trying)

    def _ended(self, trying: asyncio.Task[Protections]) -> None:
        if trying.cancelled() or trying.exception() is not None:
            self._until = 0.0

    def open(self, spec: BoxSpec) -> AbstractAsyncContextManager[Box]:
        """As `Sandbox.open`."""
        return self._driver.open(spec)

    def owner(self, box_id: str) -> tuple[int, int] | None:
        """As `Sandbox.owner`."""
        return self._driver.owner(box_id)
