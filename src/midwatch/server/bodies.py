"""How large a request may be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from typing import Annotated, Any, get_args

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationInfo,
    field_validator,
    model_validator,
)
from starlette.exceptions import HTTPException

from midwatch.server.problems import Problem, answer

LARGEST = 4 << 20
"""Bytes of a request's body."""
SMALL = 16 << 10
"""Bytes of a body from somebody who is not known yet."""
MOST_FIELDS = 100
"""Of one object; no form has as many."""

_CLOSE = {"Connection": "close"}
"""Else whoever sends without end would be read without end."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Bounded:
    """Refuses (413) a request whose body is larger than `most` bytes: at once where its length is given, else as soon
    as that much has come. Nothing more of it is read then."""

    def __init__(self, app: App, most: int = LARGEST) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"")
        if length.isdigit() and int(length) > self._most:
            refused = answer(Problem(413, self._words, headers=_CLOSE))
            await refused(scope, receive, send)
            return
        come = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal come
            message = await receive()
            come += len(message.get("body", b""))
            if come > self._most:
                raise HTTPException(413, self._words, _CLOSE)  # the framework lets it through to the handler
            return message

        await self._app(scope, counted, send)

    @property
    def _words(self) -> str:
        return f"the request's body is larger than {self._most >> 10} KiB"


def _written_out(value: Any) -> Any:
    # a number would be taken for seconds since 1970, or for thousandths of them
    if isinstance(value, int | float) or (isinstance(value, str) and ":" not in value):
        raise ValueError("a time with its zone is wanted here: 2026-12-01T08:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
"""A time as the document says it: a text, with its zone."""


class Parameters(BaseModel):
    """What a client asks for in an address, where numbers are texts too: nothing but the names that there are."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _few(cls, given: Any) -> Any:
        # each unknown field is a fault that is told: hundreds of thousands would hold up all other requests
        if isinstance(given, dict) and len(given) > MOST_FIELDS:
            raise ValueError(f"an object with {len(given)} fields is none that is taken here")
        return given


class Form(Parameters):
    """What a client sends: nothing but the fields that there are, each of its own type."""

    @field_validator("*", mode="before")
    @classmethod
    def _exact(cls, value: Any, info: ValidationInfo) -> Any:
        # false is no number, and "1" and "yes" are neither numbers nor true, though pydantic would take them for it
        annotation: Any = cls.model_fields[info.field_name or ""].annotation
        kinds = _kinds(annotation)
        if isinstance(value, bool) and kinds & {int, float} and bool not in kinds:
            raise ValueError("a number is wanted here, not true or false")
        if isinstance(value, int | str) and not isinstance(value, bool) and kinds - {type(None)} == {bool}:
            raise ValueError("true or false is wanted here")
        if isinstance(value, str) and kinds - {type(None)} <= {int, float}:
            raise ValueError("a number is wanted here, not a text")
        return value


@cache
def _kinds(annotation: Any) -> frozenset[Any]:
    """The types that a field may have, those in unions and behind `Annotated` too."""
    inner = get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        inner = inner[:1]
    return frozenset[Any]().union(*map(_kinds, inner)) if inner else frozenset({annotation})
