"""A pull request as every forge knows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a task offers: a commit, its branch, and words. The branch name identifies it."""

    task_id: str
    repository: str
    branch: str
    base: str
    """The branch it should go to, or a commit id when the task started from no branch."""
    base_commit: str
    commit: str
    title: str
    body: str
    draft: bool
    verdict: str
    """Of the evidence: passed, failed or none."""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A proposal that a forge has taken. `state` is open, merged or closed."""

    number: int
    proposal: Proposal
    state: str
    url: str
    created: str
    updated: str
    merge_commit: str = ""
