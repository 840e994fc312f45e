"""What has happened at GitHub, as `forges/news.py` says. The list of issues has pull requests too. A look where nothing
has happened takes nothing from the rate limit: GitHub knows by the ETag that we have seen it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from midwatch.domain.forge import identity
from midwatch.forges.answered import read
from midwatch.forges.arrived.base import MOST_TEXT, Arrived
from midwatch.forges.arrived.github import FAILED, PASSED, no_person
from midwatch.forges.github import noticed
from midwatch.forges.github.shapes import User, remark_id
from midwatch.forges.http import Http, Params
from midwatch.forges.news import Changed, Head, Listing, Sweep, Told, changed_since, when
from midwatch.forges.stamps import Stamps, digest_of

_OLDEST_FIRST = {"sort": "updated", "direction": "asc"}
_NUMBER = re.compile(r"/(\d+)(?:#.*)?$")
_PULL = re.compile(r"/pull/\d+(?:#.*)?$")
_MOST_REMARKS = 50
_MOST_RUNS = 5
"""Pages of 100."""


_UNKNOWN = (403, 404, 422)
"""What is answered of a commit that is not there any more, or of which we may not know."""


class GitHubNews:
    """Of one connection."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def changed(self, slug: str, since: float, stamps: Stamps) -> Sweep:
        """As the contract: one request where nothing has happened."""
        listing = Listing(f"/repos/{slug}/issues", slug, "since", {"state": "all", **_OLDEST_FIRST})
        entries, until = await changed_since(self._http, listing, since, (stamps, "things"))
        return Sweep([_changed(entry, self._http.name) for entry in entries], until)

    async def given(self, slug: str, number: int) -> Sequence[Told]:
        """As the contract. That somebody was assigned is told by GitHub with who did it beside the usual actor."""
        path = f"/repos/{slug}/issues/{number}/events"
        events = read(list[noticed.Event], await self._http.pages(path, slug=slug), self._http.name)
        found = []
        for one in events:
            if one.event == "labeled" and one.label is not None and one.actor is not None:
                told = Arrived("labelled", slug, number, pull=False, subject=one.label.name, **_by(one.actor))
            elif one.event == "assigned" and one.assignee is not None and one.assigner is not None:
                told = Arrived("assigned", slug, number, pull=False, subject=one.assignee.login, **_by(one.assigner))
            else:
                continue
            found.append(Told(when(one.created_at), told))
        return found

    async def said(self, slug: str, since: float, things: Sequence[Changed]) -> Sequence[Told]:
        """As the contract. Reviews have no list of their own."""
        pulls = [one for one in things if one.pull]
        found = await self._remarks(slug, "issues", since)
        if pulls:
            found += await self._remarks(slug, "pulls", since)
        for one in pulls:
            path = f"/repos/{slug}/pulls/{one.number}/reviews"
            for review in read(
                list[noticed.Review], await self._http.pages(path, slug=slug, taken=(404,)), self._http.name
            ):
                if review.user is not None and (at := when(review.submitted_at)):
                    found.append(Told(at, _review(slug, one.number, review)))
        return found

    async def _remarks(self, slug: str, kind: str, since: float) -> list[Told]:
        listing = Listing(f"/repos/{slug}/{kind}/comments", slug, "since", _OLDEST_FIRST)
        entries, _ = await changed_since(self._http, listing, since, pages=_MOST_REMARKS)
        return [
            told
            for one in read(list[noticed.Comment], entries, self._http.name)
            if (told := _remark(slug, kind, one)) is not None
        ]

    async def ran(self, slug: str, heads: Sequence[Head], since: float, stamps: Stamps) -> Sequence[Told]:
        """As the contract: two requests for each commit."""
        found: list[Told] = []
        for head in heads:
            found += await self._checks(slug, head, stamps)
            path = f"/repos/{slug}/commits/{head.commit}/status"
            reply = await stamps.ask(
                self._http, f"status {head.commit}", path, slug=slug, params={"per_page": 100}, taken=_UNKNOWN
            )
            if reply is not None and reply.status < 300:
                found += _statuses(slug, head, read(noticed.Statuses, reply.data, self._http.name))
        return found

    async def _checks(self, slug: str, head: Head, stamps: Stamps) -> list[Told]:
        name, path = f"checks {head.commit}", f"/repos/{slug}/commits/{head.commit}/check-runs"
        params: Params = {"filter": "latest", "per_page": 100}
        reply = await stamps.ask(self._http, name, path, slug=slug, params=params, taken=_UNKNOWN)
        if reply is None:
            return []
        if reply.status >= 300:  # fine-grained tokens may not ask for check runs; those of Actions are its jobs
            stamps.drop(name)
            return await self._jobs(slug, head, stamps)
        found = read(noticed.CheckRuns, reply.data, self._http.name)
        runs = list(found.check_runs)
        for page in range(2, _MOST_RUNS + 1):
            if len(runs) >= found.total_count:
                break
            stamps.drop(name)
            reply = await self._http.request("GET", path, slug=slug, params={**params, "page": page})
            runs += read(noticed.CheckRuns, reply.data, self._http.name).check_runs
        return [told for run in runs if (told := _check(slug, head, run)) is not None]

    async def _jobs(self, slug: str, head: Head, stamps: Stamps) -> list[Told]:
        """The jobs of a commit's workflow runs: each is a check run, and has its number."""
        path = f"/repos/{slug}/actions/runs"
        params: Params = {"head_sha": head.commit, "per_page": 100}
        reply = await stamps.ask(self._http, f"runs {head.commit}", path, slug=slug, params=params, taken=(403, 404))
        if reply is None or reply.status >= 300:
            return []
        found: list[Told] = []
        for run in read(noticed.WorkflowRuns, reply.data, self._http.name).workflow_runs:
            path = f"/repos/{slug}/actions/runs/{run.id}/jobs"
            answer = await self._http.request("GET", path, slug=slug, params={"filter": "latest", "per_page": 100})
            jobs = read(noticed.Jobs, answer.data, self._http.name).jobs
            found += [told for job in jobs if (told := _check(slug, head, job)) is not None]
        return found


