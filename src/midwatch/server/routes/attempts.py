"""Attempts: how they stand, what happened in them, and what their commands printed."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import FileResponse

from midwatch import wiring
from midwatch.server import logs, views
from midwatch.server.accounts.caller import still_may
from midwatch.server.answers import AttemptAnswer, Events, Output
from midwatch.server.asked import AttemptId
from midwatch.server.authors import Authors, authors
from midwatch.server.problems import answers, conflicting
from midwatch.server.seats import STREAM, Seated
from midwatch.server.service import Visiting
from midwatch.server.streams import event_json

router = APIRouter(prefix="/attempts/{attempt}", tags=["attempts"])

OCTETS = "application/octet-stream"
MOST_EVENTS = 1000
_LARGEST = 2**53 - 1
_BYTES = {OCTETS: {"schema": {"type": "string", "format": "binary"}}}
_EVENTS = {
    200: {
        "description": "A page of events; with `Accept: text/event-stream` a stream of them, each with its number as "
        "`id`, that ends with the message `end` when nobody works on the attempt any more.",
        "content": {STREAM: {"schema": {"type": "string"}}},
    }
}


@router.get("", responses=answers(409))
async def one(visiting: Visiting, attempt: AttemptId) -> AttemptAnswer:
    """How it stands: turns, tokens, cost, the model's last words, the verdict of its checks."""
    row = await visiting.attempt(attempt)
    with conflicting():
        report = await visiting.service.aside.do(wiring.report(visiting.service.home, row.task.id))
    state = next(state for state in row.attempts if state.attempt == attempt)
    found = next(one for one in report.attempts if one.attempt == attempt)
    return views.attempt_answer(state, found, row.task.id)


@router.get("/events", response_model=Events, responses=_EVENTS)  # type: ignore[arg-type]  # as FastAPI documents it
async def events(
    visiting: Visiting,
    attempt: AttemptId,
    request: Request,
    after: Annotated[int, Query(ge=0, le=_LARGEST, description="The number of the last event that is known.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_EVENTS, description="Of a page; a stream has none.")] = 200,
    last_event_id: Annotated[
        int | None, Header(ge=0, le=_LARGEST, description="As `after`, from a stream that broke off; it goes first.")
    ] = None,
) -> Response:
    """What has happened, event by event; as a stream also what happens from now on."""
    row, repository = await visiting.attempt_of(attempt)
    head = next(state.seq for state in row.attempts if state.attempt == attempt)
    first = min(after if last_event_id is None else last_event_id, head)
    if STREAM in request.headers.get("accept", ""):
        may = partial(still_may, request, repository.id if repository else "", "viewer")
        followed = visiting.service.streams.follow(attempt, first, may)
        return Seated(followed, visiting.service.seats, visiting.who.user_id)
    records = await visiting.service.home.store.page(attempt, first, limit)
    last = records[-1].seq if records else first
    more = "true" if last < head else "false"
    body = f'{{"events": [{", ".join(map(event_json, records))}], "next": {last}, "more": {more}}}'
    return Response(body, media_type="application/json")


@router.get("/authors")
async def said(visiting: Visiting, attempt: AttemptId) -> Authors:
    """Who said what to it further: the log says only that a person did."""
    await visiting.attempt(attempt)
    return await visiting.service.aside.do(authors(visiting.service.home, attempt))


@router.get("/logs/{number}")
async def output(
    visiting: Visiting,
    attempt: AttemptId,
    number: Annotated[int, Path(ge=1, le=10**9, description="Of the command or check; of a hook, its event's.")],
    of: logs.Of = "command",
    first: Annotated[int, Query(alias="from", ge=1, le=10**12, description="The first line, counted from 1.")] = 1,
    to: Annotated[int | None, Query(ge=1, le=10**12, description="The last line; default: as many as fit.")] = None,
) -> Output:
    """Lines of the full output of a command, a check of the evidence, or a hook; at most 2,000 and 1 MiB of them."""
    await visiting.attempt(attempt)
    wanted = logs.Wanted(of, number, first, to)
    return await visiting.service.aside.do(logs.output(visiting.service.home, attempt, wanted))


@router.get("/outputs/{digest}", response_class=FileResponse, responses={200: {"content": _BYTES}})
async def whole(
    visiting: Visiting,
    attempt: AttemptId,
    digest: Annotated[
        str, Path(pattern=r"^[0-9a-f]{64}$", description="Of an event: the SHA-256 of what is asked for.")
    ],
) -> FileResponse:
    """A whole output (or a picture) that the attempt's log names, byte for byte, so that its SHA-256 can be taken."""
    await visiting.attempt(attempt)
    path = await visiting.service.aside.do(logs.whole(visiting.service.home, attempt, digest))
    headers = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment"}
    return FileResponse(path, media_type=OCTETS, headers=headers)
