"""Whether a value has the shape that a TypedDict of somebody's SDK describes: nothing missing, nothing unknown."""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Mapping
from typing import Any

import typing_extensions

FREE = (Any, object)


def faults(value: Any, hint: Any, where: str = "body") -> list[str]:
    """What does not fit, as `where: what`; empty when all does."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Required, typing.NotRequired, typing.Annotated, typing_extensions.Required):
        return faults(value, arguments[0], where)
    if hint is type(None):
        return [] if value is None else [f"{where}: not null"]
    if hint in FREE or isinstance(hint, typing.TypeVar):
        return []
    if typing_extensions.is_typeddict(hint):
        return _object(value, hint, where)
    if origin in (typing.Union, types.UnionType):
        return _union(value, arguments, where)
    if origin is typing.Literal:
        return [] if value in arguments else [f"{where}: {value!r} is none of {arguments}"]
    if origin in (list, collections.abc.Iterable, collections.abc.Sequence):
        if not isinstance(value, list):
            return [f"{where}: no list"]
        return [fault for place, one in enumerate(value) for fault in faults(one, arguments[0], f"{where}[{place}]")]
    if origin in (dict, collections.abc.Mapping):
        return [] if isinstance(value, Mapping) else [f"{where}: no object"]
    if hint is float:
        return [] if isinstance(value, int | float) else [f"{where}: no number"]
    fits = isinstance(hint, type) and isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
    return [] if fits else [f"{where}: {value!r} is no {hint}"]


def _object(value: Any, hint: Any, where: str) -> list[str]:
    if not isinstance(value, Mapping):
        return [f"{where}: no object"]
    hints = typing_extensions.get_type_hints(hint, include_extras=True)
    found = [f"{where}.{key}: unknown" for key in value if key not in hints]
    origins: dict[str, Any] = {key: typing.get_origin(one) for key, one in hints.items()}
    needed = [key for key, origin in origins.items() if origin is typing.Required]
    found += [f"{where}.{key}: missing" for key in needed if key not in value]
    return found + [
        fault for key in value if key in hints for fault in faults(value[key], hints[key], f"{where}.{key}")
    ]


def _union(value: Any, options: tuple[Any, ...], where: str) -> list[str]:
    """The faults of the option that fits best: the one whose `type` or `role` is the value's, else the first."""
    tried = [faults(value, option, where) for option in options]
    return min(tried, key=lambda found: (len(found), sum(".type:" in fault or ".role:" in fault for fault in found)))
