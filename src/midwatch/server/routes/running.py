"""`server`: what the server runs with."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from midwatch.server.accounts.caller import require_admin
from midwatch.server.running import Running, running
from midwatch.server.service import Visiting

router = APIRouter(prefix="/server", tags=["server"])


@router.get("", summary="What the server runs with")
async def server(visiting: Visiting) -> Running:
    """Version, database and settings, without secrets; for administrators. Settings are read from their file when the
    server starts, and are not changed here."""
    require_admin(visiting.who)
    return await asyncio.to_thread(running, visiting.service.home)
