"""What has happened at GitLab, as `forges/news.py` says. Issues and merge requests have lists of their own, and
what is said below each of them has one."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from math import inf
from typing import Any

from pydantic import BaseModel

from midwatch.domain.forge import identity
from midwatch.domain.ids import BRANCHES
from midwatch.forges.answered import read
from midwatch.forges.arrived.base import MOST_TEXT, Arrived
from midwatch.forges.arrived.gitlab import is_program, run_of
from midwatch.forges.gitlab.asking import project_path
from midwatch.forges.gitlab.words import as_written
from midwatch.forges.http import Http, Params
from midwatch.forges.news import Changed, Head, Listing, Sweep, Told, changed_since, when
from midwatch.forges.stamps import Stamps, digest_of

_OLDEST_FIRST = {"order_by": "updated_at", "sort": "asc"}
_ASSIGNED = re.compile(r"assigned to (?P<logins>@.+?)(?: and unassigned .*)?", re.DOTALL)
_LOGIN = re.compile(r"@([\w.-]*\w)")
_PIPELINES = "pipelines until"
_OVERLAP = 60.0
"""Seconds that are read again: what GitLab's lists show may come a little late."""
_AHEAD = 3600.0
"""Seconds that GitLab's clock is believed to be before ours."""
_MOST_NOTES = 10
"""Pages of 100."""


class _User(BaseModel):
    id: int = 0
    username: str = ""


class _Thing(BaseModel):
    iid: int
    state: str
    draft: bool = False
    author: _User | None = None
    description: str | None = None
    web_url: str = ""
    labels: list[str] = []
    assignees: list[_User] | None = None
    created_at: str
    updated_at: str


class _Label(BaseModel):
    name: str = ""


class _LabelEvent(BaseModel):
    user: _User | None = None
    created_at: str = ""
    label: _Label | None = None
    action: str = ""


class _Note(BaseModel):
    id: int
    body: str = ""
    author: _User
    created_at: str
    system: bool = False


class _Pipeline(BaseModel):
    id: int
    status: str
    ref: str = ""
    sha: str = ""
    web_url: str = ""
    updated_at: str = ""


class _Job(BaseModel):
    id: int
    name: str
    stage: str = ""
    status: str = ""
    allow_failure: bool = False
    failure_reason: str | None = None


