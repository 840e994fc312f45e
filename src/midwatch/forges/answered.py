"""Reading what forges answer: their bytes are nobody's word until they have the shape that their documents say."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from midwatch.domain.errors import OperationError

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
