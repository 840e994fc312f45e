"""What GitLab's API answers, as far as we read it."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from midwatch.domain.errors import OperationError

T = TypeVar("T")


class User(BaseModel):
    id: int
    username: str


class Project(BaseModel):
    id: int
    path_with_namespace: str
    web_url: str
    http_url_to_repo: str = ""
    default_branch: str | None = None
    archived: bool = False
    visibility: str = "private"

    @property
    def path(self) -> str:
        """What its calls begin with. By id: a renamed project takes no changes under its old path."""
        return f"/projects/{self.id}"


class Branch(BaseModel):
    class Commit(BaseModel):
        id: str

    name: str
    commit: Commit
    protected: bool = False
    default: bool = False


class Protection(BaseModel):
    name: str


class DiffRefs(BaseModel):
    base_sha: str | None = None
    head_sha: str | None = None
    start_sha: str | None = None


class Version(BaseModel):
    head_commit_sha: str
    base_commit_sha: str
    start_commit_sha: str


class MergeRequest(BaseModel):
    iid: int
    title: str
    description: str | None = None
    state: str
    draft: bool = False
    source_branch: str
    target_branch: str
    source_project_id: int | None = None
    sha: str | None = None
    merge_commit_sha: str | None = None
    squash_commit_sha: str | None = None
    detailed_merge_status: str = ""
    merge_status: str = ""
    has_conflicts: bool = False
    web_url: str
    created_at: str
    updated_at: str

    @property
    def settled(self) -> str:
        """open, merged or closed. GitLab has a fourth for the moment in which it merges."""
        return {"merged": "merged", "closed": "closed"}.get(self.state, "open")

    @property
    def landed(self) -> str:
        """The commit by which the base branch has it: with a fast-forward that is its own."""
        return self.merge_commit_sha or self.squash_commit_sha or self.sha or ""


class Changed(BaseModel):
    new_path: str
    diff: str = ""


class Position(BaseModel):
    new_path: str | None = None
    old_path: str | None = None
    new_line: int | None = None


class Note(BaseModel):
    id: int
    body: str
    author: User
    created_at: str
    system: bool = False
    position: Position | None = None


class Discussion(BaseModel):
    id: str
    notes: list[Note] = []


class Award(BaseModel):
    name: str
    user: User


class CommitStatus(BaseModel):
    name: str
    status: str
    description: str | None = None
    target_url: str | None = None


class Issue(BaseModel):
    iid: int
    title: str
    description: str | None = None
    author: User
    state: str
    labels: list[str] = []
    assignees: list[User] | None = None
    web_url: str


class Member(BaseModel):
    id: int
    access_level: int
    state: str = "active"


class Comparison(BaseModel):
    commits: list[Any] = []


def read(kind: type[T], data: Any, name: str) -> T:
    """The answer of the connection `name`. Raises OperationError for what is none."""
    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise OperationError(
            f"the forge {name} answered what cannot be read as its {kind.__name__} (at {where or 'its beginning'})",
            "is its API address right, and GitLab 15 or newer behind it?",
        ) from None
