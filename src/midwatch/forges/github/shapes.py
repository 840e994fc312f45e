"""What GitHub answers, as far as it is read here. Everything else in its answers is let go."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from midwatch.domain.forge import Remark, identity
from midwatch.forges.site import Seen


class User(BaseModel):
    """Somebody, or a program."""

    login: str = ""
    id: int = 0
    type: str = "User"


class Repository(BaseModel):
    """A repository."""

    full_name: str
    default_branch: str
    archived: bool = False
    allow_merge_commit: bool | None = None
    allow_squash_merge: bool | None = None
    allow_rebase_merge: bool | None = None


class Tip(BaseModel):
    """The commit of a branch."""

    sha: str


class BranchAnswer(BaseModel):
    """A branch."""

    name: str
    commit: Tip
    protected: bool = False


class File(BaseModel):
    """A file that a change touches."""

    filename: str
    previous_filename: str = ""
    patch: str = ""


class Comparison(BaseModel):
    """Two commits beside each other."""

    status: str
    files: list[File] = Field(default_factory=list)


class Name(BaseModel):
    """A repository's name."""

    full_name: str = ""


class End(BaseModel):
    """One end of a pull request."""

    ref: str
    sha: str
    label: str | None = ""
    repo: Name | None = None


class Pull(BaseModel):
    """A pull request, from a list or alone."""

    number: int
    node_id: str
    state: Literal["open", "closed"]
    html_url: str
    title: str
    body: str | None = None
    draft: bool = False
    merged_at: str | None = None
    merge_commit_sha: str | None = None
    mergeable: bool | None = None
    mergeable_state: str = ""
    user: User | None = None
    head: End
    base: End
    created_at: str
    updated_at: str

    def seen(self) -> Seen:
        """As the rest of us knows it."""
        ours = self.head.repo is not None and self.base.repo is not None and self.head.repo == self.base.repo
        return Seen(
            number=self.number,
            state="merged" if self.merged_at else self.state,
            url=self.html_url,
            title=self.title,
            body=self.body or "",
            draft=self.draft,
            branch=self.head.ref if ours else (self.head.label or f"?:{self.head.ref}"),
            commit=self.head.sha,
            base=self.base.ref,
            base_commit=self.base.sha,
            author=self.user.login if self.user else "",
            created=self.created_at,
            updated=self.updated_at,
            merge_commit=(self.merge_commit_sha or "") if self.merged_at else "",
        )


class Comment(BaseModel):
    """A remark below an issue or a pull request, or beside a line."""

    id: int
    body: str | None = None
    user: User | None = None
    created_at: str
    html_url: str
    path: str = ""
    line: int | None = None
    original_line: int | None = None

    def remark(self) -> Remark:
        """As the rest of us knows it. A line that has moved away since is the one that it was written beside."""
        name = remark_id("line" if self.path else "comment", self.id)
        author = self.user.login if self.user else ""
        line = self.line or self.original_line or 0
        known = identity(self.user.id) if self.user else ""
        return Remark(name, author, self.body or "", self.created_at, self.html_url, self.path, line, known)


class Review(BaseModel):
    """A review."""

    id: int
    node_id: str
    body: str | None = None
    user: User | None = None
    submitted_at: str = ""
    html_url: str

    def remark(self) -> Remark:
        """Its own words."""
        author = self.user.login if self.user else ""
        known, name = identity(self.user.id) if self.user else "", remark_id("review", self.id)
        return Remark(name, author, self.body or "", self.submitted_at, self.html_url, author_id=known)


class Label(BaseModel):
    """A label; old answers have the plain name."""

    name: str | None = None


class IssueAnswer(BaseModel):
    """An issue, or a pull request seen as one."""

    number: int
    title: str
    body: str | None = None
    user: User | None = None
    state: str
    labels: list[Label | str] = Field(default_factory=list)
    assignees: list[User] | None = None
    html_url: str


class AppName(BaseModel):
    """An app."""

    slug: str = ""


class CheckRun(BaseModel):
    """A check run."""

    id: int
    app: AppName | None = None


class CheckRuns(BaseModel):
    """Those of a commit."""

    check_runs: list[CheckRun]


class CommitStatus(BaseModel):
    """What is said of a commit under one name."""

    context: str
    state: str
    description: str | None = None
    target_url: str | None = None


class CommitStatuses(BaseModel):
    """The latest of each name."""

    statuses: list[CommitStatus]


class Permission(BaseModel):
    """What somebody may do."""

    permission: str
    role_name: str = ""


def remark_id(kind: Literal["comment", "line", "review"], number: int) -> str:
    """How a remark is named: GitHub counts those below, those beside lines and those of reviews each for itself."""
    return f"{kind}/{number}"
