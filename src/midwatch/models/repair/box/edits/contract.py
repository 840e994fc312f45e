"""The words of this package: an edit, what is known besides the source, and a draft of an edit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Edit:
    """One replacement of a range of bytes in one file; everything outside the range stays as it is."""

    path: str
    """The file, relative to the workspace."""
    start: int
    """First byte replaced, an offset into the file's original bytes."""
    end: int
    """One past the last byte replaced; equal to `start` for a pure insertion."""
    new: bytes
    """What stands there afterwards, in the file's own encoding and line endings."""
    kind: str
    """The family's word for it, such as `compare-operator`."""
    cost: float
    """How large or unlikely the edit is by itself; smaller comes first. Roughly minus the log of its likelihood."""
    line: int
    """The 1-based line where the edit starts."""
    what: str
    """Plain words for a person."""
    priority: float
    """Cost and suspicion together: the lower, the earlier it is worth a try."""


@dataclass(frozen=True)
class Context:
    """What the search knows besides the file: everything is optional."""

    other_sources: Mapping[str, bytes] = field(default_factory=dict)
    """Other files of the package by path, a source of names."""
    messages: tuple[str, ...] = ()
    """Messages of the failing tests (`IndexError: list index out of range`, an assertion, `timeout`)."""
    deadline: float | None = None
    """`time.monotonic()` after which no more edits are wanted."""
    frames: tuple[tuple[str, int], ...] = ()
    """(path, line) of the tracebacks of failing tests, innermost last; not read yet: suspicion should have them."""
    test_names: tuple[str, ...] = ()
    """Names of the failing tests."""


class Draft(NamedTuple):
    """An edit in the module's UTF-8 text that nobody has checked yet."""

    start: int
    end: int
    new: str
    kind: str
    cost: float
    what: str
