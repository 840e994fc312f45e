"""The contract of a forge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from midwatch.domain.forge import Access, Issue, Judgement, Reaction, Remark, Status
from midwatch.domain.pull_request import Proposal, PullRequest

_COMMIT_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Forge(Protocol):
    """Keeps pull requests. Every method may block on disk or network and raises InputError for what cannot be done as
    asked and OperationError for what may work later. Where issues and pull requests are numbered apart (GitLab), an
    issue's `number` is below zero: -3 is its `#3`."""

    name: str

    async def propose(self, proposal: Proposal, store: Path) -> PullRequest:
        """Bring the commit from the git folder `store` to the proposal's branch and have exactly one open pull request
        for that branch: find it and update its text, else create it. Called twice with the same proposal, the second
        call changes nothing and answers the same; so does a call after it was merged, or closed by a person at that
        commit. Never touches another branch, a working tree, an index or HEAD. Refuses with InputError to move a branch
        that somebody else has pushed to."""

    async def landed(self, proposal: Proposal) -> bool:
        """Whether proposing this again would change nothing but words: its pull request is known, and its branch has
        the commit, unless a person has settled it. Reads only; raises InputError when the repository is gone."""

    async def get(self, repository: str, number: int) -> PullRequest:
        """One pull request. Raises InputError when there is none of that number."""

    async def list(self, repository: str | None = None, state: str | None = None) -> Sequence[PullRequest]:
        """Newest first; of one repository, or of all."""

    async def of_task(self, task_id: str) -> PullRequest | None:
        """The pull request of a task, if it has one."""

    async def merge(self, repository: str, number: int) -> PullRequest:
        """Fast-forward the base branch, else make a merge commit. Refused with InputError on conflict (naming the
        files), when closed, or when it has no base branch. Already merged is answered as it is."""

    async def close(self, repository: str, number: int) -> PullRequest:
        """Close without merging; the branch stays. Already closed is answered as it is; merged is refused."""

    async def comment(self, repository: str, number: int, body: str, marker: str) -> Remark:
        """Write below an issue or a pull request, once for each `marker` (a short token, hidden in the text): called
        again it finds the remark, and gives it the new body where that differs."""

    async def remarks(self, repository: str, number: int) -> Sequence[Remark]:
        """All below an issue or a pull request, those beside lines too, oldest first."""

    async def react(self, repository: str, number: int, remark: str, reaction: Reaction) -> None:
        """Leave a reaction of ours on a remark, or with an empty one on the issue or pull request itself. Again: the
        same. A forge without reactions does nothing."""

    async def review(self, repository: str, number: int, judgement: Judgement, marker: str) -> str:
        """Leave a review, once for each marker; its URL. Remarks on lines that the forge does not take go into its
        body, so none is lost. Never approves and never asks for changes."""

    async def report(self, repository: str, commit: str, status: Status) -> None:
        """Set what is said of a commit. Again: the same."""

    async def issue(self, repository: str, number: int) -> Issue:
        """An issue. Raises InputError when there is none of that number."""

    async def access(self, repository: str, login: str) -> Access:
        """What one of the forge's users may do there; none for somebody unknown."""


def has_base_branch(proposal: Proposal) -> bool:
    """Whether there is a branch to merge into: a task that started from no branch names a commit instead."""
    return bool(proposal.base) and proposal.base != proposal.base_commit and not _COMMIT_ID.fullmatch(proposal.base)


def settled(pr: PullRequest, proposal: Proposal) -> bool:
    """Whether proposing again is answered with what is there: it is merged, or a person closed it at this commit."""
    return pr.state == "merged" or (pr.state == "closed" and pr.proposal.commit == proposal.commit)
