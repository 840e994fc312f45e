"""Workers: the processes that do what is submitted."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter

from midwatch.engine import workers
from midwatch.server.accounts.caller import require_admin
from midwatch.server.answers import WorkerAnswer, Workers
from midwatch.server.service import Visiting

router = APIRouter(prefix="/workers", tags=["workers"])


@router.get("")
async def listed(visiting: Visiting) -> Workers:
    """Those that there are, and how much waits for them; for administrators."""
    require_admin(visiting.who)
    found = await workers.listed(visiting.service.home.store.database)
    return Workers(
        workers=[
            WorkerAnswer(
                id=one.id, host=one.host.partition("/")[0], capacity=one.capacity, version=one.version,
                labels=list(one.labels),
                started=_time(one.started), beat=_time(one.beat), fresh=one.fresh,
            )
            for one in found
        ],
        turns=await visiting.service.turns.counts(),
    )  # fmt: skip


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
