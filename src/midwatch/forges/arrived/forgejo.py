"""What Forgejo and Gitea send: the events of their webhooks, and of each the few fields that are used."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from midwatch.domain.forge import identity
from midwatch.domain.ids import BRANCHES
from midwatch.forges.arrived.base import MOST_TEXT, Arrived

_BOTS = ("ghost", "forgejo-actions", "gitea-actions")


class _User(BaseModel):
    login: str
    id: int = 0


class _Repository(BaseModel):
    full_name: str


class _Any(BaseModel):
    action: str = ""
    repository: _Repository
    sender: _User


class _Label(BaseModel):
    name: str


class _Issue(BaseModel):
    number: int
    body: str | None = None
    html_url: str | None = None
    labels: list[_Label] | None = None
    assignees: list[_User] | None = None
    pull_request: Mapping[str, object] | None = None


class _Issues(_Any):
    issue: _Issue


class _Remark(BaseModel):
    id: int
    body: str = ""
    user: _User
    html_url: str = ""


class _Comment(_Any):
    issue: _Issue
    comment: _Remark
    is_pull: bool = False


class _End(BaseModel):
    ref: str = ""
    sha: str = ""
    repo: _Repository | None = None


class _Pull(BaseModel):
    number: int
    draft: bool = False
    title: str = ""
    head: _End
    base: _End


class _Handed(BaseModel):
    type: str = ""
    content: str = ""


class _Pulls(_Any):
    pull_request: _Pull
    review: _Handed | None = None


class _Branch(BaseModel):
    name: str


class _Status(_Any):
    sha: str
    state: str
    context: str
    description: str = ""
    target_url: str | None = None
    created_at: str | None = None
    branches: list[_Branch] | None = None


def read(event: str, body: bytes) -> Sequence[Arrived]:
    """What a delivery means; nothing for what is of no use here. Raises ValidationError."""
    name = event.lower()
    reader = _READERS.get(name, _review if name.startswith("pull_request_review") or name in _VERDICTS else None)
    return () if reader is None else reader(body)


def is_program(login: str) -> bool:
    """Whether that is one of the forge's own programs; of others it does not say."""
    return login.lower() in _BOTS or login.endswith("[bot]")


def _issues(body: bytes) -> Sequence[Arrived]:
    """Which label was added it does not say: all that are there are told, and those that were told are known."""
    told = _Issues.model_validate_json(body)
    if told.issue.pull_request is not None:
        return ()
    found: list[Arrived] = []
    if told.action in ("label_updated", "opened"):
        found += [_of(told, "labelled", told.issue.number, subject=one.name) for one in told.issue.labels or ()]
    if told.action == "opened" and "@" in (text := (told.issue.body or "")[:MOST_TEXT]):
        found.append(_of(told, "mentioned", told.issue.number, text=text, url=told.issue.html_url or ""))
    if told.action in ("assigned", "opened"):
        logins = told.issue.assignees or ()
        found += [_of(told, "assigned", told.issue.number, subject=one.login) for one in logins]
    return found


def _comment(body: bytes) -> Sequence[Arrived]:
    told = _Comment.model_validate_json(body)
    if told.action != "created":
        return ()
    remark, pull = told.comment, told.is_pull or told.issue.pull_request is not None
    more = {"subject": str(remark.id), "text": remark.body[:MOST_TEXT], "url": remark.html_url}
    return [_of(told, "remark", told.issue.number, pull=pull, by=remark.user, **more)]


def _pull_request(body: bytes) -> Sequence[Arrived]:
    told = _Pulls.model_validate_json(body)
    pull = told.pull_request
    draft = pull.draft or pull.title.lower().startswith(("wip:", "[wip]", "draft:"))
    match told.action:
        case "opened" if not draft:
            what = "opened"
        case "closed" | "reopened" | "synchronized":
            what = "changed"
        case "edited" if not draft:  # it may be no draft any more: then it is reviewed, and else it was
            what = "ready"
        case _:
            return ()
    return [_of(told, what, pull.number, **_head(told))]


def _review(body: bytes) -> Sequence[Arrived]:
    """It has no id; whoever says the same of the same commit again has said it."""
    told = _Pulls.model_validate_json(body)
    if told.action != "reviewed" or told.review is None:
        return ()
    asks = told.review.type.endswith("rejected")
    head = _head(told)
    subject = review_subject(told.pull_request.number, head["commit"], told.sender.login, told.review.content)
    more = {**head, "subject": subject, "text": told.review.content[:MOST_TEXT], "asks": asks}
    return [_of(told, "review", told.pull_request.number, **more)]


def _status(body: bytes) -> Sequence[Arrived]:
    told = _Status.model_validate_json(body)
    branch = next((one.name for one in told.branches or () if one.name.startswith(BRANCHES)), "")
    if told.state not in ("failure", "error", "success"):
        return ()
    subject = status_subject(told.sha, told.context, told.state, told.created_at or "")
    return [
        _of(
            told, "run", 0, pull=True, subject=subject, name=told.context, text=told.description[:MOST_TEXT],
            failed=told.state != "success", commit=told.sha, branch=branch, url=told.target_url or "",
        )
    ]  # fmt: skip


def review_subject(number: int, commit: str, login: str, text: str) -> str:
    """What a review is called, of which webhooks do not tell the number."""
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
    return f"{number} {commit} {login} {digest}"


def status_subject(commit: str, name: str, state: str, created: str) -> str:
    """What a commit status is called: its number in webhooks is another one than in the API. Both tell when it was
    set, in seconds, each in a time zone of its own."""
    try:
        at = f" {datetime.fromisoformat(created).timestamp():.0f}"
    except (ValueError, OverflowError):
        at = ""
    return f"status {commit} {name} {state}{at}"


_VERDICTS = ("pull_request_approved", "pull_request_rejected", "pull_request_comment")
_READERS: Mapping[str, Callable[[bytes], Sequence[Arrived]]] = {
    "issues": _issues,
    "issue_label": _issues,
    "issue_assign": _issues,
    "issue_comment": _comment,
    "pull_request": _pull_request,
    "pull_request_sync": _pull_request,
    "status": _status,
}


def _head(told: _Pulls) -> dict[str, Any]:
    head = told.pull_request.head
    fork = head.repo is None or head.repo.full_name.lower() != told.repository.full_name.lower()
    return {"pull": True, "commit": head.sha, "branch": head.ref, "fork": fork}


def _of(told: _Any, what: str, number: int, *, by: _User | None = None, **more: Any) -> Arrived:
    who = by or told.sender
    fields = {
        "pull": False, "actor": who.login, "actor_id": identity(who.id), "bot": is_program(who.login), **more,
    }  # fmt: skip
    return Arrived(what, told.repository.full_name, number, **fields)  # type: ignore[arg-type]
