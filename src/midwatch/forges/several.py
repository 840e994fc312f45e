"""The forge that stands before all others: it passes on by where a repository is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from midwatch.domain.forge import Access, Issue, Judgement, Reaction, Remark, Status
from midwatch.domain.pull_request import Proposal, PullRequest
from midwatch.forges.base import Forge

Connected = Callable[[str], Awaitable[Forge | None]]
"""The forge of a connection that a location belongs to; None where none does."""


class Forges:
    """As the contract. What is kept of all forges is in one book, which the local forge reads."""

    name = "several"

    def __init__(self, local: Forge, connected: Connected) -> None:
        self._local = local
        self._connected = connected

    async def of(self, repository: str) -> Forge:
        """The forge that a location belongs to. Raises what looking up connections raises."""
        return await self._connected(repository) or self._local

    async def propose(self, proposal: Proposal, store: Path) -> PullRequest:
        """As the contract."""
        return await (await self.of(proposal.repository)).propose(proposal, store)

    async def landed(self, proposal: Proposal) -> bool:
        """As the contract."""
        return await (await self.of(proposal.repository)).landed(proposal)

    async def get(self, repository: str, number: int) -> PullRequest:
        """As the contract."""
        return await (await self.of(repository)).get(repository, number)

    async def list(self, repository: str | None = None, state: str | None = None) -> Sequence[PullRequest]:
        """As the contract; asks no forge."""
        if repository is None:
            return await self._local.list(None, state)
        return await (await self.of(repository)).list(repository, state)

    async def of_task(self, task_id: str) -> PullRequest | None:
        """As the contract; asks no forge."""
        return await self._local.of_task(task_id)

    async def merge(self, repository: str, number: int) -> PullRequest:
        """As the contract."""
        return await (await self.of(repository)).merge(repository, number)

    async def close(self, repository: str, number: int) -> PullRequest:
        """As the contract."""
        return await (await self.of(repository)).close(repository, number)

    async def comment(self, repository: str, number: int, body: str, marker: str) -> Remark:
        """As the contract."""
        return await (await self.of(repository)).comment(repository, number, body, marker)

    async def remarks(self, repository: str, number: int) -> Sequence[Remark]:
        """As the contract."""
        return await (await self.of(repository)).remarks(repository, number)

    async def react(self, repository: str, number: int, remark: str, reaction: Reaction) -> None:
        """As the contract."""
        await (await self.of(repository)).react(repository, number, remark, reaction)

    async def review(self, repository: str, number: int, judgement: Judgement, marker: str) -> str:
        """As the contract."""
        return await (await self.of(repository)).review(repository, number, judgement, marker)

    async def report(self, repository: str, commit: str, status: Status) -> None:
        """As the contract."""
        await (await self.of(repository)).report(repository, commit, status)

    async def issue(self, repository: str, number: int) -> Issue:
        """As the contract."""
        return await (await self.of(repository)).issue(repository, number)

    async def access(self, repository: str, login: str) -> Access:
        """As the contract."""
        return await (await self.of(repository)).access(repository, login)
