"""What GitHub sends: the events of its webhooks, and of each the few fields that are used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pydantic import BaseModel, Field

from midwatch.domain.forge import identity
from midwatch.forges.arrived.base import MOST_TEXT, OURS, Arrived

FAILED = ("failure", "timed_out", "startup_failure")
PASSED = ("success",)
"""Conclusions of a run; of others nothing is kept."""


class _User(BaseModel):
    login: str
    id: int = 0
    type: str = "User"


class _Repository(BaseModel):
    full_name: str
    id: int = 0


class _Any(BaseModel):
    action: str = ""
    repository: _Repository
    sender: _User


class _Label(BaseModel):
    name: str


class _Issue(BaseModel):
    number: int
    body: str | None = None
    html_url: str = ""
    pull_request: Mapping[str, object] | None = None


class _Issues(_Any):
    issue: _Issue
    label: _Label | None = None
    assignee: _User | None = None


class _Remark(BaseModel):
    id: int
    body: str | None = None
    user: _User | None = None
    html_url: str = ""


class _IssueComment(_Any):
    issue: _Issue
    comment: _Remark


class _End(BaseModel):
    sha: str
    ref: str
    repo: _Repository | None = None


class _Pull(BaseModel):
    number: int
    head: _End
    base: _End
    draft: bool = False
    user: _User | None = None


class _PullRequest(_Any):
    pull_request: _Pull


class _ReviewComment(_PullRequest):
    comment: _Remark


class _Handed(_Remark):
    state: str
    commit_id: str | None = None


class _Review(_PullRequest):
    review: _Handed


class _Output(BaseModel):
    title: str | None = None
    summary: str | None = None
    text: str | None = None


class _Number(BaseModel):
    number: int


class _Suite(BaseModel):
    head_branch: str | None = None


class _Run(BaseModel):
    id: int
    name: str
    head_sha: str
    conclusion: str | None = None
    html_url: str | None = None
    output: _Output = Field(default_factory=_Output)
    check_suite: _Suite = Field(default_factory=_Suite)
    pull_requests: list[_Number] = []


class _CheckRun(_Any):
    check_run: _Run


class _Branch(BaseModel):
    name: str


class _Status(_Any):
    id: int
    sha: str
    state: str
    context: str
    description: str | None = None
    target_url: str | None = None
    branches: list[_Branch] = []


def read(event: str, body: bytes) -> Sequence[Arrived]:
    """What a delivery means; nothing for what is of no use here. Raises ValidationError."""
    reader = _READERS.get(event)
    return () if reader is None else reader(body)


def _issues(body: bytes) -> Sequence[Arrived]:
    told = _Issues.model_validate_json(body)
    if told.issue.pull_request is not None:
        return ()
    if told.action == "labeled" and told.label is not None:
        return [_of(told, "labelled", told.issue.number, subject=told.label.name)]
    if told.action == "assigned" and told.assignee is not None:
        return [_of(told, "assigned", told.issue.number, subject=told.assignee.login)]
    if told.action == "opened" and "@" in (text := _cut(told.issue.body)):
        return [_of(told, "mentioned", told.issue.number, text=text, url=told.issue.html_url)]
    return ()


def _issue_comment(body: bytes) -> Sequence[Arrived]:
    told = _IssueComment.model_validate_json(body)
    if told.action != "created":
        return ()
    name = f"comment/{told.comment.id}"
    return [_remark(told, told.comment, name, told.issue.number, pull=told.issue.pull_request is not None)]


def _review_comment(body: bytes) -> Sequence[Arrived]:
    told = _ReviewComment.model_validate_json(body)
    if told.action != "created":
        return ()
    return [_remark(told, told.comment, f"line/{told.comment.id}", told.pull_request.number, pull=True)]


def _pull_request(body: bytes) -> Sequence[Arrived]:
    told = _PullRequest.model_validate_json(body)
    pull = told.pull_request
    match told.action:
        case "opened" if not pull.draft:
            what = "opened"
        case "ready_for_review":
            what = "ready"
        case "closed" | "reopened" | "synchronize":
            what = "changed"
        case _:
            return ()
    fork = pull.head.repo is None or pull.head.repo.full_name.lower() != told.repository.full_name.lower()
    more = {"pull": True, "commit": pull.head.sha, "branch": pull.head.ref, "fork": fork}
    return [_of(told, what, pull.number, **more)]


def _review(body: bytes) -> Sequence[Arrived]:
    told = _Review.model_validate_json(body)
    review = told.review
    if told.action != "submitted":
        return ()
    author = review.user or told.sender
    return [
        _of(
            told, "review", told.pull_request.number, pull=True, subject=f"review/{review.id}", actor=author.login,
            actor_id=identity(author.id), bot=no_person(author.login, author.type), text=_cut(review.body),
            asks=review.state.lower() == "changes_requested", commit=review.commit_id or "", url=review.html_url,
        )
    ]  # fmt: skip


def _check_run(body: bytes) -> Sequence[Arrived]:
    told = _CheckRun.model_validate_json(body)
    run = told.check_run
    branch, conclusion = run.check_suite.head_branch or "", run.conclusion or ""
    if told.action != "completed" or not branch.startswith(OURS) or conclusion not in (*FAILED, *PASSED):
        return ()
    words = "\n\n".join(part for part in (run.output.title, run.output.summary, run.output.text) if part)
    number = run.pull_requests[0].number if run.pull_requests else 0
    return [
        _of(
            told, "run", number, pull=True, subject=f"check {run.id}", job=str(run.id), name=run.name,
            text=words[-MOST_TEXT:], failed=conclusion in FAILED, commit=run.head_sha, branch=branch,
            url=run.html_url or "",
        )
    ]  # fmt: skip


def _status(body: bytes) -> Sequence[Arrived]:
    told = _Status.model_validate_json(body)
    branch = next((one.name for one in told.branches if one.name.startswith(OURS)), "")
    if not branch or told.state not in ("failure", "error", "success"):
        return ()
    return [
        _of(
            told, "run", 0, pull=True, subject=f"status {told.id}", name=told.context, text=_cut(told.description),
            failed=told.state != "success", commit=told.sha, branch=branch, url=told.target_url or "",
        )
    ]  # fmt: skip


_READERS: Mapping[str, Callable[[bytes], Sequence[Arrived]]] = {
    "issues": _issues,
    "issue_comment": _issue_comment,
    "pull_request": _pull_request,
    "pull_request_review": _review,
    "pull_request_review_comment": _review_comment,
    "check_run": _check_run,
    "status": _status,
}


def _remark(told: _Any, remark: _Remark, name: str, number: int, *, pull: bool) -> Arrived:
    """`name` as the forge's adapter has it."""
    author = remark.user or told.sender
    by = {"actor": author.login, "actor_id": identity(author.id), "bot": no_person(author.login, author.type)}
    return _of(told, "remark", number, pull=pull, subject=name, text=_cut(remark.body), url=remark.html_url, **by)


def _of(told: _Any, what: str, number: int, **more: object) -> Arrived:
    sender = told.sender
    by = {"actor": sender.login, "actor_id": identity(sender.id), "bot": no_person(sender.login, sender.type)}
    fields = {"pull": False, **by, **more}
    return Arrived(what, told.repository.full_name, number, **fields)  # type: ignore[arg-type]


def no_person(login: str, kind: str) -> bool:
    """Whether that is a program; `kind` is the user's `type`."""
    return kind.lower() != "user" or login.endswith("[bot]")


def _cut(text: str | None) -> str:
    return (text or "")[:MOST_TEXT]
