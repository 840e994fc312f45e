"""Reading what forges answer: their bytes are nobody's word until they have the shape that their documents say."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from midwatch.domain.errors import OperationError
from midwatch.forges.address import is_slug
from midwatch.workspace.names import shown

T = TypeVar("T")


def read(kind: type[T], data: Any, name: str) -> T:
    """An answer of the connection `name`. Raises OperationError for what is none."""
    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"]) or "its beginning"
        what = getattr(kind, "__name__", "answer")
        raise OperationError(
            f"the forge {name} answered what cannot be read as a {what} (at {place})",
            "is that the address of its API, and its version one that docs/forges.md lists?",
        ) from None


def slug_of(name: str, forge: str) -> str:
    """What a forge calls a repository, once it is known to be a name and nothing else: addresses are made of it. Raises
    OperationError."""
    if not is_slug(name):
        raise OperationError(
            f"the forge {forge} calls a repository {shown(name)[:200]}", "that is no name of one there"
        )
    return name


def login_of(name: str, forge: str) -> str:
    """Who we are. Raises OperationError for nobody: remarks of people who are gone have no author either."""
    if not name:
        raise OperationError(
            f"the forge {forge} does not say who we are", "try again, or give the connection a new token"
        )
    return name
