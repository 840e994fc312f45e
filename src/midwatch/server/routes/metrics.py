"""`/metrics`: counts and measurements of this process, and how tasks stand, for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from midwatch.server.accounts.desk import Who
from midwatch.server.problems import Problem
from midwatch.server.service import service

router = APIRouter()


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, who: Who) -> Response:
    """For a token of an administrator, `read` suffices: the numbers are of all repositories together. Not there while
    metrics are off."""
    found = getattr(request.app.state, "metrics", None)
    if not who.everywhere:
        raise Problem(404, "there is no such path")
    if found is None:
        raise Problem(404, "there are no metrics", "set telemetry.metrics = true in the server's settings")
    from midwatch.telemetry.metrics import TYPE
    from midwatch.telemetry.standing import Board

    state = request.app.state
    if not hasattr(state, "board"):
        state.board = Board(service(request).home.store.database)
    return Response(found.text() + await state.board.text(), headers={"Content-Type": TYPE})
