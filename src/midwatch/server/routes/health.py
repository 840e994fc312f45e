"""The two addresses that answer everybody."""

from __future__ import annotations

from fastapi import APIRouter, Request

from midwatch import __version__
from midwatch.server.answers import Standing
from midwatch.server.problems import answers
from midwatch.server.service import service

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> Standing:
    """This process lives."""
    return Standing(status="ok", version=__version__)


@router.get("/readyz", responses=answers(503))
async def readyz(request: Request) -> Standing:
    """This process can serve: its database answers."""
    await service(request).home.store.database.read(lambda db: db.execute("SELECT 1").fetchone())
    return Standing(status="ok", version=__version__)
