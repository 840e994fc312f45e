"""What GitHub answers to a look, as far as it is read."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from midwatch.forges.github import shapes
from midwatch.forges.github.shapes import User


class Thing(shapes.IssueAnswer):
    """An issue, or a pull request as one."""

    draft: bool = False
    pull_request: dict[str, Any] | None = None
    created_at: str
    updated_at: str


class _Named(BaseModel):
    name: str


class Event(BaseModel):
    """Of an issue."""

    event: str = ""
    actor: User | None = None
    label: _Named | None = None
    assignee: User | None = None
    assigner: User | None = None
    created_at: str = ""


class Comment(shapes.Comment):
    """A remark, below or beside a line, and what it stands below."""

    issue_url: str = ""
    pull_request_url: str = ""


class Review(shapes.Review):
    """A review, and what it says of which commit; one that is not handed in has no time."""

    state: str = ""
    commit_id: str | None = None


class Output(BaseModel):
    """What a run says."""

    title: str | None = None
    summary: str | None = None
    text: str | None = None


class CheckRun(shapes.CheckRun):
    """A check run, or a job as one."""

    name: str
    conclusion: str | None = None
    completed_at: str | None = None
    html_url: str | None = None
    output: Output | None = None


class CheckRuns(BaseModel):
    """A page of a commit's."""

    total_count: int = 0
    check_runs: list[CheckRun]


class _Identified(BaseModel):
    id: int


class WorkflowRuns(BaseModel):
    """Those of a commit."""

    workflow_runs: list[_Identified]


class Jobs(BaseModel):
    """Those of a workflow run."""

    jobs: list[CheckRun]


class CommitStatus(BaseModel):
    """The latest of a name."""

    id: int
    context: str
    state: str
    description: str | None = None
    target_url: str | None = None
    updated_at: str = ""


class Statuses(BaseModel):
    """Those of a commit."""

    statuses: list[CommitStatus]
