"""Frozen dataclasses to JSON values and back, by their annotations. What does not fit raises ValueError."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """Dataclasses become objects, tuples become lists; the rest must be JSON already."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [to_json(v) for v in value]
    if isinstance(value, Mapping):
        return {k: to_json(v) for k, v in value.items()}
    return value


def from_json(cls: type[T], value: Any) -> T:
    """Build `cls` from a JSON value. A missing field takes its default; an unknown field is ignored, so that an
    older release can read what a newer one wrote."""
    return typing.cast("T", _load(cls, value, cls.__name__))


_KNOWN: dict[type[Any], list[tuple[str, Any, bool]]] = {}


def _fields(cls: type[Any]) -> list[tuple[str, Any, bool]]:
    """Name, type and whether it is required, of each field; looked up once, because resolving hints is slow."""
    if cls not in _KNOWN:
        hints = typing.get_type_hints(cls)
        _KNOWN[cls] = [
            (f.name, hints[f.name], f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING)
            for f in dataclasses.fields(cls)
        ]
    return _KNOWN[cls]


def _load(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        return _load_dataclass(typing.cast("type[Any]", hint), value, where)
    if origin is tuple:
        return _load_tuple(typing.get_args(hint), value, where)
    if origin in (types.UnionType, typing.Union):
        options = typing.get_args(hint)
        if value is None and type(None) in options:
            return None
        (rest,) = [o for o in options if o is not type(None)]
        return _load(rest, value, where)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise ValueError(f"{where}: expected an object, found {type(value).__name__}")
        return dict(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ValueError(f"{where}: expected {hint.__name__}, found {type(value).__name__}")
    return value


def _load_dataclass(cls: type[Any], value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where}: expected an object, found {type(value).__name__}")
    known = {}
    for name, hint, required in _fields(cls):
        if name in value:
            known[name] = _load(hint, value[name], f"{where}.{name}")
        elif required:
            raise ValueError(f"{where}.{name} is missing")
    return cls(**known)


def _load_tuple(args: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{where}: expected a list, found {type(value).__name__}")
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_load(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if len(args) != len(value):
        raise ValueError(f"{where}: expected {len(args)} values, found {len(value)}")
    return tuple(_load(a, v, f"{where}[{i}]") for i, (a, v) in enumerate(zip(args, value, strict=True)))
