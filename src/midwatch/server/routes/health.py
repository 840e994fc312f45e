"""The two addresses that answer everybody."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request

from midwatch import __version__
from midwatch.server.answers import Standing
from midwatch.server.problems import Problem, answers
from midwatch.server.service import service

PATIENCE = 5
"""Seconds that the database has to answer; work waits for it longer."""

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> Standing:
    """This process lives."""
    return Standing(status="ok", version=__version__)


@router.get("/readyz", responses=answers(503))
async def readyz(request: Request) -> Standing:
    """This process can serve: its database answers."""
    try:
        async with asyncio.timeout(PATIENCE):
            await service(request).home.store.database.read(lambda db: db.execute("SELECT 1").fetchone())
    except TimeoutError:
        raise Problem(503, "the database does not answer") from None
    return Standing(status="ok", version=__version__)
