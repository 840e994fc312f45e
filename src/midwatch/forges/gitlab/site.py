"""GitLab, as `forges/site.py` says: projects, branches, merge requests, access.

Issues and merge requests are numbered apart there, so `#3` and `!3` are two things. In the contract's calls an issue
has its number below zero: -3 is `#3`.
"""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import Sequence
from urllib.parse import quote

from midwatch.domain.errors import InputError
from midwatch.domain.forge import Access, Extras, Issue, Judgement, Reaction, Remark, Status
from midwatch.forges import marks
from midwatch.forges.answered import read, slug_of
from midwatch.forges.credentials import Credential
from midwatch.forges.gitlab import answers, words
from midwatch.forges.gitlab.asking import ask, headers, project, project_path
from midwatch.forges.gitlab.news import GitLabNews
from midwatch.forges.gitlab.notes import Notes
from midwatch.forges.http import Http, Refused, Reply
from midwatch.forges.news import News
from midwatch.forges.once import Pause, Unsure
from midwatch.forges.site import Branch, Edit, Place, Seen
from midwatch.forges.where import USERS
from midwatch.workspace.names import shown

_LOOKS = 6
"""Times that we look whether GitLab has found out if it can merge; the pauses double from half a second."""
_FINDING_OUT = ("checking", "unchecked", "preparing", "approvals_syncing", "cannot_be_merged_recheck")
_CONFLICT = ("conflict", "broken_status", "cannot_be_merged")


