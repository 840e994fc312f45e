"""Workers: the processes that do what is submitted."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from midwatch.engine import workers
from midwatch.engine.turns import Filter, Turn
from midwatch.engine.waits import Wait
from midwatch.server.accounts.caller import require_admin
from midwatch.server.accounts.forms import time_of
from midwatch.server.answers import WaitAnswer, WorkerAnswer, Workers
from midwatch.server.service import Visiting
from midwatch.server.views import text

router = APIRouter(prefix="/workers", tags=["workers"])

LOOKED_AT = 1000
"""Queued turns of which it is said what they wait for."""


@router.get("")
async def listed(visiting: Visiting) -> Workers:
    """Those that there are, and how much waits for them; for administrators."""
    require_admin(visiting.who)
    service = visiting.service
    found = await workers.listed(service.home.store.database)
    queued = await service.turns.page(Filter(status="queued"), limit=LOOKED_AT)
    busy = await workers.busy(service.home.store.database)
    known = await service.waits(*queued)
    return Workers(
        workers=[
            WorkerAnswer(
                id=one.id, host=one.host.partition("/")[0], capacity=one.capacity, version=one.version,
                labels=list(one.labels), turns=busy.get(one.id, 0),
                started=time_of(one.started, exactly=True), beat=time_of(one.beat, exactly=True), fresh=one.fresh,
            )
            for one in found
        ],
        turns=await service.turns.counts(),
        waiting=_waiting([(turn, known.get(turn.id, Wait(""))) for turn in queued]),
    )  # fmt: skip


def _waiting(queued: Sequence[tuple[Turn, Wait]]) -> list[WaitAnswer]:
    by: dict[str, list[tuple[Turn, Wait]]] = {}
    for turn, wait in queued:
        by.setdefault(wait.why, []).append((turn, wait))
    found = []
    for why, those in by.items():
        until = min((wait.until for _, wait in those if wait.until), default=None)
        found.append(
            WaitAnswer(
                why=text(why),
                turns=len(those),
                until=None if until is None else time_of(until, exactly=True),
                since=time_of(min(turn.changed for turn, _ in those), exactly=True),
            )
        )
    return sorted(found, key=lambda wait: (-wait.turns, wait.why))
