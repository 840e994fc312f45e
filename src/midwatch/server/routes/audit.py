"""`audit`: who changed what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from midwatch.engine.accounts.audit import Sight, entries
from midwatch.server.accounts.desk import AtDesk, Who
from midwatch.server.accounts.forms import Audit, Limit, entry_of
from midwatch.server.problems import answers

router = APIRouter(tags=["audit"], responses=answers(401, 403, 422, 429, 503))

Before = Annotated[
    str, Query(pattern=r"^[0-9a-f]{0,20}$", description="The page before this: `next` of the one before.")
]
About = Annotated[
    str, Query(pattern=r"^[0-9A-Za-z._:-]{0,64}$", description="Only what was done to the thing with this id.")
]


@router.get("/audit", summary="The audit log, the newest first")
async def audit(
    at: AtDesk,
    who: Who,
    before: Before = "",
    about: About = "",
    limit: Limit = 100,
) -> Audit:
    """For administrators all of it; for others what they did themselves, and what was done on repositories and in
    organisations that they administer."""
    given = (*who.roles.items(), *who.organisations.items()) if "admin" in who.scopes else ()
    mine = [name for name, role in given if role == "admin"]
    sight = Sight(who.admin, who.user_id, mine)
    listed = await entries(at.database, sight, before, limit, about)
    return Audit(entries=[entry_of(e) for e in listed], next=listed[-1].id if len(listed) == limit else None)