class GitLab:
    """One connection to GitLab. Holds no connection open."""

    kind = "gitlab"
    git_user = USERS["gitlab"]

    def __init__(self, name: str, credential: Credential, web: str, api: str, pause: Pause = asyncio.sleep) -> None:
        """`web` and `api`: without a slash at the end, as `where` has them."""
        self.name = name
        self.web = web
        self.http = Http(name, api, credential, headers, pause)
        self.news: News = GitLabNews(self.http, self.web)
        self._notes = Notes(self.http, self.web)

    async def place(self, slug: str) -> Place:
        """As the contract. A renamed project answers under its old name too, and takes no changes there."""
        found = await project(self.http, slug)
        slug = slug_of(found.path_with_namespace, self.name)
        return Place(slug, found.default_branch or "", found.archived, f"{self.web}/{slug}.git")

    async def branch(self, slug: str, name: str) -> Branch:
        """As the contract."""
        reply = await ask(self.http, "GET", slug, f"/repository/branches/{quote(name, safe='')}", taken=(404,))
        if reply.status != 404:
            found = read(answers.Branch, reply.data, self.name)
            return Branch(found.commit.id, found.protected or found.default)
        return Branch("", await self._protects(slug, name))

    async def _protects(self, slug: str, name: str) -> bool:
        """Whether the project protects branches of this name before there is one. Where we may not ask, no: GitLab then
        refuses the push."""
        entries = await self.http.pages(f"{project_path(slug)}/protected_branches", slug=slug, taken=(401, 403, 404))
        rules = read(list[answers.Protection], entries, self.name)
        return any(fnmatch.fnmatchcase(name, _pattern(rule.name)) for rule in rules)

    async def contains(self, slug: str, new: str, old: str) -> bool:
        """As the contract."""
        found = await self._compared(slug, new, old)
        return found is not None and not found.commits

    async def find(self, slug: str, branch: str) -> Seen | None:
        """As the contract."""
        home = await project(self.http, slug)
        params = {"source_branch": branch, "state": "all", "order_by": "created_at", "sort": "desc"}
        entries = await self.http.pages(f"{project_path(slug)}/merge_requests", slug=slug, params=params)
        found = [
            request for request in read(list[answers.MergeRequest], entries, self.name)
            if request.source_project_id == home.id and request.source_branch == branch
        ]  # fmt: skip
        chosen = next((request for request in found if request.standing == "open"), found[0] if found else None)
        return None if chosen is None else await self.read(slug, chosen.iid)  # a list leaves out the base commit

    async def read(self, slug: str, number: int) -> Seen | None:
        """As the contract."""
        found = await self._request(slug, number)
        return None if found is None else _seen(found)

    async def create(self, slug: str, seen: Seen) -> Seen:
        """As the contract. One that is there already is answered, as if it had just been made."""
        body = {
            "source_branch": seen.branch, "target_branch": seen.base,
            "title": words.title(seen.title, draft=seen.draft), "description": words.plain(_fitting(seen.body)),
        }  # fmt: skip
        try:
            reply = await ask(self.http, "POST", slug, "/merge_requests", body)
        except Refused as error:  # somebody was quicker, or the forge took our first request after all
            if error.status != 409 or "already exists" not in error.message:
                raise
            found = await self.find(slug, seen.branch)
            if found is not None and found.state == "open":
                return found
            raise Unsure(error.message, "look at it at the forge, then `midwatch resume`") from None  # not listed yet
        return _seen(read(answers.MergeRequest, reply.data, self.name))

    async def edit(self, slug: str, seen: Seen, edit: Edit) -> Seen:
        """As the contract."""
        wanted: dict[str, object] = {}
        if edit.title is not None or edit.draft is not None:
            draft = seen.draft if edit.draft is None else edit.draft
            wanted["title"] = words.title(seen.title if edit.title is None else edit.title, draft=draft)
        if edit.body is not None:
            wanted["description"] = words.plain(_fitting(edit.body))
        if edit.base is not None:
            wanted["target_branch"] = edit.base
        return await self._put(slug, seen.number, wanted) if wanted else seen

    async def adorn(self, slug: str, seen: Seen, extras: Extras) -> Sequence[str]:
        """As the contract. GitLab makes labels that it does not know."""
        failed = [f"GitLab has no labels with a comma, such as {shown(name)}" for name in extras.labels if "," in name]
        wanted: dict[str, object] = {}
        if labels := [label for label in extras.labels if "," not in label]:
            wanted["add_labels"] = ",".join(labels)
        try:
            if reviewers := await self._reviewers(slug, seen.number, extras.reviewers, failed):
                wanted["reviewer_ids"] = reviewers
            if wanted:
                await self._put(slug, seen.number, wanted)
        except Refused as error:
            if error.status == 401:
                raise
            failed.append(error.message)
        return failed

    async def _reviewers(self, slug: str, number: int, logins: Sequence[str], failed: list[str]) -> list[int]:
        """The ids of those who are asked already and of these; `team:` is for other forges."""
        people = {login: None if login.startswith("team:") else await self._person(slug, login) for login in logins}
        failed += [
            f"GitLab has nobody called {shown(name)} to ask for a review" for name, who in people.items() if not who
        ]
        asked = {person.id for person in people.values() if person is not None}
        now = await self._request(slug, number) if asked else None
        return sorted(asked | {person.id for person in (now.reviewers if now else None) or ()})

    async def reopen(self, slug: str, seen: Seen) -> Seen | None:
        """As the contract; None when the branch has another open one by now, or is gone."""
        try:
            opened = await self._put(slug, seen.number, {"state_event": "reopen"})
        except Refused as error:
            if error.status not in (400, 409, 422):
                raise
            return None
        return opened if opened.state == "open" else None

    async def close(self, slug: str, seen: Seen) -> Seen:
        """As the contract."""
        return await self._put(slug, seen.number, {"state_event": "close"})

    async def merge(self, slug: str, seen: Seen) -> None:
        """As the contract, in the way that the project is set to."""
        found = await self._mergeable(slug, seen.number)
        if found is not None and found.standing == "merged":
            return
        path = f"/merge_requests/{seen.number}/merge"
        body = {"sha": seen.commit, "should_remove_source_branch": False}
        try:
            reply = await ask(self.http, "PUT", slug, path, body, taken=(401, 405, 406, 409, 422))
        except Unsure:
            found = await self._mergeable(slug, seen.number)
            if found is None or found.standing != "merged":
                raise
            return
        found = await self._mergeable(slug, seen.number)  # and until it has merged
        if reply.status >= 300 and (found is None or found.standing != "merged"):
            raise await self._not_merged(slug, seen, reply, found)

    async def _not_merged(self, slug: str, seen: Seen, reply: Reply, now: answers.MergeRequest | None) -> InputError:
        number, state = seen.number, "" if now is None else now.detailed_merge_status or now.merge_status
        if reply.status == 401:
            return Refused(
                f"the token of the connection {self.name} may not merge pull request {number}",
                "give its user the right to merge there, or merge it at the forge", reply,
            )  # fmt: skip
        if reply.status == 409:
            return Refused(f"pull request {number} got new commits just now", "look at them, then merge again", reply)
        if state in _CONFLICT or (now is not None and now.has_conflicts):
            names = ", ".join(shown(name) for name in await self._on_both_sides(slug, seen))
            return Refused(
                f"pull request {number} conflicts with {shown(seen.base)}" + (f" in: {names}" if names else ""),
                f"merge {shown(seen.base)} into its branch and settle the conflict, or ask for it with a message",
                reply,
            )
        reason = shown(state.replace("_", " ")) or f"status {reply.status}"
        return Refused(
            f"the forge {self.name} does not merge pull request {number} yet: {reason}",
            "see there what it waits for, such as a draft, approvals or pipelines, then merge again", reply,
        )  # fmt: skip

    async def _on_both_sides(self, slug: str, seen: Seen) -> list[str]:
        """The files that both the merge request and its target have changed: the conflict is in them. GitLab's API does
        not say more."""
        ours = await self._compared(slug, seen.base, seen.commit)
        theirs = await self._compared(slug, seen.commit, seen.base)
        if ours is None or theirs is None:
            return []
        return sorted({file.new_path for file in ours.diffs} & {file.new_path for file in theirs.diffs})

    async def _compared(self, slug: str, old: str, new: str) -> answers.Comparison | None:
        """What `new` has that `old` has not, since they parted; None where one of them is not there."""
        params = {"from": old, "to": new}
        reply = await ask(self.http, "GET", slug, "/repository/compare", params, taken=(404,))
        return None if reply.status == 404 else read(answers.Comparison, reply.data, self.name)

    async def me(self, slug: str) -> str:
        """As the contract."""
        return (await self._notes.me(slug)).username

    async def remarks(self, slug: str, number: int) -> Sequence[Remark]:
        """As the contract."""
        return await self._notes.all(slug, number)

    async def write(self, slug: str, number: int, body: str) -> Remark:
        """As the contract."""
        return await self._notes.write(slug, number, body)

    async def rewrite(self, slug: str, number: int, remark: Remark, body: str) -> Remark:
        """As the contract."""
        return await self._notes.rewrite(slug, number, remark, body)

    async def react(self, slug: str, number: int, remark: str, reaction: Reaction) -> None:
        """As the contract."""
        await self._notes.award(slug, number, remark, reaction)

    async def judge(self, slug: str, number: int, judgement: Judgement, mark: str) -> str:
        """As the contract."""
        return await self._notes.judge(slug, number, judgement, mark)

    async def judged(self, slug: str, number: int, mark: str) -> str | None:
        """As the contract."""
        return await self._notes.judged(slug, number, mark)

    async def report(self, slug: str, commit: str, status: Status) -> None:
        """As the contract."""
        await self._notes.report(slug, commit, status)

    async def issue(self, slug: str, number: int) -> Issue:
        """As the contract; both 3 and -3 are `#3` here."""
        reply = await ask(self.http, "GET", slug, f"/issues/{abs(number)}", taken=(404,))
        if reply.status == 404:
            raise Refused(f"there is no issue {abs(number)} in {shown(slug)}", "look at its number there", reply)
        found = read(answers.Issue, reply.data, self.name)
        return Issue(
            number, found.title, found.description or "", found.author.username,
            "open" if found.state == "opened" else "closed", tuple(found.labels),
            tuple(person.username for person in found.assignees or ()), found.web_url,
        )  # fmt: skip

    async def access(self, slug: str, login: str) -> Access:
        """As the contract. Of somebody who is no member of a project that all can see: read."""
        person = await self._person(slug, login) if login else None
        if person is None or person.state != "active":
            return "none"
        reply = await ask(self.http, "GET", slug, f"/members/all/{person.id}", taken=(404,))
        level = 0
        if reply.status != 404:
            member = read(answers.Member, reply.data, self.name)
            level = member.access_level if member.state == "active" else 0
        if level >= 10:
            return "admin" if level >= 40 else "write" if level >= 30 else "read"
        return "none" if (await project(self.http, slug)).visibility == "private" else "read"

    async def _person(self, slug: str, login: str) -> answers.User | None:
        reply = await self.http.request("GET", "/users", slug=slug, params={"username": login})
        people = read(list[answers.User], reply.data, self.name)
        return next((person for person in people if person.username.lower() == login.lower()), None)

    async def _request(self, slug: str, number: int) -> answers.MergeRequest | None:
        reply = await ask(self.http, "GET", slug, f"/merge_requests/{number}", taken=(404,))
        return None if reply.status == 404 else read(answers.MergeRequest, reply.data, self.name)

    async def _mergeable(self, slug: str, number: int) -> answers.MergeRequest | None:
        """A merge request once GitLab knows whether it can be merged, which it finds out aside, or has merged it."""
        found = await self._request(slug, number)
        for round_ in range(_LOOKS):
            if found is None or found.state not in ("opened", "locked"):
                break
            if found.state == "opened" and (found.detailed_merge_status or found.merge_status) not in _FINDING_OUT:
                break
            await self.http.pause(0.5 * 2**round_)
            found = await self._request(slug, number)
        return found

    async def _put(self, slug: str, number: int, wanted: dict[str, object]) -> Seen:
        """Set what is wanted; asked twice it is the same, so a first answer that did not come is asked for again."""
        path = f"/merge_requests/{number}"
        try:
            reply = await ask(self.http, "PUT", slug, path, wanted)
        except Unsure:
            reply = await ask(self.http, "PUT", slug, path, wanted)
        return _seen(read(answers.MergeRequest, reply.data, self.name))


def _seen(found: answers.MergeRequest) -> Seen:
    ours = found.source_project_id == found.target_project_id
    return Seen(
        number=found.iid, state=found.standing, url=found.web_url, title=words.bare(found.title),
        body=words.as_written(found.description or ""), draft=found.draft,
        branch=found.source_branch if ours else f"{found.source_project_id}:{found.source_branch}",
        commit=found.sha or "", base=found.target_branch,
        base_commit=(found.diff_refs.start_sha if found.diff_refs else None) or "", author=found.author.username,
        created=found.created_at, updated=found.updated_at,
        merge_commit=found.landed if found.standing == "merged" else "",
    )  # fmt: skip


def _fitting(body: str) -> str:
    return body if len(body) <= words.LONGEST else marks.with_end(body, "", words.LONGEST)


def _pattern(rule: str) -> str:
    """A wildcard of GitLab, where `*` alone is special."""
    return "".join("*" if c == "*" else f"[{c}]" if c in "?[" else c for c in rule)
