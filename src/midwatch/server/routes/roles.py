"""`roles`: who may what on a repository, and on all of them."""

from __future__ import annotations

from fastapi import APIRouter

from midwatch.engine.accounts.words import EVERY
from midwatch.server.accounts import found
from midwatch.server.accounts.caller import Caller, require_admin
from midwatch.server.accounts.desk import AtDesk, Desk, Who, deed
from midwatch.server.accounts.forms import Repository, RoleAnswer, RoleGiven, Roles, User, role_of
from midwatch.server.problems import answers, missing

router = APIRouter(tags=["roles"], responses=answers(401, 403, 429, 503))


@router.get("/roles", summary="Roles of one's own, or of everybody")
async def roles(at: AtDesk, who: Who) -> Roles:
    """For administrators: all."""
    listed = await at.repositories.roles(account="" if who.admin else who.user_id)
    return Roles(roles=[role_of(given) for given in listed])


@router.put("/roles/{user_id}", summary="Give a role on every repository", responses=answers(404, 422))
async def give_every(user_id: User, asked: RoleGiven, at: AtDesk, who: Who) -> RoleAnswer:
    """For administrators. It holds for repositories that are registered later too."""
    require_admin(who, "user")
    return await _give(at, who, user_id, EVERY, asked)


@router.delete("/roles/{user_id}", summary="Take it back", status_code=204, responses=answers(404, 422))
async def take_every(user_id: User, at: AtDesk, who: Who) -> None:
    """Roles on single repositories stay."""
    require_admin(who, "user")
    await _take(at, who, user_id, EVERY)


@router.get("/repositories/{repository_id}/roles", summary="Who may what on it", responses=answers(404, 422))
async def of_repository(repository_id: Repository, at: AtDesk, who: Who) -> Roles:
    """For its maintainers. Roles on every repository are not among them."""
    repository = await found.repository(at, repository_id, who, "maintainer")
    return Roles(roles=[role_of(given) for given in await at.repositories.roles(repository.id)])


@router.put("/repositories/{repository_id}/roles/{user_id}", summary="Give a role on it", responses=answers(404, 422))
async def give(repository_id: Repository, user_id: User, asked: RoleGiven, at: AtDesk, who: Who) -> RoleAnswer:
    """For those who have the role admin on it. It takes the place of the role before."""
    repository = await found.repository(at, repository_id, who, "admin")
    return await _give(at, who, user_id, repository.id, asked)


@router.delete(
    "/repositories/{repository_id}/roles/{user_id}",
    summary="Take it back",
    status_code=204,
    responses=answers(404, 422),
)
async def take(repository_id: Repository, user_id: User, at: AtDesk, who: Who) -> None:
    """As giving it. From the next request on they do not see the repository any more."""
    repository = await found.repository(at, repository_id, who, "admin")
    await _take(at, who, user_id, repository.id)


async def _give(at: Desk, who: Caller, name: str, repository: str, asked: RoleGiven) -> RoleAnswer:
    user = await found.anybody(at, name)
    subject = "" if repository == EVERY else repository
    await at.repositories.give(user.id, repository, asked.role, deed(who, "role.give", user.id, subject))
    return RoleAnswer(user=user.id, name=user.name, repository=repository, role=asked.role)


async def _take(at: Desk, who: Caller, name: str, repository: str) -> None:
    user = await found.anybody(at, name)
    subject = "" if repository == EVERY else repository
    if not await at.repositories.take(user.id, repository, deed(who, "role.take", user.id, subject)):
        raise missing("role")
