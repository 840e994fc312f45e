"""Forgejo and Gitea, as `forges/site.py` says: repositories, branches, pull requests, access."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from midwatch.domain.errors import InputError
from midwatch.domain.forge import Access, Extras, Issue, Judgement, Reaction, Remark, Status
from midwatch.forges.answered import read, slug_of
from midwatch.forges.credentials import Credential
from midwatch.forges.forgejo import answers
from midwatch.forges.forgejo.asking import PAGE, headers, repository_path
from midwatch.forges.forgejo.extras import adorn
from midwatch.forges.forgejo.news import ForgejoNews
from midwatch.forges.forgejo.remarks import Remarks
from midwatch.forges.http import Http, Params, Refused, Reply
from midwatch.forges.news import News
from midwatch.forges.once import Pause, Unsure
from midwatch.forges.site import Branch, Edit, Place, Seen
from midwatch.forges.where import USERS
from midwatch.workspace.names import shown

_BARE = {"stat": "false", "verification": "false", "files": "false"}
"""What makes a list of commits costly for the forge."""
_LONGEST_TITLE = 255
_LOOKS = 6
"""Times that a merge is asked for while the forge finds out whether it can; the pauses double from half a second."""
_DRAFT = re.compile(r"\s*(?:wip:|\[wip\])\s*", re.IGNORECASE)
_STYLES = ("merge", "rebase", "rebase-merge", "squash", "fast-forward-only")


class Forgejo:
    """One connection to Forgejo or Gitea. Holds no connection open."""

    kind = "forgejo"
    git_user = USERS["forgejo"]

    def __init__(self, name: str, credential: Credential, web: str, api: str, pause: Pause = asyncio.sleep) -> None:
        """`web` and `api`: without a slash at the end, as `where` has them."""
        self.name = name
        self.web = web
        self.http = Http(name, api, credential, headers, pause)
        self.news: News = ForgejoNews(self.http)
        self._remarks = Remarks(self.http)

    async def place(self, slug: str) -> Place:
        """As the contract. A renamed repository sends on from its old name, with the method that it was asked by."""
        found = await self._repository(slug)
        slug = slug_of(found.full_name, self.name)
        return Place(slug, found.default_branch, found.archived, f"{self.web}/{slug}.git")

    async def branch(self, slug: str, name: str) -> Branch:
        """As the contract."""
        path = f"{repository_path(slug)}/branches/{quote(name)}"
        reply = await self.http.request("GET", path, slug=slug, taken=(404,))
        if reply.status != 404:
            found = read(answers.Branch, reply.data, self.name)
            return Branch(found.commit.id if found.commit else "", found.protected)
        return Branch("", await self._protects(slug, name))

    async def _protects(self, slug: str, name: str) -> bool:
        """Whether branches of this name are protected before there is one. Where we may not ask, no: the forge then
        refuses the push."""
        path = f"{repository_path(slug)}/branch_protections"
        reply = await self.http.request("GET", path, slug=slug, taken=(403, 404))
        rules = read(list[answers.Protection], reply.data, self.name) if reply.status < 300 else []
        return any(covers(rule.rule_name or rule.branch_name, name) for rule in rules)

    async def contains(self, slug: str, new: str, old: str) -> bool:
        """As the contract. Asked by what one has and the other has not: comparing takes no commit ids everywhere."""
        params: Params = {"sha": old, "not": new, "limit": 1, **_BARE}
        reply = await self.http.request(
            "GET", f"{repository_path(slug)}/commits", slug=slug, params=params, taken=(404,)
        )
        return reply.status != 404 and read(list[answers.Commit], reply.data, self.name) == []

    async def find(self, slug: str, branch: str) -> Seen | None:
        """As the contract. The forge cannot be asked by branch, so that its open ones are gone through, and of the
        closed ones those that changed last."""
        path, params = f"{repository_path(slug)}/pulls", {**PAGE, "sort": "recentupdate"}
        everything = await self.http.pages(path, slug=slug, params={**params, "state": "open"})
        found = self._of(everything, branch)
        if not found:
            reply = await self.http.request("GET", path, slug=slug, params={**params, "state": "closed"})
            found = self._of(reply.data, branch)
        return _seen(max(found, key=lambda pull: pull.number)) if found else None

    def _of(self, entries: object, branch: str) -> Sequence[answers.PullRequest]:
        pulls = read(list[answers.PullRequest], entries, self.name)
        return [pull for pull in pulls if pull.branch == branch and pull.ours]

    async def read(self, slug: str, number: int) -> Seen | None:
        """As the contract."""
        found = await self._pull(slug, number)
        return None if found is None else _seen(found)

    async def create(self, slug: str, seen: Seen) -> Seen:
        """As the contract. One that is there already is answered, as if it had just been made."""
        body = {
            "head": seen.branch, "base": seen.base, "title": _title(seen.title, draft=seen.draft), "body": seen.body,
        }  # fmt: skip
        try:
            reply = await self.http.request("POST", f"{repository_path(slug)}/pulls", slug=slug, json=body)
        except Refused as error:  # somebody was quicker, or the forge took our first request after all
            if error.status != 409 or "already exists" not in error.message:
                raise
            found = await self.find(slug, seen.branch)
            if found is not None and found.state == "open":
                return found
            raise Unsure(error.message, "look at it at the forge, then `midwatch resume`") from None  # not listed yet
        return _seen(read(answers.PullRequest, reply.data, self.name))

    async def edit(self, slug: str, seen: Seen, edit: Edit) -> Seen:
        """As the contract."""
        wanted: dict[str, object] = {}
        if edit.title is not None or edit.draft is not None:
            draft = seen.draft if edit.draft is None else edit.draft
            wanted["title"] = _title(seen.title if edit.title is None else edit.title, draft=draft)
        if edit.body is not None:
            wanted["body"] = edit.body
        if edit.base is not None:
            wanted["base"] = edit.base
        return await self._patch(slug, seen.number, wanted) if wanted else seen

    async def adorn(self, slug: str, seen: Seen, extras: Extras) -> Sequence[str]:
        """As the contract. Labels that are not there are made."""
        return await adorn(self.http, slug, seen.number, extras)

    async def reopen(self, slug: str, seen: Seen) -> Seen | None:
        """As the contract; None when the branch has another open one by now, or is gone."""
        try:
            opened = await self._patch(slug, seen.number, {"state": "open"})
        except Refused as error:
            if error.status not in (404, 409, 412, 422):
                raise
            return None
        return opened if opened.state == "open" else None

    async def close(self, slug: str, seen: Seen) -> Seen:
        """As the contract."""
        return await self._patch(slug, seen.number, {"state": "closed"})

    async def merge(self, slug: str, seen: Seen) -> None:
        """As the contract, in the way that the repository is set to."""
        style = (await self._repository(slug)).default_merge_style
        body = {
            "Do": style if style in _STYLES else "merge", "head_commit_id": seen.commit,
            "delete_branch_after_merge": False,
        }  # fmt: skip
        path = f"{repository_path(slug)}/pulls/{seen.number}/merge"
        for round_ in range(_LOOKS):
            try:
                reply = await self.http.request("POST", path, slug=slug, json=body, taken=(405, 409, 423))
            except Unsure:
                found = await self._pull(slug, seen.number)
                if found is None or found.standing != "merged":
                    raise
                return
            found = None if reply.status < 300 else await self._pull(slug, seen.number)
            if reply.status < 300 or (found is not None and found.standing == "merged"):
                return
            if reply.status != 405 or "try again later" not in str(reply.data) or round_ == _LOOKS - 1:
                raise await self._not_merged(slug, seen, reply, found)
            await self.http.pause(0.5 * 2**round_)

    async def _not_merged(
        self, slug: str, seen: Seen, reply: Reply, now: answers.PullRequest | None
    ) -> InputError:  # fmt: skip
        if now is not None and now.head.sha != seen.commit:
            return Refused(
                f"pull request {seen.number} has got new commits while it was to be merged",
                "look at them, then merge again", reply,
            )  # fmt: skip
        names = await self._on_both_sides(slug, seen) if now is not None and not now.mergeable else []
        if reply.status == 409 or names:
            where = f" in: {', '.join(shown(name) for name in names)}" if names else ""
            return Refused(
                f"pull request {seen.number} conflicts with {shown(seen.base)}{where}",
                f"merge {shown(seen.base)} into its branch and settle the conflict, or ask for it with a message",
                reply,
            )
        said = reply.data.get("message") if isinstance(reply.data, dict) else ""
        return Refused(
            f"the forge {self.name} does not merge pull request {seen.number}: "
            f"{shown(str(said or reply.status))[:300]}",
            "see there what it waits for, such as reviews or checks, then merge again", reply,
        )  # fmt: skip

    async def _on_both_sides(self, slug: str, seen: Seen) -> list[str]:
        """The files that both the pull request and its base have changed: the conflict is in them. The API does not say
        more."""
        path = f"{repository_path(slug)}/pulls/{seen.number}/files"
        ours = read(list[answers.Changed], await self.http.pages(path, slug=slug, params=PAGE), self.name)
        path = f"{repository_path(slug)}/compare/{quote(seen.branch)}...{quote(seen.base)}"
        reply = await self.http.request("GET", path, slug=slug, taken=(404,))
        theirs = answers.Comparison() if reply.status == 404 else read(answers.Comparison, reply.data, self.name)
        changed = [*(theirs.files or ()), *(file for commit in theirs.commits or () for file in commit.files or ())]
        return sorted({file.filename for file in ours} & {file.filename for file in changed})

    async def me(self, slug: str) -> str:
        """As the contract."""
        return await self._remarks.me(slug)

    async def remarks(self, slug: str, number: int) -> Sequence[Remark]:
        """As the contract."""
        return await self._remarks.all(slug, number)

    async def write(self, slug: str, number: int, body: str) -> Remark:
        """As the contract."""
        return await self._remarks.write(slug, number, body)

    async def rewrite(self, slug: str, number: int, remark: Remark, body: str) -> Remark:
        """As the contract."""
        return await self._remarks.rewrite(slug, remark, body)

    async def react(self, slug: str, number: int, remark: str, reaction: Reaction) -> None:
        """As the contract. The text of a review takes no reactions there."""
        await self._remarks.react(slug, number, remark, reaction)

    async def judge(self, slug: str, number: int, judgement: Judgement, mark: str) -> str:
        """As the contract."""
        return await self._remarks.judge(slug, number, judgement, mark)

    async def judged(self, slug: str, number: int, mark: str) -> str | None:
        """As the contract."""
        return await self._remarks.judged(slug, number, mark)

    async def report(self, slug: str, commit: str, status: Status) -> None:
        """As the contract."""
        await self._remarks.report(slug, commit, status)

    async def issue(self, slug: str, number: int) -> Issue:
        """As the contract."""
        reply = await self.http.request("GET", f"{repository_path(slug)}/issues/{number}", slug=slug, taken=(404,))
        found = None if reply.status == 404 else read(answers.Issue, reply.data, self.name)
        if found is None or found.pull_request is not None:
            raise Refused(f"there is no issue {number} in {shown(slug)}", "look at its number there", reply)
        return Issue(
            found.number, found.title, found.body or "", found.user.login if found.user else "",
            "open" if found.state == "open" else "closed", tuple(label.name for label in found.labels or ()),
            tuple(person.login for person in found.assignees or ()), found.html_url,
        )  # fmt: skip

    async def access(self, slug: str, login: str) -> Access:
        """As the contract. Raises InputError when the token's user is no administrator of the repository: these forges
        tell nobody else."""
        if not login:
            return "none"
        path = f"{repository_path(slug)}/collaborators/{quote(login, safe='')}/permission"
        reply = await self.http.request("GET", path, slug=slug, taken=(403, 404))
        if reply.status == 404:
            return "none"
        if reply.status == 403:
            raise Refused(
                f"the forge {self.name} does not tell us what {shown(login)} may do in {shown(slug)} (403)",
                "make the user of the token an administrator of the repository, or link the login with a user here",
                reply,
            )
        level = read(answers.Permission, reply.data, self.name).permission
        if level in ("admin", "owner"):
            return "admin"
        return "write" if level == "write" else "read" if level == "read" else "none"

    async def _repository(self, slug: str) -> answers.Repository:
        return read(
            answers.Repository, (await self.http.request("GET", repository_path(slug), slug=slug)).data, self.name
        )

    async def _pull(self, slug: str, number: int) -> answers.PullRequest | None:
        reply = await self.http.request("GET", f"{repository_path(slug)}/pulls/{number}", slug=slug, taken=(404,))
        return None if reply.status == 404 else read(answers.PullRequest, reply.data, self.name)

    async def _patch(self, slug: str, number: int, wanted: Mapping[str, object]) -> Seen:
        """Set what is wanted; asked twice it is the same, so a first answer that did not come is asked for again."""
        path = f"{repository_path(slug)}/pulls/{number}"
        try:
            reply = await self.http.request("PATCH", path, slug=slug, json=wanted)
        except Unsure:
            reply = await self.http.request("PATCH", path, slug=slug, json=wanted)
        return _seen(read(answers.PullRequest, reply.data, self.name))


def covers(rule: str, name: str) -> bool:
    """Whether a rule is for branches of that name: `*` and `?` stop at slashes, `**` does not. Rules with sets or
    choices are left to the forge, which refuses the push."""
    if not set(rule) & set("*?[{\\"):
        return rule.lower() == name.lower()
    if set(rule) & set("[{\\"):
        return False
    words = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    pattern = "".join(words.get(part) or re.escape(part) for part in re.split(r"(\*\*|\*|\?)", rule))
    return re.fullmatch(pattern, name) is not None


def _seen(found: answers.PullRequest) -> Seen:
    standing = found.standing
    return Seen(
        number=found.number, state=standing, url=found.html_url, title=_bare(found.title), body=found.body or "",
        draft=_DRAFT.match(found.title) is not None if found.draft is None else found.draft,
        branch=found.branch if found.ours else f"{found.head.repo_id}:{found.branch}", commit=found.head.sha,
        base=found.base.ref, base_commit=found.base.sha, author=found.user.login if found.user else "",
        created=found.created_at, updated=found.updated_at,
        merge_commit=(found.merge_commit_sha or "") if standing == "merged" else "",
    )  # fmt: skip


def _title(text: str, *, draft: bool) -> str:
    """A title that makes a draft exactly when it shall: these forges read that from its beginning."""
    said = _bare(text)
    return (f"WIP: {said}" if draft else said)[:_LONGEST_TITLE]


def _bare(text: str) -> str:
    said = " ".join(text.split())
    while found := _DRAFT.match(said):
        said = said[found.end() :]
    return said or "Change"
