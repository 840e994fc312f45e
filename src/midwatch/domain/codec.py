"""Frozen dataclasses to JSON values and back, by their annotations. What does not fit raises ValueError."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

_Load = Callable[[Any], Any]
_PLAIN = frozenset({str, int, float, bool, type(None)})


class _Unfit(Exception):
    """A value that does not fit, and the way to it, the last step first."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.way: list[str] = []

    def below(self, step: str) -> _Unfit:
        """The same, found below that step."""
        self.way.append(step)
        return self


def to_json(value: Any) -> Any:
    """Dataclasses become objects, tuples become lists; the rest must be JSON already."""
    kind: Any = type(value)  # a class that mypy takes for hashable
    if kind in _PLAIN:
        return value
    names = _names(kind)
    if names is not None:
        return {name: to_json(getattr(value, name)) for name in names}
    if isinstance(value, tuple | list):
        return [to_json(v) for v in value]
    if isinstance(value, Mapping):
        return {k: to_json(v) for k, v in value.items()}
    return value


def from_json(cls: type[T], value: Any) -> T:
    """Build `cls` from a JSON value. A missing field takes its default; an unknown field is ignored, so that an
    older release can read what a newer one wrote."""
    hint: Any = cls
    try:
        return typing.cast("T", _loader(hint)(value))
    except _Unfit as error:
        raise ValueError(f"{cls.__name__}{''.join(reversed(error.way))}{error.text}") from None


@cache
def _names(cls: type[Any]) -> tuple[str, ...] | None:
    """Of the fields of a dataclass; None for any other."""
    return tuple(field.name for field in dataclasses.fields(cls)) if dataclasses.is_dataclass(cls) else None


@cache
def _loader(hint: Any) -> _Load:
    """What reads a value of that annotation. Made once for each: looking at annotations is slow."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return lambda value: value
    if dataclasses.is_dataclass(hint):
        return _dataclass(typing.cast("type[Any]", hint))
    if origin is tuple:
        return _many(_loader(args[0])) if len(args) == 2 and args[1] is Ellipsis else _some([*map(_loader, args)])
    if origin in (types.UnionType, typing.Union):
        (rest,) = [_loader(option) for option in args if option is not type(None)]
        return (lambda value: None if value is None else rest(value)) if type(None) in args else rest
    if origin is typing.Literal:
        return _word(args)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _object
    return _plain(hint)


def _expected(what: str, value: Any) -> _Unfit:
    return _Unfit(f": expected {what}, found {type(value).__name__}")


def _plain(hint: type[Any]) -> _Load:
    def load(value: Any) -> Any:
        if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
            raise _expected(hint.__name__, value)
        return value

    return load


def _word(known: tuple[Any, ...]) -> _Load:
    def load(value: Any) -> Any:
        if value not in known:
            raise _Unfit(f": expected one of {', '.join(map(str, known))}")
        return value

    return load


def _object(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise _expected("an object", value)
    return dict(value)


def _dataclass(cls: type[Any]) -> _Load:
    none = dataclasses.MISSING
    optional = {f.name: f.default is not none or f.default_factory is not none for f in dataclasses.fields(cls)}
    fields: list[tuple[str, _Load]] = []

    def load(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise _expected("an object", value)
        if not fields:  # at first use: a class may have others of its own kind in it
            hints = typing.get_type_hints(cls)
            fields[:] = [(name, _loader(hints[name])) for name in optional]
        known = {}
        for name, one in fields:
            if name in value:
                try:
                    known[name] = one(value[name])
                except _Unfit as error:
                    raise error.below(f".{name}") from None
            elif not optional[name]:
                raise _Unfit(f".{name} is missing")
        return cls(**known)

    return load


def _many(one: _Load) -> _Load:
    def load(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise _expected("a list", value)
        return _each([one] * len(value), value)

    return load


def _some(each: list[_Load]) -> _Load:
    def load(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise _expected("a list", value)
        if len(each) != len(value):
            raise _Unfit(f": expected {len(each)} values, found {len(value)}")
        return _each(each, value)

    return load


def _each(loaders: list[_Load], values: Any) -> tuple[Any, ...]:
    found: list[Any] = []
    try:
        for load, value in zip(loaders, values, strict=True):
            found.append(load(value))
    except _Unfit as error:
        raise error.below(f"[{len(found)}]") from None
    return tuple(found)
