"""What has happened at Forgejo and Gitea, as `forges/news.py` says. Their list of issues has pull requests too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from midwatch.domain.forge import identity
from midwatch.forges.answered import read
from midwatch.forges.arrived.base import MOST_TEXT, Arrived
from midwatch.forges.arrived.forgejo import is_program, review_subject, status_subject
from midwatch.forges.forgejo.asking import MOST, PAGE, repository_path
from midwatch.forges.http import Http
from midwatch.forges.news import Changed, Head, Sweep, Told, when, written
from midwatch.forges.stamps import Stamps, digest_of

_DRAFT = ("wip:", "[wip]")
_UNKNOWN = (400, 404, 422)
"""What is answered of a commit that is not there any more."""
_HANDED_IN = ("APPROVED", "REQUEST_CHANGES", "COMMENT")


class _User(BaseModel):
    id: int = 0
    login: str = ""


class _Label(BaseModel):
    name: str = ""


class _Thing(BaseModel):
    number: int
    state: str
    title: str = ""
    user: _User | None = None
    body: str | None = None
    html_url: str = ""
    labels: list[_Label] | None = None
    assignees: list[_User] | None = None
    pull_request: dict[str, Any] | None = None
    created_at: str
    updated_at: str


class _Event(BaseModel):
    type: str = ""
    body: str | None = None
    user: _User | None = None
    label: _Label | None = None
    assignee: _User | None = None
    removed_assignee: bool = False
    created_at: str = ""


class _Comment(BaseModel):
    id: int
    body: str | None = None
    user: _User | None = None
    issue_url: str | None = None
    pull_request_url: str | None = None
    html_url: str = ""
    created_at: str


class _Review(BaseModel):
    id: int
    body: str | None = None
    user: _User | None = None
    state: str = ""
    comments_count: int = 0
    commit_id: str | None = None
    submitted_at: str = ""
    html_url: str = ""


class _Status(BaseModel):
    id: int
    context: str = ""
    status: str = ""
    description: str | None = None
    target_url: str | None = None
    created_at: str = ""


class ForgejoNews:
    """Of one connection."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def changed(self, slug: str, since: float, stamps: Stamps) -> Sweep:
        """As the contract: one request where nothing has happened. They come by when they were made, so that what is
        left out beyond 2,500 is no longer found."""
        path, params = f"{repository_path(slug)}/issues", {"state": "all", "since": written(since), **PAGE}
        reply = await stamps.ask(self._http, "things", path, slug=slug, params={**params, "page": 1})
        if reply is None:
            return Sweep(())
        entries = reply.data if isinstance(reply.data, list) else []
        if len(entries) >= MOST:
            stamps.drop("things")
            entries += await self._http.pages(path, slug=slug, params={**params, "page": 2})
        return Sweep([self._changed(entry) for entry in entries])

    def _changed(self, entry: Any) -> Changed:
        one = read(_Thing, entry, self._http.name)
        author = one.user or _User()
        return Changed(
            number=one.number, pull=one.pull_request is not None, open=one.state == "open",
            draft=one.title.lower().startswith(_DRAFT), author=author.login, author_id=identity(author.id),
            bot=is_program(author.login), body=(one.body or "")[:MOST_TEXT], url=one.html_url,
            labels=tuple(label.name for label in one.labels or ()),
            assignees=tuple(user.login for user in one.assignees or ()), created=when(one.created_at),
            updated=when(one.updated_at), digest=digest_of(entry),
        )  # fmt: skip

    async def given(self, slug: str, number: int) -> Sequence[Told]:
        """As the contract, by the timeline: what puts a label on has the body 1 there."""
        path = f"{repository_path(slug)}/issues/{number}/timeline"
        events = read(list[_Event], await self._http.pages(path, slug=slug, params=PAGE), self._http.name)
        found = []
        for one in events:
            if one.type == "label" and one.label is not None and one.body:
                told = Arrived("labelled", slug, number, pull=False, subject=one.label.name, **_by(one.user))
            elif one.type == "assignees" and one.assignee is not None and not one.removed_assignee:
                told = Arrived("assigned", slug, number, pull=False, subject=one.assignee.login, **_by(one.user))
            else:
                continue
            found.append(Told(when(one.created_at), told))
        return found

    async def said(self, slug: str, since: float, things: Sequence[Changed]) -> Sequence[Told]:
        """As the contract."""
        path, params = f"{repository_path(slug)}/issues/comments", {"since": written(since), **PAGE}
        entries = await self._http.pages(path, slug=slug, params=params)
        found = []
        for one in read(list[_Comment], entries, self._http.name):
            place = (one.pull_request_url or one.issue_url or "").rpartition("/")[2]
            if place.isdecimal():
                found.append(_remark(slug, int(place), one, pull=bool(one.pull_request_url)))
        for thing in (one for one in things if one.pull):
            found += await self._reviews(slug, thing.number, since)
        return found

    async def _reviews(self, slug: str, number: int, since: float) -> Sequence[Told]:
        path = f"{repository_path(slug)}/pulls/{number}/reviews"
        entries = await self._http.pages(path, slug=slug, params=PAGE, taken=(404,))
        found: list[Told] = []
        for one in read(list[_Review], entries, self._http.name):
            at = when(one.submitted_at)
            if one.state not in _HANDED_IN or at < since:
                continue
            found.append(Told(at, _review(slug, number, one)))
            if one.comments_count:
                reply = await self._http.request("GET", f"{path}/{one.id}/comments", slug=slug)
                beside = read(list[_Comment], reply.data or [], self._http.name)
                found += [_remark(slug, number, remark, pull=True) for remark in beside]
        return found

    async def ran(self, slug: str, heads: Sequence[Head], since: float, stamps: Stamps) -> Sequence[Told]:
        """As the contract: one request for each commit."""
        found: list[Told] = []
        for head in heads:
            path, params = f"{repository_path(slug)}/statuses/{head.commit}", {"sort": "highestindex", **PAGE}
            reply = await stamps.ask(
                self._http, f"status {head.commit}", path, slug=slug, params=params, taken=_UNKNOWN
            )
            if reply is None or reply.status >= 300:
                continue
            latest: dict[str, _Status] = {}
            for one in sorted(read(list[_Status], reply.data or [], self._http.name), key=lambda one: one.id):
                latest[one.context] = one
            found += [
                Told(when(one.created_at), _run(slug, head, one))
                for one in latest.values()
                if one.status in ("failure", "error", "success")
            ]
        return found


