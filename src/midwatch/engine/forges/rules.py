"""What a repository wants of its forge: kept beside it, set by its maintainers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RepositoryForge:
    """How a repository's forge and this server get on with each other."""

    labels: tuple[str, ...] = ()
    """Put on every pull request of ours."""
    reviewers: tuple[str, ...] = ()
    """Asked for on every pull request of ours: logins, `team:NAME` for a team."""
    write_may_start: bool = False
    """Whether anybody to whom the forge grants `write` may start work, also without being a user of this server."""
    trigger_label: str = "midwatch"
    """An issue that is given this label becomes a task; empty for none."""
    mention: str = "midwatch"
    """The name by which it is called, without the `@`."""
    auto_review: bool = False
    """Whether every pull request is reviewed when it is opened, and when it is ready."""
    review_all: bool = False
    """Whether such a review tells of everything; else of what is urgent (P0 and P1)."""
    fix_runs: int = 2
    """How many failed CI runs on one pull request of ours are taken up; 0 for none."""
