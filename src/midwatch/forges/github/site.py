"""GitHub, and GitHub Enterprise, as `forges/site.py` says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import quote

from midwatch.domain.errors import InputError, OperationError
from midwatch.domain.forge import Access, Extras, Issue, Judgement, Reaction, Remark, Status
from midwatch.forges.credentials import Credential
from midwatch.forges.github import asking, checks, pulls, talk
from midwatch.forges.github.news import GitHubNews
from midwatch.forges.github.shapes import BranchAnswer, IssueAnswer, Permission, Repository, read
from midwatch.forges.http import Http
from midwatch.forges.news import News
from midwatch.forges.once import Pause
from midwatch.forges.site import Branch, Edit, Place, Seen
from midwatch.forges.where import USERS

_ACCESS: dict[str, Access] = {"admin": "admin", "maintain": "write", "write": "write", "triage": "read", "read": "read"}


class GitHub:
    """One connection to GitHub. Holds no connection open."""

    kind = "github"
    git_user = USERS["github"]

    def __init__(self, name: str, credential: Credential, web: str, api: str, pause: Pause = asyncio.sleep) -> None:
        """`web` and `api`: without a slash at the end, as `where` has them."""
        self.name = name
        self.web = web
        self.http = Http(name, api, credential, asking.headers, pause)
        self.news: News = GitHubNews(self.http)
        self._me = ""

    async def place(self, slug: str) -> Place:
        """As the contract."""
        reply = await self.http.request("GET", f"/repos/{slug}", slug=slug)
        found = read(Repository, reply.data)
        return Place(found.full_name, found.default_branch, found.archived, f"{self.web}/{found.full_name}.git")

    async def branch(self, slug: str, name: str) -> Branch:
        """As the contract. GitHub leads from a renamed branch to its new name, which is another branch for us."""
        path = f"/repos/{slug}/branches/{quote(name, '', errors='replace')}"
        reply = await self.http.request("GET", path, slug=slug, taken=(404,))
        if reply.status == 404:
            return Branch("")
        found = read(BranchAnswer, reply.data)
        return Branch(found.commit.sha, found.protected) if found.name == name else Branch("")

    async def contains(self, slug: str, new: str, old: str) -> bool:
        """As the contract."""
        found = await pulls.compared(self.http, slug, old, new, files=False)
        return found is not None and found.status in ("ahead", "identical")

    async def find(self, slug: str, branch: str) -> Seen | None:
        """As the contract."""
        return await pulls.find(self.http, slug, branch)

    async def read(self, slug: str, number: int) -> Seen | None:
        """As the contract."""
        found = await pulls.pull(self.http, slug, number)
        return found.seen() if found is not None else None

    async def create(self, slug: str, seen: Seen) -> Seen:
        """As the contract."""
        return await pulls.create(self.http, slug, seen)

    async def edit(self, slug: str, seen: Seen, edit: Edit) -> Seen:
        """As the contract."""
        return await pulls.edit(self.http, slug, seen, edit)

    async def adorn(self, slug: str, seen: Seen, extras: Extras) -> Sequence[str]:
        """As the contract."""
        return await pulls.adorn(self.http, slug, seen, extras)

    async def reopen(self, slug: str, seen: Seen) -> Seen | None:
        """As the contract. GitHub refuses it when the branch was deleted or written anew since it was closed."""
        return await pulls.set_state(self.http, slug, seen.number, "open")

    async def merge(self, slug: str, seen: Seen) -> None:
        """As the contract."""
        await pulls.merge(self.http, slug, seen)

    async def close(self, slug: str, seen: Seen) -> Seen:
        """As the contract."""
        closed = await pulls.set_state(self.http, slug, seen.number, "closed")
        if closed is None:
            raise InputError(f"GitHub does not close pull request {seen.number}", f"look at {seen.url}")
        return closed

    async def me(self, slug: str) -> str:
        """As the contract; of an app it ends with `[bot]`. Asked once."""
        if not self._me:
            viewer = (await asking.graph(self.http, slug, "query { viewer { login } }")).get("viewer") or {}
            login = str(viewer.get("login") or "")
            if not login:  # remarks of deleted users have none either
                raise OperationError(f"the forge {self.name} does not say who we are", "try again, or give a new token")
            self._me = f"{login.removesuffix('[bot]')}[bot]" if self.http.credential.app else login
        return self._me

    async def remarks(self, slug: str, number: int) -> Sequence[Remark]:
        """As the contract."""
        return await talk.remarks(self.http, slug, number)

    async def write(self, slug: str, number: int, body: str) -> Remark:
        """As the contract."""
        return await talk.write(self.http, slug, number, body)

    async def rewrite(self, slug: str, number: int, remark: Remark, body: str) -> Remark:
        """As the contract."""
        return await talk.rewrite(self.http, slug, remark, body)

    async def react(self, slug: str, number: int, remark: str, reaction: Reaction) -> None:
        """As the contract."""
        await talk.react(self.http, slug, number, remark, reaction)

    async def judge(self, slug: str, number: int, judgement: Judgement, mark: str) -> str:
        """As the contract."""
        return await talk.judge(self.http, slug, number, judgement, mark)

    async def judged(self, slug: str, number: int, mark: str) -> str | None:
        """As the contract."""
        me = await self.me(slug)
        for review in await talk.reviews(self.http, slug, number):
            if (review.body or "").rstrip().endswith(mark) and review.user is not None and review.user.login == me:
                return review.html_url
        return None

    async def report(self, slug: str, commit: str, status: Status) -> None:
        """As the contract: a check run where we are an app, else a plain status."""
        if self.http.credential.app:
            await checks.report_run(self.http, slug, commit, status, await self.me(slug))
        else:
            await checks.report_status(self.http, slug, commit, status)

    async def issue(self, slug: str, number: int) -> Issue:
        """As the contract. A pull request is an issue too, as GitHub sees it."""
        reply = await self.http.request("GET", f"/repos/{slug}/issues/{number}", slug=slug, taken=(404, 410))
        if reply.status >= 300:
            raise InputError(
                f"there is no issue {number} in {slug} at {self.name}", "it may have been moved or deleted"
            )
        found = read(IssueAnswer, reply.data)
        labels = [label if isinstance(label, str) else label.name or "" for label in found.labels]
        return Issue(
            number=found.number,
            title=found.title,
            body=found.body or "",
            author=found.user.login if found.user else "",
            state="open" if found.state == "open" else "closed",
            labels=tuple(labels),
            assignees=tuple(user.login for user in found.assignees or ()),
            url=found.html_url,
        )

    async def access(self, slug: str, login: str) -> Access:
        """As the contract."""
        if not login:
            return "none"
        path = f"/repos/{slug}/collaborators/{quote(login, '', errors='replace')}/permission"
        reply = await self.http.request("GET", path, slug=slug, taken=(404,))
        if reply.status == 404:
            return "none"
        found = read(Permission, reply.data)
        return _ACCESS.get(found.role_name) or _ACCESS.get(found.permission, "none")
