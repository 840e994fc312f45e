"""`users/…/logins` and `forges/…/arrivals`: who is who at a forge, and what has come in from it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field, StringConstraints

from midwatch.domain.errors import InputError
from midwatch.engine.accounts.logins import Logins
from midwatch.engine.forges.arrivals import LOOKED, Arrivals
from midwatch.server.accounts.caller import require_admin
from midwatch.server.accounts.desk import AtDesk, deed
from midwatch.server.accounts.forms import User, time_of
from midwatch.server.accounts.found import anybody, user
from midwatch.server.bodies import Form
from midwatch.server.linked import ForgeId
from midwatch.server.problems import Problem, answers, missing
from midwatch.server.service import Visit, Visiting

router = APIRouter(tags=["forges"])

Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x20]+$")
]


class Login(Form):
    """Somebody at a forge."""

    forge: Name = Field(description="The connection's id or name; answered with its id.")
    login: Name = Field(description="What they are called there, in whatever case.")


class LoginsAsked(Form):
    """Who a user is at forges."""

    logins: Annotated[list[Login], Field(max_length=50)]


class LoginsAnswer(BaseModel):
    """Who a user is at forges."""

    logins: list[Login]


class ArrivalLine(BaseModel):
    """Something that has come in from a forge."""

    id: str
    delivery: str = Field(description="Its id as the forge gave it; begins with `look` for what was found by looking.")
    event: str = Field(description="What it is: `labelled`, `remark`, `changed`, `run`, …")
    slug: str = Field(description="The repository, as the forge calls it.")
    number: int = Field(description="Of the issue or the pull request; 0 for none.")
    state: str = Field(description="`waiting`, `done`, `ignored` or `failed`.")
    outcome: str = Field(description="What came of it.")
    error: str = Field(description="Why the last try came to nothing.")
    task: str | None = Field(description="The id of the task that it was about, or that came of it.")
    looked: bool = Field(description="Whether it was found by looking, and not told.")
    created: str


class ArrivalPage(BaseModel):
    """Things that have come in, the newest first."""

    arrivals: list[ArrivalLine]
    next: str | None = Field(description="What `before` takes for the next page; null at the end.")


@router.get("/users/{user_id}/logins", summary="Who a user is at forges")
async def logins(visiting: Visiting, at: AtDesk, user_id: User) -> LoginsAnswer:
    """Of oneself; for administrators of anybody."""
    found = await user(at, user_id, visiting.who)
    return await _told(visiting, found.id)


@router.put("/users/{user_id}/logins", summary="Say who a user is at forges", responses=answers(409))
async def link(visiting: Visiting, at: AtDesk, user_id: User, asked: LoginsAsked) -> LoginsAnswer:
    """For administrators: what that login asks for at the forge counts as this user's from now on. These and no
    others; a login is one user's."""
    require_admin(visiting.who, "user")
    found, wanted = await anybody(at, user_id), []
    for one in asked.logins:
        connection = await visiting.service.home.connected.find(one.forge)
        if connection is None:
            raise InputError(f"there is no connection {one.forge!r}", "GET /api/v1/forges lists them")
        wanted.append((connection.id, one.login))
    taken = await _logins(visiting).give(found.id, wanted, deed(visiting.who, "user.logins", found.id))
    if taken:
        raise Problem(409, f"another user is {', '.join(taken)} there already", "take it from them first")
    return await _told(visiting, found.id)


@router.get("/forges/{forge_id}/arrivals", summary="What has come in from a forge")
async def arrivals(
    visiting: Visiting,
    forge_id: ForgeId,
    before: Annotated[str, Query(pattern=r"^[0-9a-f]{0,20}$", description="`next` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ArrivalPage:
    """Of the last 30 days (remarks of a year), with what was made of it: also of what was ignored, and why. For
    administrators."""
    require_admin(visiting.who, "forge")
    found = await visiting.service.home.connected.find(forge_id)
    if found is None:
        raise missing("forge")
    rows = await Arrivals(visiting.service.home.store.database).of(found.id, before, limit)
    lines = [
        ArrivalLine(
            id=row.id, delivery=row.delivery, event=row.event, slug=row.slug, number=row.number, state=row.state,
            outcome=row.outcome, error=row.error, task=row.task or None, looked=row.delivery.startswith(LOOKED),
            created=time_of(row.created, exactly=True),
        )
        for row in rows
    ]  # fmt: skip
    return ArrivalPage(arrivals=lines, next=rows[-1].id if len(rows) == limit else None)


def _logins(visiting: Visit) -> Logins:
    return Logins(visiting.service.home.store.database)


async def _told(visiting: Visit, account: str) -> LoginsAnswer:
    found = await _logins(visiting).of_account(account)
    return LoginsAnswer(logins=[Login(forge=forge, login=login) for forge, login in found])