class GitLabNews:
    """Of one connection."""

    def __init__(self, http: Http, web: str) -> None:
        self._http = http
        self._web = web

    async def changed(self, slug: str, since: float, stamps: Stamps) -> Sweep:
        """As the contract: two requests where nothing has happened."""
        found, until = list[Changed](), inf
        for kind in ("issues", "merge_requests"):
            listing = Listing(f"{project_path(slug)}/{kind}", slug, "updated_after", {"state": "all", **_OLDEST_FIRST})
            entries, end = await changed_since(self._http, listing, since, (stamps, kind))
            until = min(until, end)
            found += [self._changed(entry, pull=kind == "merge_requests") for entry in entries]
        return Sweep(found, until)

    def _changed(self, entry: Any, *, pull: bool) -> Changed:
        one = read(_Thing, entry, self._http.name)
        author = one.author or _User()
        return Changed(
            number=one.iid, pull=pull, open=one.state == "opened", draft=one.draft, author=author.username,
            author_id=identity(author.id), bot=is_program(author.username),
            body=as_written(one.description or "")[:MOST_TEXT], url=one.web_url, labels=tuple(one.labels),
            assignees=tuple(user.username for user in one.assignees or ()), created=when(one.created_at),
            updated=when(one.updated_at), digest=digest_of(entry),
        )  # fmt: skip

    async def given(self, slug: str, number: int) -> Sequence[Told]:
        """As the contract. Whom an issue was given to stands in GitLab's own notes, by whoever did it."""
        path = f"{project_path(slug)}/issues/{number}/resource_label_events"
        events = read(list[_LabelEvent], await self._http.pages(path, slug=slug), self._http.name)
        found = [
            Told(
                when(one.created_at),
                Arrived("labelled", slug, number, pull=False, subject=one.label.name, **_by(one.user)),
            )
            for one in events
            if one.action == "add" and one.label is not None and one.user is not None
        ]
        for note in await self._notes(slug, number, 0.0, pull=False):
            said = _ASSIGNED.fullmatch(note.body.strip()) if note.system else None
            for login in _LOGIN.findall(said["logins"]) if said is not None else ():
                told = Arrived("assigned", slug, number, pull=False, subject=login, **_by(note.author))
                found.append(Told(when(note.created_at), told))
        return found

    async def said(self, slug: str, since: float, things: Sequence[Changed]) -> Sequence[Told]:
        """As the contract: one request for each. A review is its notes there."""
        found = []
        for one in things:
            kind = "merge_requests" if one.pull else "issues"
            for note in await self._notes(slug, one.number, since, pull=one.pull):
                if note.system:
                    continue
                url = f"{self._web}/{slug}/-/{kind}/{one.number}#note_{note.id}"
                told = Arrived(
                    "remark", slug, one.number, pull=one.pull, subject=str(note.id),
                    text=as_written(note.body)[:MOST_TEXT], url=url, **_by(note.author),
                )  # fmt: skip
                found.append(Told(when(note.created_at), told))
        return found

    async def _notes(self, slug: str, number: int, since: float, *, pull: bool) -> list[_Note]:
        """Those that were made since then, the newest first."""
        path = f"{project_path(slug)}/{'merge_requests' if pull else 'issues'}/{number}/notes"
        found: list[_Note] = []
        for page in range(1, _MOST_NOTES + 1):
            params: Params = {"sort": "desc", "order_by": "created_at", "per_page": 100, "page": page}
            reply = await self._http.request("GET", path, slug=slug, params=params, taken=(403, 404))
            if reply.status >= 300:  # moved, deleted or hidden since: the others are read all the same
                break
            notes = read(list[_Note], reply.data, self._http.name)
            found += [note for note in notes if when(note.created_at) >= since]
            if len(notes) < 100 or when(notes[-1].created_at) < since:
                break
        return found

    async def ran(self, slug: str, heads: Sequence[Head], since: float, stamps: Stamps) -> Sequence[Told]:
        """As the contract: one request for all of them, by when pipelines changed."""
        stamps.now[_PIPELINES] = stamps.get(_PIPELINES)
        if not heads:
            return []
        begin = max(since, float(stamps.get(_PIPELINES) or 0))
        listing = Listing(f"{project_path(slug)}/pipelines", slug, "updated_after", _OLDEST_FIRST)
        entries, until = await changed_since(self._http, listing, begin, (stamps, "pipelines"), taken=(403, 404))
        pipelines = read(list[_Pipeline], entries, self._http.name)
        wanted, found = {head.commit: head for head in heads}, []
        for one in pipelines:
            if one.status in ("failed", "success") and one.ref.startswith(BRANCHES) and one.sha in wanted:
                jobs = await self._jobs(slug, one.id) if one.status == "failed" else []
                found.append(Told(when(one.updated_at), _run(slug, wanted[one.sha], one, jobs)))
        latest = min(max((when(one.updated_at) for one in pipelines), default=0.0), time.time() + _AHEAD)
        stamps.now[_PIPELINES] = str(max(begin, min(until, latest - _OVERLAP)))
        return found

    async def _jobs(self, slug: str, pipeline: int) -> list[_Job]:
        """Those for which it has failed."""
        path = f"{project_path(slug)}/pipelines/{pipeline}/jobs"
        jobs = read(list[_Job], await self._http.pages(path, slug=slug), self._http.name)
        return [one for one in jobs if one.status == "failed" and not one.allow_failure]


def _by(user: _User) -> dict[str, Any]:
    login = user.username
    return {"actor": login, "actor_id": identity(user.id), "bot": is_program(login)}


def _run(slug: str, head: Head, one: _Pipeline, jobs: Sequence[_Job]) -> Arrived:
    failed = [(job.id, job.stage, job.name, job.failure_reason or "") for job in jobs]
    return Arrived(
        "run", slug, head.number, pull=True, actor="", failed=one.status == "failed", commit=one.sha, branch=one.ref,
        url=one.web_url, **run_of(one.id, failed),
    )  # fmt: skip
