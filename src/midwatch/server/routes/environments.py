"""The environment of a repository: what is kept for it, and building it."""

from __future__ import annotations

import asyncio
import base64
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from midwatch.domain.errors import InputError
from midwatch.engine.accounts.words import Role
from midwatch.engine.recipes import Recipes
from midwatch.engine.sittings import Sitting, Sittings
from midwatch.server import equipped, sitting
from midwatch.server.accounts.caller import still_may
from midwatch.server.accounts.forms import Repository as RepositoryName
from midwatch.server.environment_forms import (
    BuildAsked,
    Builds,
    EnvironmentLine,
    EnvironmentLines,
    EnvironmentState,
    OutputAnswer,
    Piece,
    SittingAnswer,
    SittingId,
    sitting_of,
)
from midwatch.server.problems import answers, conflicting
from midwatch.server.routes.kept import environment_answer
from midwatch.server.seats import STREAM, Seated
from midwatch.server.service import Visit, Visiting, Wanted
from midwatch.workspace.layers.cache import Cache

router = APIRouter(tags=["environments"])
_ONE = "/repositories/{repository_id}/environment"
_BUILD = f"{_ONE}/builds/{{build}}"
OUTPUT = {
    200: {
        "description": "Pieces of output; with `Accept: text/event-stream` a stream of messages `piece`, each with its "
        "number as `id`, `state` when that has changed, and `end`.",
        "content": {STREAM: {"schema": {"type": "string"}}},
    }
}
_LARGEST = 2**53 - 1
After = Annotated[int, Query(ge=0, le=_LARGEST, description="The number of the last piece that is known.")]
LastId = Annotated[
    int | None, Header(alias="Last-Event-ID", ge=0, le=_LARGEST, description="As `after`; it goes first.")
]


@router.get("/environments/repositories")
async def lines(visiting: Visiting) -> EnvironmentLines:
    """The repositories that you may see: whose recipe is kept here, what is kept of their setups, their last builds."""
    repositories, home = await visiting.visible(), visiting.service.home
    kept = await asyncio.to_thread(Cache(home.state).kept)
    database = home.store.database
    builds = await Sittings(database).newest_builds([one.id for one in repositories])
    versions = await Recipes(database).counting([one.id for one in repositories])
    found = []
    for one in repositories:
        own = [environment_answer(layers, used, one.id) for layers, used in kept
               if layers.record.repository == one.location]  # fmt: skip
        found.append(
            EnvironmentLine(
                repository=one.id,
                name=one.name,
                recipe=versions.get(one.id, 0),
                kept=len(own),
                size=sum(layer.size for layer in own),
                used=own[-1].used if own else None,
                build=sitting_of(builds[one.id]) if one.id in builds else None,
            )
        )
    return EnvironmentLines(environments=found)


@router.get(_ONE)
async def state(
    visiting: Visiting,
    repository_id: RepositoryName,
    base: Annotated[str, Query(max_length=1000, pattern=r"^[^\x00]*$", description="As of a task.")] = "",
) -> EnvironmentState:
    """Its environment as a task would have it now: from where its recipe is, what is kept for it, and why that would be
    built anew."""
    repository = await visiting.repository(repository_id, "viewer")
    found = await visiting.service.aside.do(equipped.state(visiting.service.home, repository, base or None))
    open_now = await Sittings(visiting.service.home.store.database).terminals(repository.id)
    mine = [sitting_of(one) for one in open_now if one.account == visiting.who.user_id or visiting.who.admin]
    return found.model_copy(update={"terminals": mine})


@router.delete(f"{_ONE}/cache", status_code=204, responses=answers(409))
async def reset(visiting: Visiting, repository_id: RepositoryName) -> None:
    """Delete the layers of this repository alone, so that its setup runs again. For maintainers. Refused (409) while a
    task uses some of them; the others are gone then."""
    repository = await visiting.repository(repository_id, "maintainer")
    with conflicting():
        await visiting.service.aside.do(equipped.reset(visiting.service.home, repository.location))
    await visiting.note("environment.reset", repository.id, repository)


@router.post(f"{_ONE}/builds", status_code=201)
async def build(
    visiting: Visiting, repository_id: RepositoryName, asked: BuildAsked, wanted: Wanted, response: Response
) -> SittingAnswer:
    """Have a worker run the setup, so that it is there for all tasks; what is kept already is left as it is."""
    role: Role = "maintainer" if asked.fresh or asked.trust_recipe else "member"
    repository = await visiting.repository(repository_id, role)
    wish = sitting.Wish("build", asked.base, asked.trust_recipe, {"fresh": asked.fresh})
    made = await sitting.begin(visiting, repository, wish, wanted)
    response.headers["Location"] = f"/api/v1/repositories/{repository.id}/environment/builds/{made.task}"
    return sitting_of(made)


@router.get(f"{_ONE}/builds")
async def builds(visiting: Visiting, repository_id: RepositoryName) -> Builds:
    """The last builds."""
    repository = await visiting.repository(repository_id, "viewer")
    rows = await Sittings(visiting.service.home.store.database).builds(repository.id)
    return Builds(builds=[sitting_of(one) for one in rows])


@router.get(_BUILD)
async def one(visiting: Visiting, repository_id: RepositoryName, build: SittingId) -> SittingAnswer:
    """A build: how far it is, what it has left, or which command of the recipe has failed."""
    repository = await visiting.repository(repository_id, "viewer")
    return sitting_of(await sitting.found(visiting, repository, build, "build"))


@router.delete(_BUILD, status_code=204, responses=answers(409))
async def cancel(visiting: Visiting, repository_id: RepositoryName, build: SittingId) -> None:
    """Stop it; nothing is kept of what was begun."""
    repository = await visiting.repository(repository_id, "member")
    with conflicting():
        await sitting.cancel(visiting, repository, await sitting.found(visiting, repository, build, "build"))


@router.get(f"{_BUILD}/output", response_model=OutputAnswer, responses=OUTPUT)  # type: ignore[arg-type]  # as FastAPI has it
async def output(
    visiting: Visiting, repository_id: RepositoryName, build: SittingId, request: Request, after: After = 0,
    last_event_id: LastId = None,
) -> Response:  # fmt: skip
    """What its commands print, as it comes."""
    repository = await visiting.repository(repository_id, "viewer")
    found = await sitting.found(visiting, repository, build, "build")
    return await shown(visiting, request, found, "viewer", after if last_event_id is None else last_event_id)


async def shown(visit: Visit, request: Request, one: Sitting, role: Role, after: int) -> Response:
    """The next pieces of output, or all that come as a stream where that is asked for, for as long as the caller has
    that role."""
    if STREAM in request.headers.get("accept", ""):
        stream = sitting.follow(visit, one.task, after, partial(still_may, request, one.repository, role))
        return Seated(stream, visit.service.seats, visit.who.user_id)
    row, pieces = await Sittings(visit.service.home.store.database).pieces(one.task, after)
    if row is None:
        raise InputError("it has gone meanwhile", "begin another one")
    answer = OutputAnswer(
        pieces=[Piece(number=number, data=base64.b64encode(data).decode()) for number, data in pieces],
        next=pieces[-1][0] if pieces else after,
        state=sitting_of(row),
    )
    return Response(answer.model_dump_json(), media_type="application/json")
