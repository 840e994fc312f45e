"""A forge in memory, for tests of what stands above: the same answers and refusals as the local one, without git."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from dataclasses import replace
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.domain.forge import Access, Issue, Judgement, Reaction, Remark, Status
from midwatch.domain.pull_request import Proposal, PullRequest
from midwatch.forges.base import has_base_branch, settled

_TIME = "2026-01-01T00:00:00.000Z"


class FakeForge:
    """As the contract. `branches` are what a repository has; `conflicts` names the files on which merging fails;
    `issues`, `logins`, `reactions`, `reviews` and `statuses` are what a test sets and looks at."""

    name = "fake"

    def __init__(self) -> None:
        self.branches: dict[tuple[str, str], str] = {}
        self.conflicts: tuple[str, ...] = ()
        self.issues: dict[tuple[str, int], Issue] = {}
        self.logins: dict[tuple[str, str], Access] = {}
        self.reactions: set[tuple[str, int, str, Reaction]] = set()
        self.reviews: dict[tuple[str, int, str], Judgement] = {}
        self.statuses: dict[tuple[str, str, str], Status] = {}
        self._remarks: dict[tuple[str, int, str], Remark] = {}
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

    async def comment(self, repository: str, number: int, body: str, marker: str) -> Remark:
        """As the contract."""
        place = (repository, number, marker)
        await self._require(repository, number)
        return self._keep(place, Remark("", "midwatch", body, _TIME, ""))

    async def remarks(self, repository: str, number: int) -> Sequence[Remark]:
        """As the contract."""
        await self._require(repository, number)
        return [remark for place, remark in self._remarks.items() if place[:2] == (repository, number)]

    async def react(self, repository: str, number: int, remark: str, reaction: Reaction) -> None:
        """As the contract."""
        if remark and remark not in {one.id for one in await self.remarks(repository, number)}:
            raise InputError(f"there is no remark {remark} below {number}")
        self.reactions.add((repository, number, remark, reaction))

    async def review(self, repository: str, number: int, judgement: Judgement, marker: str) -> str:
        """As the contract."""
        await self.get(repository, number)
        if self.reviews.setdefault((repository, number, marker), judgement) is judgement:
            for place, (path, line, body) in enumerate([("", 0, judgement.body), *judgement.remarks]):
                remark = Remark("", "midwatch", body, _TIME, "", path, line)
                self._keep((repository, number, f"{marker}/{place}"), remark)
        return self._remarks[repository, number, f"{marker}/0"].url

    async def report(self, repository: str, commit: str, status: Status) -> None:
        """As the contract."""
        self.statuses[repository, commit, status.name] = status

    async def issue(self, repository: str, number: int) -> Issue:
        """As the contract."""
        if (repository, number) not in self.issues:
            raise InputError(f"there is no issue {number} for {repository}")
        return self.issues[repository, number]

    async def access(self, repository: str, login: str) -> Access:
        """As the contract."""
        return self.logins.get((repository, login), "none")

    async def _require(self, repository: str, number: int) -> None:
        if (repository, number) not in self.issues:
            await self.get(repository, number)

    def _keep(self, place: tuple[str, int, str], remark: Remark) -> Remark:
        known = self._remarks.get(place)
        name = known.id if known else str(len(self._remarks) + 1)
        self._remarks[place] = replace(remark, id=name, url=f"fake:{place[0]}#{place[1]}-{name}")
        return self._remarks[place]

    def _of(self, repository: str) -> Sequence[PullRequest]:
        return [pr for pr in self._pull_requests if pr.proposal.repository == repository]

    def _replace(self, old: PullRequest, new: PullRequest) -> PullRequest:
        self._pull_requests[self._pull_requests.index(old)] = new
        return new