def _by(user: _User | None) -> dict[str, Any]:
    who = user or _User()
    return {"actor": who.login, "actor_id": identity(who.id), "bot": is_program(who.login)}


def _remark(slug: str, number: int, one: _Comment, *, pull: bool) -> Told:
    told = Arrived(
        "remark", slug, number, pull=pull, subject=str(one.id), text=(one.body or "")[:MOST_TEXT], url=one.html_url,
        **_by(one.user),
    )  # fmt: skip
    return Told(when(one.created_at), told)


def _review(slug: str, number: int, one: _Review) -> Arrived:
    commit, text, by = one.commit_id or "", one.body or "", _by(one.user)
    return Arrived(
        "review", slug, number, pull=True, subject=review_subject(number, commit, by["actor"], text),
        text=text[:MOST_TEXT], asks=one.state == "REQUEST_CHANGES", commit=commit, url=one.html_url, **by,
    )  # fmt: skip


def _run(slug: str, head: Head, one: _Status) -> Arrived:
    return Arrived(
        "run", slug, head.number, pull=True, actor="", name=one.context, text=(one.description or "")[:MOST_TEXT],
        subject=status_subject(head.commit, one.context, one.status, one.created_at), failed=one.status != "success",
        commit=head.commit, branch=head.branch, url=one.target_url or "",
    )  # fmt: skip
