"""What the API of Forgejo and Gitea answers, as far as we read it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel


class User(BaseModel):
    login: str
    id: int = 0


class Repository(BaseModel):
    id: int
    full_name: str
    default_branch: str = ""
    archived: bool = False
    default_merge_style: str = "merge"


class Branch(BaseModel):
    class Commit(BaseModel):
        id: str

    commit: Commit | None = None
    protected: bool = False


class Protection(BaseModel):
    rule_name: str = ""
    branch_name: str = ""


class Side(BaseModel):
    label: str = ""
    ref: str = ""
    sha: str = ""
    repo_id: int = 0


class PullRequest(BaseModel):
    number: int
    title: str
    body: str | None = None
    state: str
    merged: bool = False
    draft: bool | None = None
    mergeable: bool = True
    flow: int = 0
    user: User | None = None
    head: Side
    base: Side
    merge_commit_sha: str | None = None
    html_url: str
    created_at: str
    updated_at: str

    @property
    def standing(self) -> Literal["open", "merged", "closed"]:
        """One word for both of its fields."""
        if self.merged:
            return "merged"
        return "closed" if self.state == "closed" else "open"

    @property
    def branch(self) -> str:
        """Of the change. When it is gone, `ref` names the pull request instead."""
        return self.head.label.rpartition(":")[2] if self.head.ref.startswith("refs/") else self.head.ref

    @property
    def ours(self) -> bool:
        """The branch is one of the same repository: not one of a fork, also not of one that is gone (which has no
        number), and none that was pushed for review without a branch."""
        return self.head.repo_id == self.base.repo_id != 0 and self.flow == 0


class Comment(BaseModel):
    id: int
    body: str = ""
    user: User | None = None
    created_at: str
    html_url: str = ""


class Review(BaseModel):
    id: int
    body: str = ""
    user: User | None = None
    state: str = ""
    comments_count: int = 0
    submitted_at: str = ""
    html_url: str = ""


class LineComment(BaseModel):
    id: int
    body: str = ""
    user: User | None = None
    path: str = ""
    position: int = 0
    created_at: str
    html_url: str = ""


class Changed(BaseModel):
    filename: str
    status: str = ""


class CommitStatus(BaseModel):
    id: int
    context: str = ""
    status: str = ""
    description: str = ""
    target_url: str = ""


class Label(BaseModel):
    id: int
    name: str


class Issue(BaseModel):
    class Label(BaseModel):
        name: str

    number: int
    title: str
    body: str | None = None
    user: User | None = None
    state: str
    labels: list[Label] | None = None
    assignees: list[User] | None = None
    html_url: str
    pull_request: dict[str, Any] | None = None


class Permission(BaseModel):
    permission: str


class Commit(BaseModel):
    files: list[Changed] | None = None


class Comparison(BaseModel):
    """Forgejo tells the files once, Gitea those of each commit."""

    files: list[Changed] | None = None
    commits: list[Commit] | None = None
