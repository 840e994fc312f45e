"""`repositories`: what tasks may be submitted for."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter

from midwatch.domain.errors import InputError
from midwatch.engine.accounts.identity import new_id
from midwatch.engine.accounts.repositories import Registered
from midwatch.server.accounts import found
from midwatch.server.accounts.caller import require_admin
from midwatch.server.accounts.desk import AtDesk, Who, deed
from midwatch.server.accounts.forms import (
    After,
    Limit,
    NewRepository,
    Repositories,
    Repository,
    RepositoryAnswer,
    RepositoryChange,
    repository_of,
)
from midwatch.server.problems import Problem, answers, missing
from midwatch.workspace.location import is_url, locate
from midwatch.workspace.mirror import require_fetchable

router = APIRouter(tags=["repositories"], responses=answers(401, 403, 422, 429, 503))


@router.get("/repositories", summary="Repositories that one may see")
async def repositories(at: AtDesk, who: Who, after: After = "", limit: Limit = 100) -> Repositories:
    """In the order in which they were registered."""
    listed = await at.repositories.all(who.repositories, after, limit)
    return Repositories(
        repositories=[repository_of(r, who.roles.get(r.id)) for r in listed],
        next=listed[-1].id if len(listed) == limit else None,
    )


@router.post("/repositories", summary="Register a repository", status_code=201, responses=answers(404, 409))
async def register(asked: NewRepository, at: AtDesk, who: Who) -> RepositoryAnswer:
    """For administrators: a task on it reads the whole of it, and a pull request writes a branch into it."""
    require_admin(who)
    name = new_id()
    wanted = Registered(name, asked.name, await _location(asked.location), 0.0)
    made = await at.repositories.register(wanted, deed(who, "repository.register", name, name))
    return repository_of(made, None)


@router.get("/repositories/{repository_id}", summary="A repository", responses=answers(404))
async def one(repository_id: Repository, at: AtDesk, who: Who) -> RepositoryAnswer:
    """For its viewers."""
    repository = await found.repository(at, repository_id, who, "viewer")
    return repository_of(repository, who.roles.get(repository.id))


@router.patch("/repositories/{repository_id}", summary="Rename a repository", responses=answers(404))
async def rename(repository_id: Repository, asked: RepositoryChange, at: AtDesk, who: Who) -> RepositoryAnswer:
    """For its maintainers."""
    repository = await found.repository(at, repository_id, who, "maintainer")
    told = deed(who, "repository.rename", repository.id, repository.id)
    renamed = await at.repositories.rename(repository.id, asked.name, told)
    if renamed is None:
        raise missing("repository")
    return repository_of(renamed, who.roles.get(repository.id))


@router.delete(
    "/repositories/{repository_id}", summary="Take a repository from the list", status_code=204, responses=answers(404)
)
async def remove(repository_id: Repository, at: AtDesk, who: Who) -> None:
    """For administrators. Its files stay, and its tasks too, which only administrators see from then on."""
    repository = await found.repository(at, repository_id, who, "viewer")
    if not who.everywhere:
        raise Problem(403, "this needs an administrator of the server")
    require_admin(who, "repository")
    if not await at.repositories.remove(repository.id, deed(who, "repository.remove", repository.id, repository.id)):
        raise missing("repository")


async def _location(given: str) -> str:
    """As it stands in the tasks of the repository there. Raises InputError for what is no repository."""
    if is_url(given):
        require_fetchable(given)
        return given
    if not Path(given).is_absolute():
        raise InputError(
            "a repository's location is an absolute path on the server's machine, or a URL",
            "a path begins with a slash, a URL with https:// or ssh://",
        )
    return (await locate(given)).name
