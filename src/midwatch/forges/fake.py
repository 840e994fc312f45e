"""A forge in memory, for tests of what stands above: the same answers and refusals as the local one, without git."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from dataclasses import replace
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.domain.pull_request import Proposal, PullRequest
from midwatch.forges.base import has_base_branch, settled

_TIME = "2026-01-01T00:00:00.000Z"


class FakeForge:
    """As the contract. `branches` are what a repository has; `conflicts` names the files on which merging fails."""

    name = "fake"

    def __init__(self) -> None:
        self.branches: dict[tuple[str, str], str] = {}
        self.conflicts: tuple[str, ...] = ()
        self._pull_requests: MutableSequence[PullRequest] = []
        self._ours: set[str] = set()

    async def propose(self, proposal: Proposal, store: Path) -> PullRequest:
        """As the contract."""
        place = (proposal.repository, proposal.branch)
        before = next((p for p in self._of(proposal.repository) if p.proposal.branch == proposal.branch), None)
        if before is not None and settled(before, proposal):
            return before
        current = self.branches.get(place, proposal.commit)
        if current not in self._ours | {proposal.commit, proposal.base_commit}:
            raise InputError(f"the branch {proposal.branch} has commits of somebody else ({current[:12]})", "rename it")
        self._ours.add(proposal.commit)
        self.branches[place] = proposal.commit
        if before is None:
            number = len(self._of(proposal.repository)) + 1
            url = f"fake:{proposal.repository}#{number}"
            before = PullRequest(number, proposal, "open", url, _TIME, _TIME)
            self._pull_requests.append(before)
        return self._replace(before, replace(before, proposal=proposal, state="open"))

    async def landed(self, proposal: Proposal) -> bool:
        """As the contract."""
        pr = next((p for p in self._of(proposal.repository) if p.proposal.branch == proposal.branch), None)
        if pr is None or settled(pr, proposal):
            return pr is not None
        place = (proposal.repository, proposal.branch)
        return pr.state == "open" and self.branches.get(place) == pr.proposal.commit == proposal.commit

    async def get(self, repository: str, number: int) -> PullRequest:
        """As the contract."""
        for pr in self._of(repository):
            if pr.number == number:
                return pr
        raise InputError(
            f"there is no pull request {number} for {repository}", "`midwatch pr list` shows those there are"
        )

    async def list(self, repository: str | None = None, state: str | None = None) -> Sequence[PullRequest]:
        """As the contract."""
        found = self._pull_requests if repository is None else self._of(repository)
        return [pr for pr in reversed(found) if state in (None, pr.state)]

    async def of_task(self, task_id: str) -> PullRequest | None:
        """As the contract."""
        return next((pr for pr in reversed(self._pull_requests) if pr.proposal.task_id == task_id), None)

    async def merge(self, repository: str, number: int) -> PullRequest:
        """As the contract."""
        pr = await self.get(repository, number)
        if pr.state == "merged":
            return pr
        if pr.state == "closed":
            raise InputError(f"pull request {number} is closed")
        if not has_base_branch(pr.proposal):
            raise InputError(f"pull request {number} has no base branch: the task started from {pr.proposal.base}")
        if self.conflicts:
            raise InputError(f"pull request {number} conflicts with {pr.proposal.base} in: {', '.join(self.conflicts)}")
        self.branches[repository, pr.proposal.base] = pr.proposal.commit
        return self._replace(pr, replace(pr, state="merged", merge_commit=pr.proposal.commit))

    async def close(self, repository: str, number: int) -> PullRequest:
        """As the contract."""
        pr = await self.get(repository, number)
        if pr.state == "merged":
            raise InputError(f"pull request {number} is merged")
        return self._replace(pr, replace(pr, state="closed"))

    def _of(self, repository: str) -> Sequence[PullRequest]:
        return [pr for pr in self._pull_requests if pr.proposal.repository == repository]

    def _replace(self, old: PullRequest, new: PullRequest) -> PullRequest:
        self._pull_requests[self._pull_requests.index(old)] = new
        return new
