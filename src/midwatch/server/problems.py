"""Errors of the API: Problem Details (RFC 9457), one shape for every answer that is no success."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from midwatch.domain.errors import InputError, MidwatchError, StaleEpoch, StoreError

MEDIA_TYPE = "application/problem+json"
AGAIN_AFTER = 5
"""Seconds after which what the machine is at fault for may be tried again."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer that is no file of the page, where it does not say otherwise: nothing in it is run, shown within
another page, or kept by who stands between."""

log = logging.getLogger("midwatch.server")


class Fault(BaseModel):
    """One place of a request that is not as it must be."""

    place: str = Field(description="Where: `body.limits.turns`, `query.limit`, `header.last-event-id`.")
    text: str = Field(description="What is wrong there.")


class ProblemDetails(BaseModel):
    """Why a request was not done (RFC 9457)."""

    type: str = Field(default="about:blank", description="Always `about:blank`: the status says it all.")
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(default="", description="What is wrong, in a sentence.")
    mend: str = Field(default="", description="How to mend it, where there is a way.")
    lines: str = Field(default="", description="What a person needs beside the sentence, such as the end of an output.")
    faults: list[Fault] = Field(default=[], description="Of a request that is not as this document says: each place.")


class Problem(Exception):
    """An answer that is an error. `detail` is a sentence for the person who called, `mend` says how to mend it; they
    hold no secret."""

    def __init__(
        self, status: int, detail: str = "", mend: str = "", *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.mend, self.headers = status, detail, mend, dict(headers or {})


def missing(what: str) -> Problem:
    """404, also for what the caller may not see."""
    return Problem(404, f"there is no such {what}")


@contextmanager
def conflicting() -> Iterator[None]:
    """What cannot be done with a thing as it stands is a conflict (409), and no fault of the request's form; so is what
    somebody else has begun meanwhile."""
    try:
        yield
    except (InputError, StaleEpoch) as error:
        raise Problem(409, error.message, error.mend) from error


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers of a route that are no success, for the OpenAPI document."""
    shape = {"$ref": "#/components/schemas/ProblemDetails"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": shape}}}
        for status in sorted(statuses)
    }


def answer(problem: Problem) -> Response:
    """The problem as a response."""
    return _response(
        ProblemDetails(title=_title(problem.status), status=problem.status, detail=problem.detail, mend=problem.mend),
        problem.headers,
    )


def install(app: FastAPI) -> None:
    """Have every error of the app answered in this shape."""
    app.add_exception_handler(Problem, _of_problem)
    app.add_exception_handler(MidwatchError, _of_ours)
    app.add_exception_handler(RequestValidationError, _of_form)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(Exception, _of_bug)


def status_of(error: MidwatchError) -> int:
    """What a person must change is 422, what the machine is at fault for is 503."""
    return 422 if isinstance(error, InputError) else 503


def withheld(error: MidwatchError) -> Problem:
    """What whoever is not known is told of it: of the database nothing, where its words name hosts and files."""
    again = {"Retry-After": str(AGAIN_AFTER)} if status_of(error) == 503 else {}
    if again:
        log.warning("%s", error.message)
    if not isinstance(error, StoreError):
        return Problem(status_of(error), error.message, error.mend, headers=again)
    return Problem(503, "the server cannot reach what it keeps", "try again; the server's log says why", headers=again)


def _title(status: int) -> str:
    return HTTPStatus(status).phrase


def _response(details: ProblemDetails, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(details.model_dump(mode="json"), details.status, dict(headers or {}), MEDIA_TYPE)


async def _of_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return answer(error)


async def _of_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, MidwatchError)
    if "caller" not in request.scope.get("state", {}):
        return answer(withheld(error))
    status = status_of(error)
    if status == 503:
        log.warning("%s", error.message)
    details = ProblemDetails(
        title=_title(status), status=status, detail=error.message, mend=error.mend, lines=error.detail
    )
    return _response(details, {"Retry-After": str(AGAIN_AFTER)} if status == 503 else None)


async def _of_form(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = _faults(error.errors())
    detail = "; ".join(f"{fault.place}: {fault.text}" for fault in found[:3])
    mend = "/api/v1/openapi.json says what each request takes"
    return _response(ProblemDetails(title=_title(422), status=422, detail=detail, mend=mend, faults=found))


def _faults(errors: Sequence[Any]) -> list[Fault]:
    # what was given is not repeated: it may be a secret, or no JSON at all
    return [_fault(error) for error in errors]


def _fault(error: Mapping[str, Any]) -> Fault:
    place, kind = list(error.get("loc", ())), error.get("type")
    if kind == "json_invalid":  # its place is a character's number
        return Fault(place="body", text=f"it is no JSON, from character {place[-1]} on")
    if kind == "string_pattern_mismatch":
        pattern = (error.get("ctx") or {}).get("pattern", "")
        return Fault(place=".".join(map(str, place)), text=f"it has not the form that it must have: {pattern}")
    return Fault(place=".".join(map(str, place)), text=str(error.get("msg", "")))


async def _of_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # the framework's word for a body that is no text
        return answer(Problem(422, "the body cannot be read: it is no JSON"))
    phrase = _title(error.status_code)
    words = {404: "there is nothing at this address", 405: "this address does not take this method"}
    detail = words.get(error.status_code, phrase) if error.detail in ("", phrase) else error.detail
    return _response(ProblemDetails(title=phrase, status=error.status_code, detail=detail), error.headers)


async def _of_bug(request: Request, error: Exception) -> Response:
    log.error("%s %s: a bug in Midwatch", request.method, request.url.path, exc_info=error)
    mend = "the server's log has the lines to report"
    details = ProblemDetails(title=_title(500), status=500, detail="this is a bug in Midwatch", mend=mend)
    return _response(details, HEADERS)
