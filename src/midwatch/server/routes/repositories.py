"""`repositories`: what tasks may be submitted for."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fastapi import APIRouter

from midwatch.domain.errors import InputError
from midwatch.engine.accounts.organisations import Organisation
from midwatch.engine.accounts.repositories import Registered
from midwatch.server.accounts import found
from midwatch.server.accounts.caller import Caller, require_admin, require_server
from midwatch.server.accounts.desk import AtDesk, Desk, Who, deed
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
from midwatch.server.problems import answers, missing
from midwatch.server.service import Wanted
from midwatch.workspace.location import is_url, locate
from midwatch.workspace.mirror import require_fetchable

router = APIRouter(tags=["repositories"], responses=answers(401, 403, 422, 429, 503))


@router.get("/repositories", summary="Repositories that one may see")
async def repositories(at: AtDesk, who: Who, after: After = "", limit: Limit = 100) -> Repositories:
    """In the order in which they were registered."""
    listed = await at.repositories.all(who.repositories, after, limit)
    within = await at.organisations.of_repositories([r.id for r in listed])
    return Repositories(
        repositories=[repository_of(r, who.roles.get(r.id), within.get(r.id)) for r in listed],
        next=listed[-1].id if len(listed) == limit else None,
    )


@router.post("/repositories", summary="Register a repository", status_code=201, responses=answers(404, 409))
async def register(asked: NewRepository, at: AtDesk, who: Who, operation: Wanted) -> RepositoryAnswer:
    """For administrators: a task on it reads the whole of it, and a pull request writes a branch into it."""
    require_admin(who)
    name = operation.entry_id()
    into = None if asked.organisation is None else await found.organisation(at, asked.organisation, who)
    wanted = Registered(name, asked.name, await _location(asked.location), 0.0)
    made = await at.repositories.register(wanted, deed(who, "repository.register", name, name, name))
    if into is not None:
        await _put(at, who, made, into)
    return await _told(at, who, made)


@router.get("/repositories/{repository_id}", summary="A repository", responses=answers(404))
async def one(repository_id: Repository, at: AtDesk, who: Who) -> RepositoryAnswer:
    """For its viewers."""
    return await _told(at, who, await found.repository(at, repository_id, who, "viewer"))


@router.patch("/repositories/{repository_id}", summary="Change a repository", responses=answers(404))
async def change(repository_id: Repository, asked: RepositoryChange, at: AtDesk, who: Who) -> RepositoryAnswer:
    """For administrators of the server: they see which names are taken, and which organisations there are."""
    repository = await found.repository(at, repository_id, who, "viewer")
    require_server(who)
    into = await found.organisation(at, asked.organisation, who) if asked.organisation else None
    if asked.name is not None:
        told = deed(who, "repository.rename", repository.id, repository.id)
        renamed = await at.repositories.rename(repository.id, asked.name, told)
        if renamed is None:
            raise missing("repository")
        repository = renamed
    if asked.organisation is not None:
        await _put(at, who, repository, into)
    return await _told(at, who, repository)


@router.delete(
    "/repositories/{repository_id}", summary="Take a repository from the list", status_code=204, responses=answers(404)
)
async def remove(repository_id: Repository, at: AtDesk, who: Who) -> None:
    """For administrators. Its files stay, and its tasks too, which only administrators see from then on."""
    repository = await found.repository(at, repository_id, who, "viewer")
    require_server(who)
    if not await at.repositories.remove(repository.id, deed(who, "repository.remove", repository.id, repository.id)):
        raise missing("repository")


async def _put(at: Desk, who: Caller, repository: Registered, into: Organisation | None) -> None:
    """Have it belong to an organisation, or to none."""
    told = deed(who, "repository.move", repository.id, repository.id)
    if not await at.organisations.put(repository.id, into.id if into else "", told):
        raise missing("organisation")


async def _told(at: Desk, who: Caller, repository: Registered) -> RepositoryAnswer:
    within = await at.organisations.of_repositories([repository.id])
    return repository_of(repository, who.roles.get(repository.id), within.get(repository.id))


async def _location(given: str) -> str:
    """As it stands in the tasks of the repository there: the same for all ways to write it. Raises InputError for what
    is no repository."""
    given = _path_of(given)
    if given.startswith("file:"):
        raise InputError("this file:// address is of no place on the server's machine", "write the path alone: /srv/x")
    if is_url(given):
        require_fetchable(given)
        return _usual(given)
    if not Path(given).is_absolute():
        raise InputError(
            "a repository's location is an absolute path on the server's machine, or a URL",
            "a path begins with a slash, a URL with https:// or ssh://",
        )
    return (await locate(given)).name


def _path_of(given: str) -> str:
    """The path that a file:// address of this machine stands for; all else as it is."""
    try:
        parts = urlsplit(given)
    except ValueError:  # a bracket that is not closed; whoever takes it for an address says so
        return given
    local = parts.scheme == "file" and parts.netloc in ("", "localhost") and not (parts.query or parts.fragment)
    return unquote(parts.path) if local and "\0" not in unquote(parts.path) else given


def _usual(url: str) -> str:
    """An address with its scheme and host in lower case, and no slash at the end. What has neither is left alone."""
    match = re.fullmatch(r"([A-Za-z][A-Za-z0-9+.-]*)://(?:([^/@]*)@)?([^/@]*)(/.*)?", url, re.DOTALL)
    if match is None:
        return url
    user = f"{match[2]}@" if match[2] is not None else ""
    return f"{match[1].lower()}://{user}{match[3].lower()}{(match[4] or '').rstrip('/')}"
