"""What a model wrote as a call's arguments, read with patience."""

from __future__ import annotations

import json
from typing import Any


class BadArguments(Exception):
    """The arguments cannot be used; the text says why, for the model."""


def read(arguments: str) -> dict[str, Any]:
    """The arguments as an object; line breaks inside strings are accepted. Raises BadArguments."""
    try:
        value = json.loads(arguments or "{}", strict=False)
    except (ValueError, RecursionError) as error:
        raise BadArguments(f"the arguments are not valid JSON ({error})") from None
    if not isinstance(value, dict):
        raise BadArguments(f"the arguments must be a JSON object, not {_name(value)}")
    return value


def text(values: dict[str, Any], name: str, default: str | None = None) -> str:
    """A string argument. Raises BadArguments when it is missing without a default, or no string."""
    value = values.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        what = "is missing" if value is None else f"must be a string, not {_name(value)}"
        raise BadArguments(f'"{name}" {what}')
    return value


def _name(value: Any) -> str:
    names = {list: "an array", dict: "an object", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
