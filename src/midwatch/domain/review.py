"""What a review finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should change before the reviewed change is taken."""

    title: str
    body: str
    """What goes wrong, for whom, and why."""
    priority: int
    """0: it must not go out like this; 1: mend it now; 2: mend it some time; 3: a nicety."""
    confidence: float
    """From 0 to 1: how sure the model is that it is so."""
    file: str
    """Relative to the top of the repository."""
    first_line: int
    """In the reviewed files, counted from 1."""
    last_line: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """A finding that names a place which is not in the reviewed files."""

    title: str
    file: str
    first_line: int
    last_line: int
    reason: str