def _by(user: User) -> dict[str, Any]:
    return {"actor": user.login, "actor_id": identity(user.id), "bot": no_person(user.login, user.type)}


def _changed(entry: Any, name: str) -> Changed:
    one = read(noticed.Thing, entry, name)
    author = one.user or User()
    return Changed(
        number=one.number, pull=one.pull_request is not None, open=one.state == "open", draft=one.draft,
        author=author.login, author_id=identity(author.id), bot=no_person(author.login, author.type),
        body=(one.body or "")[:MOST_TEXT], url=one.html_url,
        labels=tuple(label if isinstance(label, str) else label.name or "" for label in one.labels),
        assignees=tuple(user.login for user in one.assignees or ()), created=when(one.created_at),
        updated=when(one.updated_at), digest=digest_of(entry),
    )  # fmt: skip


def _remark(slug: str, kind: str, one: noticed.Comment) -> Told | None:
    place = _NUMBER.search(one.issue_url if kind == "issues" else one.pull_request_url)
    if place is None or one.user is None:
        return None
    pull = kind == "pulls" or _PULL.search(one.html_url) is not None
    told = Arrived(
        "remark", slug, int(place[1]), pull=pull, subject=remark_id("line" if kind == "pulls" else "comment", one.id),
        text=(one.body or "")[:MOST_TEXT], url=one.html_url, **_by(one.user),
    )  # fmt: skip
    return Told(when(one.created_at), told)


def _review(slug: str, number: int, one: noticed.Review) -> Arrived:
    assert one.user is not None
    return Arrived(
        "review", slug, number, pull=True, subject=remark_id("review", one.id), text=(one.body or "")[:MOST_TEXT],
        asks=one.state.lower() == "changes_requested", commit=one.commit_id or "", url=one.html_url, **_by(one.user),
    )  # fmt: skip


def _check(slug: str, head: Head, run: noticed.CheckRun) -> Told | None:
    if run.conclusion not in (*FAILED, *PASSED):
        return None
    output = run.output or noticed.Output()
    words = "\n\n".join(part for part in (output.title, output.summary, output.text) if part)
    told = Arrived(
        "run", slug, head.number, pull=True, actor="", subject=f"check {run.id}", job=str(run.id), name=run.name,
        text=words[-MOST_TEXT:], failed=run.conclusion in FAILED, commit=head.commit, branch=head.branch,
        url=run.html_url or "",
    )  # fmt: skip
    return Told(when(run.completed_at), told)


def _statuses(slug: str, head: Head, found: noticed.Statuses) -> Iterator[Told]:
    for one in found.statuses:
        if one.state in ("failure", "error", "success"):
            told = Arrived(
                "run", slug, head.number, pull=True, actor="", subject=f"status {one.id}", name=one.context,
                text=(one.description or "")[:MOST_TEXT], failed=one.state != "success", commit=head.commit,
                branch=head.branch, url=one.target_url or "",
            )  # fmt: skip
            yield Told(when(one.updated_at), told)
