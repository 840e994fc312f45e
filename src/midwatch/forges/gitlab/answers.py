"""What GitLab's API answers, as far as we read it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel


class User(BaseModel):
    id: int
    username: str
    state: str = "active"


class Project(BaseModel):
    id: int
    path_with_namespace: str
    default_branch: str | None = None
    archived: bool = False
    visibility: str = "private"


class Branch(BaseModel):
    class Commit(BaseModel):
        id: str

    commit: Commit
    protected: bool = False
    default: bool = False


class Protection(BaseModel):
    name: str


class DiffRefs(BaseModel):
    start_sha: str | None = None


class MergeRequest(BaseModel):
    iid: int
    title: str
    description: str | None = None
    state: str
    draft: bool = False
    author: User
    reviewers: list[User] | None = None
    source_branch: str
    target_branch: str
    source_project_id: int | None = None
    target_project_id: int
    sha: str | None = None
    diff_refs: DiffRefs | None = None
    merge_commit_sha: str | None = None
    squash_commit_sha: str | None = None
    detailed_merge_status: str = ""
    merge_status: str = ""
    has_conflicts: bool = False
    web_url: str
    created_at: str
    updated_at: str

    @property
    def standing(self) -> Literal["open", "merged", "closed"]:
        """GitLab has a fourth state, locked, for the moment in which it merges."""
        if self.state == "merged":
            return "merged"
        return "closed" if self.state == "closed" else "open"

    @property
    def landed(self) -> str:
        """The commit by which the base branch has it: with a fast-forward that is its own."""
        return self.merge_commit_sha or self.squash_commit_sha or self.sha or ""


class Changed(BaseModel):
    old_path: str
    new_path: str
    diff: str = ""


class Version(BaseModel):
    id: int
    head_commit_sha: str
    base_commit_sha: str
    start_commit_sha: str
    diffs: list[Changed] = []


class Position(BaseModel):
    new_path: str | None = None
    new_line: int | None = None


class Note(BaseModel):
    id: int
    body: str
    author: User
    created_at: str
    system: bool = False
    position: Position | None = None


class Award(BaseModel):
    name: str
    user: User


class CommitStatus(BaseModel):
    id: int
    name: str
    status: str
    description: str | None = None
    target_url: str | None = None


class Issue(BaseModel):
    title: str
    description: str | None = None
    author: User
    state: str
    labels: list[str] = []
    assignees: list[User] | None = None
    web_url: str


class Member(BaseModel):
    access_level: int
    state: str = "active"


class Comparison(BaseModel):
    commits: list[Any] = []
    diffs: list[Changed] = []
