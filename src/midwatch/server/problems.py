"""Errors of the API: Problem Details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import JSONResponse, Response


class Problem(Exception):  # noqa: N818 - what RFC 9457 calls it
    """An answer that is an error. `detail` is a sentence for the person who called; it holds no secret."""

    def __init__(self, status: int, detail: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


def answer(problem: Problem) -> Response:
    """The problem as a response."""
    body = {"type": "about:blank", "title": HTTPStatus(problem.status).phrase, "status": problem.status}
    if problem.detail:
        body["detail"] = problem.detail
    return JSONResponse(body, problem.status, problem.headers, "application/problem+json")
