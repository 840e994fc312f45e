"""The contract of a forge over a site on the network: what is asked in which order, and what is never done.

Everything is found before it is made. The site says what a branch and a pull request are now; the book says what we
have put there ourselves, and with which words, so that what a person has changed since stays as they want it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.domain.forge import Access, Extras, Issue, Judgement, Reaction, Remark, Status
from midwatch.domain.pull_request import Proposal, PullRequest
from midwatch.forges import marks
from midwatch.forges.address import canonical, slug_below
from midwatch.forges.base import has_base_branch
from midwatch.forges.book import Book
from midwatch.forges.once import once
from midwatch.forges.proposing import base_of, changes, require_base, require_latest, require_room, wanted
from midwatch.forges.pushing import Destination, push, require_ours
from midwatch.forges.site import Place, Seen, Site
from midwatch.forges.uploading import upload
from midwatch.workspace.git import Git
from midwatch.workspace.location import repository_key
from midwatch.workspace.names import shown, without_secret

log = logging.getLogger("midwatch.forges")

LONGEST_REMARK = 60_000
"""Characters; the forges take 65,536 and more."""

Wanted = Callable[[str], Awaitable[Extras]]
"""What the repository of a location wants on its pull requests."""


async def nothing(location: str) -> Extras:
    """No labels, no reviewers."""
    return Extras()


class NetworkForge:
    """As the contract. Safe to use from several processes at once: the forge refuses the later of two pushes."""

    def __init__(self, site: Site, book: Book, extras: Wanted = nothing) -> None:
        self.name = site.name
        self.site = site
        self._book = book
        self._extras = extras

    async def propose(self, proposal: Proposal, store: Path) -> PullRequest:
        """As the contract. A person's own title, text, base or draft state of the pull request stays, unless ours has
        changed since. Refused, beside what the contract says, when the branch is protected or none of Midwatch's, when
        the repository is archived, when a later task has the pull request, and when the base branch no longer has the
        commit that the task began from."""
        require_ours(proposal.branch)
        slug, key = self._where(proposal.repository)
        before = self._book.find(key, proposal.branch)
        require_latest(before, proposal)
        place = await self._place(slug)
        seen = await self._found(place.slug, proposal.branch, before)
        if seen is not None and _settled(seen, before, proposal):
            return self._book.record(
                key, _taken(seen, before.proposal if before else replace(proposal, commit=seen.commit))
            )
        await require_base(self.site, place, proposal, known=seen is not None and before is not None)
        seen = await self._bring(place, key, proposal, store, seen)
        if seen is None:
            seen = await self._open(place, proposal)
        edit = changes(seen, before, proposal)
        if edit is not None:
            seen = await self.site.edit(place.slug, seen, edit)
        if before is None or before.number != seen.number:
            await self._adorn(place.slug, seen, await self._extras(proposal.repository))
        return self._book.record(key, _taken(seen, proposal))

    async def _found(self, slug: str, branch: str, before: PullRequest | None) -> Seen | None:
        """The pull request of the branch; by its number where a forge's list does not go back to one that we know."""
        seen = await self.site.find(slug, branch)
        if seen is None and before is not None:
            seen = await self.site.read(slug, before.number)
        return seen if seen is not None and seen.branch == branch else None

    async def _bring(self, place: Place, key: str, proposal: Proposal, store: Path, seen: Seen | None) -> Seen | None:
        """Have the commit on its branch; the open pull request of it, if there is one. A closed one is opened before
        the branch moves, since a forge may refuse it afterwards."""
        slug, commit = place.slug, proposal.commit
        branch = await self.site.branch(slug, proposal.branch)
        require_room(self.name, place, proposal, branch)
        there = branch.tip == commit or (bool(branch.tip) and await self.site.contains(slug, branch.tip, commit))
        ours = there or not branch.tip or branch.tip in self._book.offers(key, proposal.branch)
        if not ours and not await _leads_to(store, branch.tip, commit):
            raise InputError(
                f"the branch {shown(proposal.branch)} has commits of somebody else ({branch.tip[:12]}) at {self.name}",
                "take them to a branch of another name and delete this one there, then `midwatch resume`",
            )
        if seen is not None and seen.state == "closed":
            seen = await self.site.reopen(slug, seen)
        if not there:
            self._book.offer(key, proposal.branch, commit)  # first, so that a crash leaves no branch we do not know
            try:
                for send in (upload, push):  # what takes long may outlast a token, so that each asks for one
                    token = await self.site.http.credential.token(slug)
                    await send(
                        store, proposal,
                        Destination(self.name, place.git, self.site.web, self.site.git_user, token, branch.tip),
                    )  # fmt: skip
            except InputError:
                self.site.http.credential.forget(slug)
                raise
        return seen

    async def _open(self, place: Place, proposal: Proposal) -> Seen:
        async def look() -> Seen | None:
            found = await self.site.find(place.slug, proposal.branch)
            return found if found is not None and found.state == "open" else None

        fresh = wanted(proposal, base_of(proposal, place))
        return await once(look, lambda: self.site.create(place.slug, fresh), self.site.http.pause)

    async def _adorn(self, slug: str, seen: Seen, extras: Extras) -> None:
        if not (extras.labels or extras.reviewers):
            return
        refused = await self.site.adorn(slug, seen, extras)
        if refused:
            lines = "\n".join(f"- {line}" for line in refused)
            await self._say(
                slug, seen.number, f"The forge did not take all that this repository wants:\n{lines}", "extras"
            )

    async def landed(self, proposal: Proposal) -> bool:
        """As the contract; asks the forge."""
        slug, key = self._where(proposal.repository)
        before = self._book.find(key, proposal.branch)
        if before is None:
            return False
        seen = await self.site.read(slug, before.number)
        if seen is None or _settled(seen, before, proposal):
            return seen is not None
        if seen.state != "open" or before.proposal.commit != proposal.commit:
            return False
        branch = await self.site.branch(slug, proposal.branch)
        if not branch.tip or branch.tip == proposal.commit:
            return bool(branch.tip)
        return await self.site.contains(slug, branch.tip, proposal.commit)

    async def get(self, repository: str, number: int) -> PullRequest:
        """As the contract; asks the forge, and brings the book up to date. One that is none of ours has no task."""
        return (await self._read(repository, number))[1]

    async def list(self, repository: str | None = None, state: str | None = None) -> Sequence[PullRequest]:
        """As the contract: what the book has."""
        return self._book.list(None if repository is None else self._where(repository)[1], state)

    async def of_task(self, task_id: str) -> PullRequest | None:
        """As the contract: what the book has."""
        return self._book.of_task(task_id)

    async def merge(self, repository: str, number: int) -> PullRequest:
        """As the contract, by a merge commit where the repository allows one, else as it allows. A draft is refused."""
        slug, _ = self._where(repository)
        seen, pr = await self._read(repository, number)
        if pr.state == "merged":
            return pr
        if pr.state == "closed":
            raise InputError(f"pull request {number} is closed", f"open it again at {seen.url}, then merge")
        if not has_base_branch(pr.proposal):
            raise InputError(
                f"pull request {number} has no base branch: the task started from {shown(pr.proposal.base)}",
                f"merge it at {seen.url} if it shall go to {shown(seen.base)}",
            )
        if seen.draft:
            raise InputError(
                f"pull request {number} is a draft", f"mark it as ready for review at {seen.url}, then merge"
            )

        async def look() -> bool | None:
            return True if (await self._read(repository, number))[1].state == "merged" else None

        async def act() -> bool:
            await self.site.merge(slug, seen)
            return True

        await once(look, act, self.site.http.pause)
        return (await self._read(repository, number))[1]

    async def close(self, repository: str, number: int) -> PullRequest:
        """As the contract. What is merged cannot be closed."""
        slug, key = self._where(repository)
        seen, pr = await self._read(repository, number)
        if pr.state == "merged":
            raise InputError(f"pull request {number} is merged", "revert the merge commit with `git revert` if need be")
        if pr.state == "closed":
            return pr
        return self._known(key, await self.site.close(slug, seen), pr.proposal)

    async def comment(self, repository: str, number: int, body: str, marker: str) -> Remark:
        """As the contract. A remark of somebody else with that marker is none of ours."""
        return await self._say(self._where(repository)[0], number, body, marker)

    async def _say(self, slug: str, number: int, body: str, marker: str) -> Remark:
        text = marks.marked(body, marker, LONGEST_REMARK)
        me = await self.site.me(slug)

        async def look() -> Remark | None:
            ours = (r for r in await self.site.remarks(slug, number) if r.author == me and not r.path)
            return next((r for r in ours if marks.has(r.body, marker)), None)

        said = await once(look, lambda: self.site.write(slug, number, text), self.site.http.pause)
        if said.body.replace("\r\n", "\n").rstrip() == text:
            return said
        return await self.site.rewrite(slug, number, said, text)

    async def remarks(self, repository: str, number: int) -> Sequence[Remark]:
        """As the contract."""
        return await self.site.remarks(self._where(repository)[0], number)

    async def react(self, repository: str, number: int, remark: str, reaction: Reaction) -> None:
        """As the contract."""
        await self.site.react(self._where(repository)[0], number, remark, reaction)

    async def review(self, repository: str, number: int, judgement: Judgement, marker: str) -> str:
        """As the contract."""
        slug, _ = self._where(repository)
        end = marks.mark(marker)
        return await once(
            lambda: self.site.judged(slug, number, end),
            lambda: self.site.judge(slug, number, judgement, end),
            self.site.http.pause,
        )

    async def report(self, repository: str, commit: str, status: Status) -> None:
        """As the contract."""
        await self.site.report(self._where(repository)[0], commit, status)

    async def issue(self, repository: str, number: int) -> Issue:
        """As the contract."""
        return await self.site.issue(self._where(repository)[0], number)

    async def access(self, repository: str, login: str) -> Access:
        """As the contract."""
        return await self.site.access(self._where(repository)[0], login)

    def _where(self, repository: str) -> tuple[str, str]:
        """The slug, and the key in the book. Raises InputError for what is elsewhere."""
        slug = slug_below(self.site.web, repository)
        if slug is None:
            raise InputError(
                f"{without_secret(repository)} is no repository at {self.site.web}",
                f"name it like {self.site.web}/OWNER/NAME",
            )
        return slug, repository_key(canonical(self.site.web, slug))

    async def _place(self, slug: str) -> Place:
        place = await self.site.place(slug)
        if place.slug.lower() != slug.lower():
            log.warning(
                "%s is called %s at the forge now: name it so from now on", slug, place.slug,
                extra={"forge": self.name, "was": slug, "now": place.slug},
            )  # fmt: skip
        return place

    async def _read(self, repository: str, number: int) -> tuple[Seen, PullRequest]:
        slug, key = self._where(repository)
        seen = await self.site.read(slug, number)
        if seen is None:
            raise InputError(
                f"there is no pull request {number} for {without_secret(repository)}",
                "`midwatch pr list` shows those there are",
            )
        return seen, self._known(key, seen, _foreign(repository, seen))

    def _known(self, key: str, seen: Seen, foreign: Proposal) -> PullRequest:
        """What the forge shows, with what the book says of it; the book brought up to date where it is ours."""
        before = self._book.get(key, seen.number)
        return _taken(seen, foreign) if before is None else self._book.record(key, _taken(seen, before.proposal))


def _taken(seen: Seen, proposal: Proposal) -> PullRequest:
    return PullRequest(
        seen.number, proposal, seen.state, seen.url, seen.created, seen.updated,
        seen.merge_commit if seen.state == "merged" else "",
    )  # fmt: skip


def _foreign(repository: str, seen: Seen) -> Proposal:
    return Proposal(
        task_id="", repository=repository, branch=seen.branch, base=seen.base, base_commit=seen.base_commit,
        commit=seen.commit, title=seen.title, body=seen.body, draft=seen.draft, verdict="none",
    )  # fmt: skip


def _settled(seen: Seen, before: PullRequest | None, proposal: Proposal) -> bool:
    """Whether a person has settled it: merged, or closed at the commit that would be proposed again, which may have
    arrived without our having written it down."""
    known = {seen.commit}
    if before is not None and before.number == seen.number:
        known.add(before.proposal.commit)
    return seen.state == "merged" or (seen.state == "closed" and proposal.commit in known)


async def _leads_to(store: Path, old: str, new: str) -> bool:
    git = Git(git_dir=store, cwd=store)
    return (await git.ask("merge-base", "--is-ancestor", old, new)).code == 0
