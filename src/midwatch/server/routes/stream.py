"""`stream`: everything that a browser's tab follows, on one connection."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from midwatch.server.problems import answers
from midwatch.server.seats import STREAM, Seated
from midwatch.server.service import Visiting
from midwatch.server.tabs import TOPICS, Tab, topics_of

_MESSAGE = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["task", "away", "event", "end", "reset", "gone"]},
        "data": {"type": "string", "description": "JSON: `topic`, `at`, and the message's own fields."},
        "id": {"type": "string", "description": "The places of all topics: what `Last-Event-ID` takes."},
    },
}
_MESSAGES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Messages, each with the `topic` it is of and `at`, the place after it: `task` (a row that has "
        "changed or is new), `away` (the `id` of a task that is archived), `event` (of an attempt), `end` (nobody "
        "works on the attempt any more; when somebody does again it goes on), `reset` (what came before is not known "
        "any more: ask for all of it), `gone` (there is no such attempt, or you may not see it).",
        "content": {STREAM: {"schema": _MESSAGE}},
    }
}

router = APIRouter(tags=["stream"])


@router.get("/stream", response_class=Response, responses={**_MESSAGES, **answers(422)})
async def stream(
    visiting: Visiting,
    request: Request,
    topics: Annotated[
        str,
        Query(
            pattern=TOPICS,
            max_length=2000,
            description="`tasks` and `attempt:ID`, separated by commas; each with `@` and its place to go on after it.",
            examples=["tasks,attempt:01m5x3q9k2ab.1@12"],
        ),
    ],
    last_event_id: Annotated[
        str, Header(max_length=4000, description="The id of the last message: the places go before those of `topics`.")
    ] = "",
) -> Response:
    """Rows of the tasks you may see and events of attempts, as they change, until you go. What happens within 50 ms
    comes together; a stream that is silent sends a comment every 15 seconds."""
    again = request.scope["state"]["again"]
    tab = Tab(visiting.service, visiting.who, again, topics_of(topics, last_event_id))
    return Seated(tab.follow(), visiting.service.seats, visiting.who.user_id)
