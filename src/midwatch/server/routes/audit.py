"""`audit`: who changed what."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from midwatch.engine.accounts.audit import Entry, Only, Sight, entries
from midwatch.server.accounts.caller import Caller
from midwatch.server.accounts.desk import AtDesk, Who
from midwatch.server.accounts.forms import Audit, entry_of, time_of
from midwatch.server.bodies import Moment, Parameters
from midwatch.server.problems import answers
from midwatch.server.sheets import CSV, Cell, Csv, LongCsv, long_sheet

router = APIRouter(tags=["audit"], responses=answers(401, 403, 422, 429, 503))

MOST_LINES = 10_000
"""Of one table."""
_AT_ONCE = 100
"""That are held in memory; an entry may be some hundred kilobytes."""
_HEAD = ("id", "time", "user", "name", "via", "address", "action", "object", "repository", "was", "became")


class Asked(Parameters):
    """Which entries; what is empty takes all."""

    about: Annotated[str, Field(pattern=r"^[0-9A-Za-z._:-]{0,64}$")] = Field(
        "", description="Only what was done to the thing with this id."
    )
    user: Annotated[str, Field(pattern=r"^[0-9a-f]{0,20}$")] = Field(
        "", description="Only what the user with this id did."
    )
    action: Annotated[str, Field(pattern=r"^[a-z_.-]{0,64}$")] = Field(
        "", description="Only this, or all that begin with it: `user`, `user.create`."
    )
    repository: Annotated[str, Field(pattern=r"^[0-9a-f]{0,20}$")] = Field(
        "", description="Only what is about the repository or organisation with this id."
    )
    since: Moment | None = None
    until: Moment | None = Field(None, description="What was done then is not among them.")
    before: Annotated[str, Field(pattern=r"^[0-9a-f]{0,20}$")] = Field(
        "", description="The page before this: `next` of the one before."
    )

    def only(self) -> Only:
        """As it is looked up."""
        since = None if self.since is None else self.since.timestamp()
        until = None if self.until is None else self.until.timestamp()
        return Only(self.about, self.user, self.action, self.repository, since, until)


class Page(Asked):
    """And how many."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100


@router.get("/audit", summary="The audit log, the newest first")
async def audit(at: AtDesk, who: Who, asked: Annotated[Page, Query()]) -> Audit:
    """For administrators all of it; for others what they did themselves, and what was done on repositories and in
    organisations that they administer."""
    listed = await entries(at.database, _sight(who), asked.before, asked.limit, asked.only())
    return Audit(entries=[entry_of(e) for e in listed], next=listed[-1].id if len(listed) == asked.limit else None)


@router.get("/audit.csv", summary="The same as a table", response_class=Csv, responses=CSV)
async def table(at: AtDesk, who: Who, asked: Annotated[Asked, Query()]) -> LongCsv:
    """For spreadsheets; 10,000 lines at most, the newest first."""

    async def page(before: str) -> Sequence[Entry]:
        return await entries(at.database, _sight(who), before, _AT_ONCE, asked.only())

    async def parts(found: Sequence[Entry]) -> AsyncIterator[Sequence[Sequence[Cell]]]:
        left = MOST_LINES
        while found:
            yield [_line(entry) for entry in found]
            left -= len(found)
            found = await page(found[-1].id) if left > 0 and len(found) == _AT_ONCE else ()

    # the first page is read before the answer begins, so that what goes wrong can still be said
    return long_sheet("midwatch-audit", _HEAD, parts(await page(asked.before)))


def _line(e: Entry) -> Sequence[Cell]:
    return [
        *(e.id, time_of(e.time), e.account, e.name, e.via, e.address, e.action, e.object, e.repository),
        *(json.dumps(dict(e.was), ensure_ascii=False), json.dumps(dict(e.became), ensure_ascii=False)),
    ]


def _sight(who: Caller) -> Sight:
    given = (*who.roles.items(), *who.organisations.items()) if "admin" in who.scopes else ()
    return Sight(who.admin, who.user_id, [name for name, role in given if role == "admin"])
