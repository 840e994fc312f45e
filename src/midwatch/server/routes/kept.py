"""Pull requests, environments and workers: what there is beside tasks."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from midwatch.server import views
from midwatch.server.accounts.forms import time_of
from midwatch.server.answers import EnvironmentAnswer, Environments, PullRequests
from midwatch.server.asked import Word
from midwatch.server.service import Visiting
from midwatch.workspace.layers.cache import Cache, Layers
from midwatch.workspace.names import without_secret

router = APIRouter()

MOST = 200


@router.get("/pull-requests", tags=["pull requests"])
async def pull_requests(
    visiting: Visiting,
    repository: Annotated[Word, Query(description="Only of this one: its id or its name.")] = "",
    state: Annotated[Literal["open", "merged", "closed"] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
) -> PullRequests:
    """The newest pull requests that you may see."""
    known = {one.location: one.id for one in await visiting.visible()}
    only = (await visiting.repository(repository, "viewer")).location if repository else None
    found = await visiting.service.aside.do(visiting.service.home.forge.list(only, state))
    seen = [one for one in found if visiting.who.everywhere or one.proposal.repository in known]
    return PullRequests(
        pull_requests=[views.pull_request_answer(one, known.get(one.proposal.repository, "")) for one in seen[:limit]]
    )


@router.get("/environments", tags=["environments"])
async def environments(visiting: Visiting) -> Environments:
    """What setups have left and is kept, the last used first."""
    known = {one.location: one.id for one in await visiting.visible()}
    kept = await asyncio.to_thread(Cache(visiting.service.home.state).kept)
    return Environments(
        environments=[
            environment_answer(layers, used, known.get(layers.record.repository, ""))
            for layers, used in reversed(kept)
            if visiting.who.everywhere or layers.record.repository in known
        ]
    )


def environment_answer(layers: Layers, used: float, repository: str) -> EnvironmentAnswer:
    """Kept layers; `used`: when they were last, in seconds since 1970; `repository` is the id."""
    record = layers.record
    return EnvironmentAnswer(
        key=record.key,
        repository=repository,
        location=without_secret(record.repository),
        commit=record.commit,
        created=record.created,
        used=time_of(used),
        seconds=record.seconds,
        size=record.size,
        files=record.files,
        commands=[views.text(command) for command in record.commands],
        failure=views.text(record.failure),
    )
