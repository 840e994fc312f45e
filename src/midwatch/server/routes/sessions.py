"""`me/sessions`: where one is signed in."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from midwatch.engine.accounts.identity import digest
from midwatch.engine.accounts.keys import SESSION_ID
from midwatch.server.accounts import cookies
from midwatch.server.accounts.desk import AtDesk, Who, deed
from midwatch.server.accounts.forms import Id, time_of
from midwatch.server.problems import answers, missing

router = APIRouter(prefix="/me/sessions", tags=["session"], responses=answers(401, 403, 429, 503))


class SessionAnswer(BaseModel):
    """A browser, or a program, that has signed in."""

    id: str
    created: str
    expires: str
    current: bool = Field(description="Whether the request came with it.")


class Sessions(BaseModel):
    """All of one's own that have not ended."""

    sessions: list[SessionAnswer]


@router.get("", summary="Where one is signed in")
async def sessions(request: Request, at: AtDesk, who: Who) -> Sessions:
    """The newest first."""
    secret = cookies.read(request, cookies.SESSION, at.settings.public_url) if who.by == "session" else ""
    own = digest(secret)[:SESSION_ID] if secret else ""
    return Sessions(
        sessions=[
            SessionAnswer(
                id=one.id, created=time_of(one.created), expires=time_of(one.expires), current=one.id == own
            )
            for one in await at.keys.sessions(who.user_id)
        ]
    )  # fmt: skip


@router.delete("/{session_id}", summary="Sign out there", status_code=204, responses=answers(404, 422))
async def end(session_id: Id, at: AtDesk, who: Who) -> None:
    """One of one's own."""
    if not await at.keys.end_session(who.user_id, session_id, deed(who, "session.close", who.user_id)):
        raise missing("session")
