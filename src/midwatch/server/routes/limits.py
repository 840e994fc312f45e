"""`limits`: how many turns may be worked on at a time, and how many may begin."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter

from midwatch.engine.accounts.people import People
from midwatch.engine.accounts.repositories import Registered
from midwatch.engine.budgets.scopes import address
from midwatch.engine.limits import Limit, Limits, starts
from midwatch.server import answers
from midwatch.server.accounts.caller import require_admin
from midwatch.server.accounts.desk import deed
from midwatch.server.answers import LimitAnswer
from midwatch.server.asked import LimitAsked, Word
from midwatch.server.problems import missing
from midwatch.server.service import Visit, Visiting

router = APIRouter(prefix="/limits", tags=["limits"])

Scope = Literal["all", "repository", "user"]


@router.get("")
async def listed(visiting: Visiting) -> answers.Limits:
    """Those that hold for everybody, for the caller and for the repositories they see; all of them for
    administrators."""
    seen = {one.location: one.id for one in await visiting.visible()}
    found = await Limits(visiting.service.home.store.database).all()
    if not visiting.who.everywhere:
        mine = {("user", visiting.who.name), *(("repository", location) for location in seen)}
        found = [limit for limit in found if not limit.name or (limit.scope, limit.name) in mine]
    return answers.Limits(limits=[_answer(limit, seen) for limit in found])


@router.put("")
async def put(visiting: Visiting, asked: LimitAsked) -> LimitAnswer:
    """Set a limit, in the place of the one before; for administrators. One of a name takes the whole place of the one
    for each. What is worked on already goes on."""
    name, repository = await _name(visiting, asked.scope, asked.name)
    limit = Limit(asked.scope, name, asked.at_once, None if asked.starts is None else starts(asked.starts))
    subject = deed(
        visiting.who, "limit.set", f"{asked.scope} {asked.name}".strip(), repository.id if repository else ""
    )
    await Limits(visiting.service.home.store.database).put(limit, subject)
    return _answer(limit, {repository.location: repository.id} if repository else {})


@router.delete("", status_code=204)
async def remove(visiting: Visiting, scope: Scope, name: Word = "") -> None:
    """Take a limit away; for administrators."""
    kept, repository = await _name(visiting, scope, name)
    subject = deed(visiting.who, "limit.remove", f"{scope} {name}".strip(), repository.id if repository else "")
    if not await Limits(visiting.service.home.store.database).remove(scope, kept, subject):
        raise missing("limit")


async def _name(visiting: Visit, scope: Scope, name: str) -> tuple[str, Registered | None]:
    """As it is kept. Raises Problem 404 or 403."""
    require_admin(visiting.who, "limit")
    if scope == "repository" and name:
        found = await visiting.repository(name, "viewer")
        return found.location, found
    if scope == "user" and name:
        user = await People(visiting.service.home.store.database).named(name)
        if user is None:
            raise missing("user")  # a name that nobody has would limit nothing
        return user.name, None
    return name, None  # a name for all is refused with the limit


def _answer(limit: Limit, seen: dict[str, str]) -> LimitAnswer:
    name = seen.get(limit.name, address(limit.name)) if limit.scope == "repository" else limit.name
    return LimitAnswer(
        scope=limit.scope, name=name, at_once=limit.at_once, starts=str(limit.starts) if limit.starts else None
    )
