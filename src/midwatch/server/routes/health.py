"""The two addresses that answer everybody."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter, Request

from midwatch import __version__
from midwatch.engine.database.base import Database
from midwatch.server.answers import Standing
from midwatch.server.problems import Problem, answers
from midwatch.server.service import service

PATIENCE = 5
"""Seconds that the database has to answer; work waits for it longer."""

FRESH = 1.0
"""Seconds that what it answered holds for everybody who asks: nobody is known here, and anybody may ask often."""

router = APIRouter(tags=["health"])


class Ready:
    """Whether a database answers, asked at most once at a time and once in FRESH seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: asyncio.Task[None] | None = None
        self._since = 0.0

    async def require(self) -> None:
        """Raises Problem 503 or MidwatchError when it does not."""
        if self._asked is None or (self._asked.done() and time.monotonic() > self._since + FRESH):
            self._asked = asyncio.create_task(self._ask())
        await asyncio.shield(self._asked)  # whoever asks may go, and others ask the same

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._database.read(lambda db: db.execute("SELECT 1").fetchone())
        except TimeoutError:
            raise Problem(503, "the database does not answer") from None
        finally:
            self._since = time.monotonic()


@router.get("/healthz")
async def healthz() -> Standing:
    """This process lives."""
    return Standing(status="ok", version=__version__)


@router.get("/readyz", responses=answers(503))
async def readyz(request: Request) -> Standing:
    """This process can serve: its database answers."""
    state = request.app.state
    if not hasattr(state, "ready"):
        state.ready = Ready(service(request).home.store.database)
    await state.ready.require()
    return Standing(status="ok", version=__version__)
