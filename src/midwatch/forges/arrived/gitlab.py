"""What GitLab sends: the events of its webhooks, and of each the few fields that are used."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from midwatch.domain.forge import identity
from midwatch.domain.ids import BRANCHES
from midwatch.forges.arrived.base import MOST_TEXT, Arrived

_BOT = re.compile(r"(project|group)_\d+_bot(_[0-9a-f]+)?|.*\[bot\]|ghost|alert-bot|support-bot", re.IGNORECASE)
"""GitLab does not say who is a bot; these are the names of its own."""
_NO_COMMIT = {"0" * 40, ""}


class _User(BaseModel):
    username: str
    id: int = 0


class _Project(BaseModel):
    path_with_namespace: str


class _Any(BaseModel):
    user: _User
    project: _Project


class _Label(BaseModel):
    title: str


class _Labels(BaseModel):
    previous: list[_Label] = []
    current: list[_Label] = []


class _Users(BaseModel):
    previous: list[_User] = []
    current: list[_User] = []


class _Draft(BaseModel):
    previous: bool | None = None
    current: bool | None = None


class _Changes(BaseModel):
    labels: _Labels = Field(default_factory=_Labels)
    assignees: _Users = Field(default_factory=_Users)
    draft: _Draft = Field(default_factory=_Draft)


class _Issue(BaseModel):
    iid: int
    action: str = ""
    description: str | None = None
    url: str | None = None


class _Issues(_Any):
    object_attributes: _Issue
    labels: list[_Label] = []
    assignees: list[_User] = []
    changes: _Changes = Field(default_factory=_Changes)


class _Commit(BaseModel):
    id: str


class _MergeRequest(BaseModel):
    iid: int
    action: str = ""
    oldrev: str | None = None
    draft: bool = False
    work_in_progress: bool = False
    source_branch: str = ""
    source_project_id: int | None = None
    target_project_id: int | None = None
    last_commit: _Commit | None = None


class _MergeRequests(_Any):
    object_attributes: _MergeRequest
    changes: _Changes = Field(default_factory=_Changes)


class _Note(BaseModel):
    id: int
    note: str
    noteable_type: str
    system: bool = False
    action: str = "create"
    url: str = ""


class _Numbered(BaseModel):
    iid: int


class _Notes(_Any):
    object_attributes: _Note
    issue: _Numbered | None = None
    merge_request: _Numbered | None = None


class _Pipeline(BaseModel):
    id: int
    status: str
    ref: str
    sha: str
    url: str = ""


class _Build(BaseModel):
    id: int = 0
    name: str
    status: str
    stage: str = ""
    allow_failure: bool = False
    failure_reason: str | None = None


class _Pipelines(_Any):
    object_attributes: _Pipeline
    merge_request: _Numbered | None = None
    builds: list[_Build] = []


class _Told(BaseModel):
    model_config = ConfigDict(extra="allow")
    object_kind: str


def read(event: str, body: bytes) -> Sequence[Arrived]:
    """What a delivery means; nothing for what is of no use here. Raises ValidationError. What it is, the body says
    itself: that is signed no less than the header."""
    reader = _READERS.get(_Told.model_validate_json(body).object_kind)
    return () if reader is None else reader(body)


def is_program(login: str) -> bool:
    """Whether that is the name of a program."""
    return _BOT.fullmatch(login) is not None


def _issue(body: bytes) -> Sequence[Arrived]:
    told = _Issues.model_validate_json(body)
    number, found = told.object_attributes.iid, list[Arrived]()
    if told.object_attributes.action == "open":
        labels, logins = told.labels, told.assignees
        text = (told.object_attributes.description or "")[:MOST_TEXT]
        where = told.object_attributes.url or ""
        found += [_of(told, "mentioned", number, text=text, url=where)] if "@" in text else []
    else:
        labels = [one for one in told.changes.labels.current if one not in told.changes.labels.previous]
        logins = [one for one in told.changes.assignees.current if one not in told.changes.assignees.previous]
    found += [_of(told, "labelled", number, subject=one.title) for one in labels]
    found += [_of(told, "assigned", number, subject=one.username) for one in logins]
    return found


def _merge_request(body: bytes) -> Sequence[Arrived]:
    told = _MergeRequests.model_validate_json(body)
    asked = told.object_attributes
    draft = asked.draft or asked.work_in_progress
    match asked.action:
        case "open" if not draft:
            what = "opened"
        case "update" if told.changes.draft.previous and told.changes.draft.current is False:
            what = "ready"
        case "close" | "merge" | "reopen":
            what = "changed"
        case "update" if (asked.oldrev or "") not in _NO_COMMIT:
            what = "changed"
        case _:
            return ()
    fork = asked.source_project_id is None or asked.source_project_id != asked.target_project_id
    commit = asked.last_commit.id if asked.last_commit else ""
    return [_of(told, what, asked.iid, pull=True, commit=commit, branch=asked.source_branch, fork=fork)]


def _note(body: bytes) -> Sequence[Arrived]:
    told = _Notes.model_validate_json(body)
    note = told.object_attributes
    if note.system or note.action != "create":
        return ()
    thing = {"Issue": told.issue, "MergeRequest": told.merge_request}.get(note.noteable_type)
    if thing is None:
        return ()
    more = {"subject": str(note.id), "text": note.note[:MOST_TEXT], "url": note.url}
    return [_of(told, "remark", thing.iid, pull=note.noteable_type == "MergeRequest", **more)]


def _pipeline(body: bytes) -> Sequence[Arrived]:
    told = _Pipelines.model_validate_json(body)
    run = told.object_attributes
    if run.status not in ("failed", "success") or not run.ref.startswith(BRANCHES):
        return ()
    failed = [one for one in told.builds if one.status == "failed" and not one.allow_failure]
    number = told.merge_request.iid if told.merge_request else 0
    more = run_of(run.id, [(one.id, one.stage, one.name, one.failure_reason or "") for one in failed])
    ended = {"failed": run.status == "failed", "commit": run.sha, "branch": run.ref, "url": run.url}
    return [_of(told, "run", number, pull=True, **ended, **more)]


def run_of(pipeline: int, failed: Sequence[tuple[int, str, str, str]]) -> dict[str, Any]:
    """What is told of a pipeline, by the jobs for which it has failed: number, stage, name, reason. The same in
    whichever order they come."""
    jobs = sorted(failed)
    words = "\n".join(f"{stage}: {name}: {reason or 'failed'}" for _, stage, name, reason in jobs)
    return {
        "subject": f"pipeline {pipeline}", "job": str(jobs[0][0]) if jobs else "",
        "name": ", ".join(name for _, _, name, _ in jobs) or "pipeline", "text": words[:MOST_TEXT],
    }  # fmt: skip


_READERS: Mapping[str, Callable[[bytes], Sequence[Arrived]]] = {
    "issue": _issue,
    "merge_request": _merge_request,
    "note": _note,
    "pipeline": _pipeline,
}


def _of(told: _Any, what: str, number: int, **more: Any) -> Arrived:
    actor = told.user.username
    by = {"actor": actor, "actor_id": identity(told.user.id), "bot": is_program(actor)}
    fields = {"pull": False, **by, **more}
    return Arrived(what, told.project.path_with_namespace, number, **fields)  # type: ignore[arg-type]
