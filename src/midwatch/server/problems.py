"""What went wrong, as Problem Details (RFC 9457): one shape for every answer that is no success."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from midwatch.domain.errors import InputError, MidwatchError, OperationError

MEDIA_TYPE = "application/problem+json"
AGAIN_AFTER = 5
"""Seconds after which something that the machine is at fault for may be tried again."""

log = logging.getLogger("midwatch.server")


class Fault(BaseModel):
    """One place of a request that is not as it must be."""

    place: str = Field(description="Where: `body.limits.turns`, `query.limit`, `header.last-event-id`.")
    text: str = Field(description="What is wrong there.")


class Problem(BaseModel):
    """RFC 9457. `type` is always `about:blank`: the status says what kind of problem it is."""

    type: str = "about:blank"
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What is wrong, in a sentence.")
    mend: str = Field("", description="How to mend it, where there is a way.")
    lines: str = Field("", description="What a person needs beside the sentence, such as the end of an output.")
    faults: list[Fault] = Field([], description="For a request that is not as the document says: each place.")


class Refusal(MidwatchError):
    """A request that is refused with a status of its own: a sentence, and how to mend it."""

    def __init__(self, status: int, message: str, mend: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, mend)
        self.status = status
        self.headers = dict(headers or {})


def missing(what: str) -> Refusal:
    """404, also for what the caller may not see."""
    return Refusal(404, f"there is no {what}")


@contextmanager
def conflicting() -> Iterator[None]:
    """What cannot be done with a thing as it stands is a conflict (409), and no fault of the request's form."""
    try:
        yield
    except InputError as error:
        raise Refusal(409, error.message, error.mend) from error


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers of a route that are no success, for the OpenAPI document."""
    return {status: _documented(status) for status in sorted(statuses)}


def _documented(status: int) -> dict[str, Any]:
    shape = {"$ref": "#/components/schemas/Problem"}
    return {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": shape}}}


def install(app: FastAPI) -> None:
    """Have every error of the app answered in this shape."""
    app.add_exception_handler(MidwatchError, _of_ours)
    app.add_exception_handler(RequestValidationError, _of_form)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(Exception, _of_bug)


def answer(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response."""
    body = problem.model_dump(mode="json", exclude_defaults=False)
    return JSONResponse(body, problem.status, dict(headers or {}), MEDIA_TYPE)


def of(error: MidwatchError) -> Problem:
    """An error of ours: what a person must change is 422, what the machine is at fault for is 503."""
    status = error.status if isinstance(error, Refusal) else 422 if isinstance(error, InputError) else 503
    return Problem(
        title=HTTPStatus(status).phrase, status=status, detail=error.message, mend=error.mend, lines=error.detail
    )


async def _of_ours(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MidwatchError)
    problem = of(error)
    if isinstance(error, Refusal):
        return answer(problem, error.headers)
    if problem.status != 503:
        return answer(problem)
    log.warning("%s", error.message)
    return answer(problem, {"Retry-After": str(AGAIN_AFTER)} if isinstance(error, OperationError) else None)


async def _of_form(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = faults(error.errors())
    detail = "; ".join(f"{fault.place}: {fault.text}" for fault in found[:3])
    return answer(
        Problem(title=HTTPStatus(422).phrase, status=422, detail=detail or "the request is not as it must be",
                mend="the document at /openapi.json says what each request takes", faults=found)
    )  # fmt: skip


def faults(errors: Sequence[Any]) -> list[Fault]:
    """Pydantic's errors as ours. What was given is not repeated: it may be a secret, or no JSON at all."""
    return [
        Fault(place=".".join(str(part) for part in error.get("loc", ())) or "body", text=str(error.get("msg", "")))
        for error in errors
    ]


async def _of_http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    detail = error.detail if error.detail and error.detail != phrase else _WORDS.get(error.status_code, phrase)
    return answer(Problem(title=phrase, status=error.status_code, detail=detail), error.headers)


_WORDS = {
    404: "there is nothing at this address",
    405: "this address does not take this method",
}


async def _of_bug(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s: a bug in Midwatch", request.method, request.url.path, exc_info=error)
    return answer(
        Problem(title=HTTPStatus(500).phrase, status=500, detail="this is a bug in Midwatch",
                mend="the server's log has the lines to report")
    )  # fmt: skip
