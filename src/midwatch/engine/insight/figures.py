"""The figures that are counted. `docs/insight.md` says how each of them comes about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

By = Literal["repository", "model", "label", "person"]
"""What figures are told apart by."""


@dataclass(frozen=True, slots=True)
class Only:
    """Which tasks are counted. Empty fields take all."""

    among: Sequence[str] | None = None
    """Those of these repositories, as `Outcome.repository` has them; None for all there are."""
    repository: str = ""
    model: str = ""
    person: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """What happened on a day."""

    day: str
    opened: int
    merged: int
    closed: int


@dataclass(frozen=True, slots=True)
class Lapse:
    """How long something took, in seconds: by rank, so that each is a time that some task took. None without tasks."""

    count: int = 0
    median: int | None = None
    p90: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks that have something in common, or all of them."""

    name: str
    tasks: int
    opened: int
    merged: int
    closed: int
    cost: int
    """Millionths of a US dollar."""
    unpriced: int
    """Tasks whose cost is not known, or not wholly."""

    @property
    def merge_rate(self) -> float | None:
        """Of those that were opened; None where none was."""
        return self.merged / self.opened if self.opened else None

    @property
    def cost_per_merged(self) -> int | None:
        """Of all tasks, those too that came to nothing; None where none was merged, or some cost is not known."""
        return round(self.cost / self.merged) if self.merged and not self.unpriced else None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why tasks have no pull request whose checks passed."""

    cause: str
    tasks: int
    example: str
    """What was said of one of them."""


@dataclass(frozen=True, slots=True)
class Lapses:
    """How long it took."""

    queue: Lapse
    """Until the work began, from when it could."""
    to_pull_request: Lapse
    """From the submission."""
    to_merge: Lapse
    """From the pull request."""


@dataclass(frozen=True, slots=True)
class Now:
    """What is under way."""

    queued: int
    running: int
    longest: int | None
    """Seconds that the longest of the queued ones has been waiting; None when there is none."""


@dataclass(frozen=True, slots=True)
class Figures:
    """All of it."""

    days: Sequence[Day]
    total: Group
    groups: Sequence[Group]
    more: int
    """Groups that are left out, the ones with the fewest tasks."""
    lapses: Lapses
    causes: Sequence[Cause]
    now: Now
