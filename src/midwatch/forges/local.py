"""The forge that needs no server: pull requests in the state folder, branches in the user's repository.

What brings commits into repositories is imported where it is used: listing needs none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.domain.forge import Access, Issue, Judgement, Reaction, Remark, Status
from midwatch.domain.pull_request import Proposal, PullRequest
from midwatch.forges.base import has_base_branch, settled
from midwatch.forges.book import Book
from midwatch.forges.notes import Notes


class LocalForge:
    """As the contract says. Safe to use from several processes at once."""

    name = "local"

    def __init__(self, state: Path) -> None:
        self._book = Book(state / "forge.db")
        self._notes = Notes(state / "forge.db")

    async def propose(self, proposal: Proposal, store: Path) -> PullRequest:
        """As the contract; the commit may come from a store that borrows from the user's repository. A merged pull
        request, and one that a person closed at this very commit, are answered as they are; a closed one is opened
        again by a new commit. When the repository is a URL, the branch stays in the store."""
        from midwatch.forges import landing
        from midwatch.workspace.location import is_url, locate, repository_key

        key = repository_key(proposal.repository)
        before = self._book.find(key, proposal.branch)
        if before is not None and settled(before, proposal):
            return before
        ours = self._book.offers(key, proposal.branch)
        self._book.offer(
            key, proposal.branch, proposal.commit
        )  # first, so that a crash leaves no branch we do not know
        if is_url(proposal.repository):
            await landing.land_in_store(store, proposal)
        else:
            await landing.land(await locate(proposal.repository), store, proposal, ours)
        return self._book.put(key, proposal)

    async def get(self, repository: str, number: int) -> PullRequest:
        """As the contract."""
        from midwatch.workspace.location import repository_key
        from midwatch.workspace.names import without_secret

        found = self._book.get(repository_key(repository), number)
        if found is None:
            raise InputError(
                f"there is no pull request {number} for {without_secret(repository)}",
                "`midwatch pr list` shows those there are",
            )
        return found

    async def list(self, repository: str | None = None, state: str | None = None) -> Sequence[PullRequest]:
        """As the contract; starts no process, and finds nothing when there is no state yet."""
        if repository is None:
            return self._book.list(None, state)
        from midwatch.workspace.location import repository_key

        return self._book.list(repository_key(repository), state)

    async def of_task(self, task_id: str) -> PullRequest | None:
        """As the contract."""
        return self._book.of_task(task_id)

    async def landed(self, proposal: Proposal) -> bool:
        """As the contract. For a URL the branch lies in the store, and only what is written down is looked at."""
        from midwatch.forges import landing
        from midwatch.workspace.location import is_url, locate, repository_key

        pr = self._book.find(repository_key(proposal.repository), proposal.branch)
        if pr is None or settled(pr, proposal):
            return pr is not None
        if pr.state != "open" or pr.proposal.commit != proposal.commit:
            return False
        if is_url(proposal.repository):
            return True
        git = (await locate(proposal.repository)).git()
        return await landing.is_ancestor(git, proposal.commit, f"refs/heads/{proposal.branch}")

    async def merge(self, repository: str, number: int) -> PullRequest:
        """As the contract. A working tree that has the base branch checked out is brought along; refused, before
        anything changes, when that would lose changes in it. What was merged by hand is found to be merged."""
        from midwatch.forges import landing
        from midwatch.workspace.location import is_url, locate, repository_key
        from midwatch.workspace.names import shown, without_secret

        pr = await self.get(repository, number)
        if pr.state == "merged":
            return pr
        if pr.state == "closed":
            raise InputError(f"pull request {number} is closed", "`midwatch resume` with a change opens it again")
        proposal = pr.proposal
        if is_url(proposal.repository):
            raise InputError(
                f"{without_secret(proposal.repository)} is not on this machine, so nothing can be merged into it here",
                "save `midwatch diff` to a file and use `git apply` in a clone of it",
            )
        if not has_base_branch(proposal):
            raise InputError(
                f"pull request {number} has no base branch: the task started from {shown(proposal.base)}",
                f"merge by hand where you want it: `git merge {proposal.branch}`",
            )
        commit = await landing.merge(await locate(proposal.repository), proposal, number)
        return self._book.settle(repository_key(repository), number, "merged", commit) or pr

    async def close(self, repository: str, number: int) -> PullRequest:
        """As the contract. What is merged cannot be closed."""
        from midwatch.workspace.location import repository_key

        pr = await self.get(repository, number)
        if pr.state == "merged":
            raise InputError(f"pull request {number} is merged", "revert the merge commit with `git revert` if need be")
        return self._book.settle(repository_key(repository), number, "closed") or pr

    async def comment(self, repository: str, number: int, body: str, marker: str) -> Remark:
        """As the contract; below pull requests alone."""
        key, where = await self._below(repository, number)
        return self._notes.say(key, number, where, body, marker)

    async def remarks(self, repository: str, number: int) -> Sequence[Remark]:
        """As the contract."""
        key, where = await self._below(repository, number)
        return self._notes.remarks(key, number, where)

    async def react(self, repository: str, number: int, remark: str, reaction: Reaction) -> None:
        """As the contract."""
        key, where = await self._below(repository, number)
        if remark and remark not in {one.id for one in self._notes.remarks(key, number, where)}:
            raise InputError(f"there is no remark {remark} below pull request {number}", "it may have been deleted")
        self._notes.react(key, number, remark, reaction)

    async def review(self, repository: str, number: int, judgement: Judgement, marker: str) -> str:
        """As the contract; every line is taken."""
        key, where = await self._below(repository, number)
        return self._notes.judge(key, number, where, marker, [("", 0, judgement.body), *judgement.remarks])

    async def report(self, repository: str, commit: str, status: Status) -> None:
        """As the contract."""
        from midwatch.workspace.location import repository_key

        self._notes.report(repository_key(repository), commit, status)

    async def issue(self, repository: str, number: int) -> Issue:
        """Raises InputError: there are none."""
        from midwatch.workspace.names import without_secret

        raise InputError(
            f"{without_secret(repository)} has no issues: it belongs to no forge that is connected",
            "put what the issue says into the task itself",
        )

    async def access(self, repository: str, login: str) -> Access:
        """None: it has no users."""
        return "none"

    async def _below(self, repository: str, number: int) -> tuple[str, str]:
        """The key of the repository and the address of what is said there. Raises InputError for an unknown number."""
        from midwatch.workspace.location import repository_key

        return repository_key(repository), (await self.get(repository, number)).url
