"""Whose money is counted, and what is counted."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from midwatch.domain.errors import InputError
from midwatch.domain.task import Task
from midwatch.engine.database.base import Connection

KINDS = ("organisation", "repository", "task", "user")
PERIODS = ("whole", "day")
LOCAL = "local"
"""The user of a machine that has no accounts."""


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """One account of spending. The order of scopes is the order in which they are locked."""

    kind: str
    """One of KINDS."""
    name: str
    """The task's id, the user's name, the repository's address, the organisation's id."""
    shown: str = field(default="", compare=False)
    """What people call it, where the name is an id."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"there is no budget of a {self.kind!r}", f"it is one of {', '.join(KINDS)}")


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that may be spent; None: as much as one likes."""

    scope: Scope
    period: str
    """`whole`, or `day` (UTC)."""
    microusd: int | None = None
    """Millionths of a US dollar."""
    tokens: int | None = None
    """Input and output together."""

    def __post_init__(self) -> None:
        if self.period not in PERIODS:
            raise InputError(f"there is no budget for a {self.period!r}", f"it is one of {', '.join(PERIODS)}")
        if any(cap is not None and cap < 0 for cap in (self.microusd, self.tokens)):
            raise InputError("a budget cannot be less than nothing", "give 0 or more")


@dataclass(frozen=True, slots=True)
class Spending:
    """What a scope has spent, on a day or on all days together (then `day` is empty)."""

    scope: Scope
    day: str
    """UTC: `2026-11-30`."""
    microusd: int
    """Millionths of a US dollar."""
    tokens: int
    reserved_microusd: int
    """For calls that are under way, and for those whose worker died and whose attempt has not gone on."""
    reserved_tokens: int


def scopes_of(task: Task, owner: str = "", organisation: str = "") -> tuple[Scope, ...]:
    """Where the calls of a task are counted, in the order in which they are locked; its organisation only where that
    is told (`scope_of_organisation` has it as it is by now). A part of another attempt's work counts for the task that
    it is a part of. Empty names are left out, and of an address the user and password, since names are told."""
    whole = task.parent.partition(".")[0] if task.parent else task.id
    named = {
        "task": whole,
        "user": owner,
        "repository": address(task.repository),
        "organisation": organisation,
    }
    return tuple(sorted(Scope(kind, name) for kind, name in named.items() if name))


def scope_of_organisation(db: Connection, repository: str) -> tuple[Scope, ...]:
    """Where what is done in a repository (as it stands in its tasks) is counted by now because of the organisation that
    it belongs to; nothing when it belongs to none."""
    query = (
        "SELECT o.id, o.name FROM repository r JOIN organisation_repository m ON m.repository = r.id "
        "JOIN organisation o ON o.id = m.organisation WHERE r.location = ?"
    )
    return tuple(Scope("organisation", row[0], row[1]) for row in db.execute(query, (repository,)))


def address(repository: str) -> str:
    """What a repository's scope is called: its path or URL, without user and password."""
    return re.sub(r"(?<=://)[^/]*@", "", repository)
