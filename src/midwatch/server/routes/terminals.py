"""Terminals in boxes of a repository's environment. Each is for who has opened it, and for administrators."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from midwatch.engine.sittings import Sittings
from midwatch.server import sitting
from midwatch.server.accounts.caller import require, require_trusted
from midwatch.server.accounts.forms import Repository as RepositoryName
from midwatch.server.environment_forms import OutputAnswer, SittingAnswer, SittingId, TerminalAsked, Typed, sitting_of
from midwatch.server.problems import Problem, answers, conflicting
from midwatch.server.routes.environments import OUTPUT, After, LastId, shown
from midwatch.server.service import Visiting, Wanted

router = APIRouter(prefix="/repositories/{repository_id}/environment/terminals", tags=["environments"])


@router.post("", status_code=201, responses=answers(429))
async def begin(
    visiting: Visiting, repository_id: RepositoryName, asked: TerminalAsked, wanted: Wanted, response: Response
) -> SittingAnswer:
    """Open a box as an attempt has it, with a shell. For members, who could run the same in a task. Nothing that is
    done in it is kept; it is closed when nobody types for 15 minutes, and after two hours in any case."""
    repository = await visiting.repository(repository_id, "maintainer" if asked.trust_recipe else "member")
    if visiting.service.home.settings.sandbox.driver == "process":
        require_trusted(visiting.who, "commands without a sandbox are for administrators of the server")
    options = {"rows": asked.rows, "columns": asked.columns, "trusted": asked.trust_recipe}
    wish = sitting.Wish("terminal", asked.base, asked.trust_recipe, options)
    made = await sitting.begin(visiting, repository, wish, wanted)
    response.headers["Location"] = f"/api/v1/repositories/{repository.id}/environment/terminals/{made.task}"
    return sitting_of(made)


@router.get("/{terminal}")
async def one(visiting: Visiting, repository_id: RepositoryName, terminal: SittingId) -> SittingAnswer:
    """Whether it is open, or why it was closed."""
    repository = await visiting.repository(repository_id, "member")
    return sitting_of(await sitting.found(visiting, repository, terminal, "terminal"))


@router.get("/{terminal}/output", response_model=OutputAnswer, responses=OUTPUT)  # type: ignore[arg-type]  # as FastAPI has it
async def output(
    visiting: Visiting, repository_id: RepositoryName, terminal: SittingId, request: Request, after: After = 0,
    last_event_id: LastId = None,
) -> Response:  # fmt: skip
    """What it shows, from a piece on. Of what was shown long ago, and of a terminal that is closed, nothing is kept."""
    repository = await visiting.repository(repository_id, "member")
    found = await sitting.found(visiting, repository, terminal, "terminal")
    return await shown(visiting, request, found, "member", after if last_event_id is None else last_event_id)


@router.post("/{terminal}/input", status_code=202, responses=answers(409, 429))
async def typed(visiting: Visiting, repository_id: RepositoryName, terminal: SittingId, asked: Typed) -> SittingAnswer:
    """Keys as they were typed, control characters included; or another size."""
    repository = await visiting.repository(repository_id, "member")
    found = await sitting.found(visiting, repository, terminal, "terminal")
    if found.options.get("trusted"):  # one who is a member by now would reach what only a maintainer may let in
        require(visiting.who, repository.id, "maintainer")
    if found.over:
        raise Problem(409, "the terminal is closed", "open another one")
    pieces = [b"d" + asked.data.encode("utf-8", "surrogatepass")] if asked.data else []
    if asked.rows is not None:
        pieces.insert(0, f"r{asked.rows}x{asked.columns}".encode())
    if pieces and not await Sittings(visiting.service.home.store.database).put(terminal, "in", pieces):
        raise Problem(
            429, "what was typed before has not been taken yet", "wait a moment", headers={"Retry-After": "1"}
        )
    return sitting_of(found)


@router.delete("/{terminal}", status_code=204, responses=answers(409))
async def close(visiting: Visiting, repository_id: RepositoryName, terminal: SittingId) -> None:
    """Close it and its box; nothing of it is kept."""
    repository = await visiting.repository(repository_id, "member")
    with conflicting():
        await sitting.cancel(visiting, repository, await sitting.found(visiting, repository, terminal, "terminal"))
