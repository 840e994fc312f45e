"""What a model wrote as a call's arguments, read with patience."""

from __future__ import annotations

import json
import math
from typing import Any

from midwatch.tools.base import ToolResult


class BadArguments(Exception):
    """The arguments cannot be used; the text says why, for the model."""


def refused(tool: str, error: BadArguments, mend: str) -> ToolResult:
    """The result of a call whose arguments cannot be used. `mend`: what has not happened, and the right form."""
    return ToolResult(ok=False, output=f"{tool}: {error}. {mend}", ended="bad arguments")


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


def number(values: dict[str, Any], name: str, default: float) -> float:
    """A finite number, also one written as a string. Raises BadArguments."""
    value = values.get(name)
    if value is None:
        return default
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise BadArguments(f'"{name}" must be a number')
    return found


def whole(values: dict[str, Any], name: str, default: int) -> int:
    """A whole number of 1 or more. Raises BadArguments."""
    found = number(values, name, default)
    if found != int(found) or found < 1:
        raise BadArguments(f'"{name}" must be a whole number above 0')
    return int(found)


def flag(values: dict[str, Any], name: str) -> bool:
    """True or false; false when it is missing. Raises BadArguments."""
    value = values.get(name)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if value is None or isinstance(value, bool):
        return bool(value)
    raise BadArguments(f'"{name}" must be true or false')


def _name(value: Any) -> str:
    names = {list: "an array", dict: "an object", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
