"""What the tools answer: the shapes that their output schemas are made from. Numbers of pages are limited here."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Submitted(BaseModel):
    """A task that was made; it is being worked on or waits for its turn."""

    id: str = Field(description="Names the task in all other tools.")
    repository: str
    base: str = Field(description="The commit that it starts from.")
    branch: str = Field(description="Where the result will be.")
    model: str
    checks: list[str] = Field(description="Commands that must exit with 0 on the result.")
    notes: list[str] = Field(description="What a person should know.")


class Line(BaseModel):
    """A task in a list."""

    id: str
    status: str
    updated: str = Field(description="UTC.")
    repository: str
    prompt: str


class Tasks(BaseModel):
    """The newest tasks."""

    tasks: list[Line]


class ChangedFile(BaseModel):
    """A file that differs from the base."""

    path: str
    status: str = Field(description="A added, M modified, D deleted, R renamed, T type changed.")
    added: int | None = Field(description="Lines; null for a binary file.")
    removed: int | None


class Offered(BaseModel):
    """The pull request."""

    number: int
    title: str
    draft: bool
    state: str = Field(description="open, merged or closed.")
    branch: str


class Status(BaseModel):
    """What a task has come to so far."""

    id: str
    status: str = Field(description="waiting, running, done, limit, no change, failed, interrupted, …")
    over: bool = Field(description="Nobody works on it now, and nothing waits for its turn.")
    doing: str = Field(description="What is being done now, in a few words.")
    events: int = Field(description="So many are in the log.")
    commands: int = Field(description="So many were run; `command_output` shows them.")
    turns: int = Field(description="Calls of the model.")
    tokens: int
    cost_usd: float | None = Field(description="Null when the price is not known.")
    seconds: float
    changed_files: list[ChangedFile]
    more_changed_files: int = Field(description="That are not listed.")
    verdict: str = Field(description="Of the checks that were run on the final tree: passed, failed or none.")
    pull_request: Offered | None
    words: str = Field(description="The model's last words. They are no evidence.")
    error: str = Field(description="Why it could not go on; empty when nothing is wrong.")
    mend: str = Field(description="What helps against that.")


class LogLine(BaseModel):
    """An event in a line."""

    seq: int
    time: str = Field(description="UTC.")
    kind: str
    text: str


class LogPage(BaseModel):
    """Events in order."""

    events: list[LogLine]
    next: int = Field(description="Give it as `after` for the next page.")
    more: bool


class OutputPage(BaseModel):
    """Lines of a command's output."""

    command: str
    ended: str
    first_line: int
    lines: list[str]
    total_lines: int
    more: bool


class DiffPage(BaseModel):
    """A piece of a unified diff."""

    diff: str
    next: int = Field(description="Give it as `offset` for the next piece.")
    total: int = Field(description="Characters of the whole.")
    more: bool


class Check(BaseModel):
    """A check that the harness ran in a fresh sandbox."""

    number: int
    command: str
    passed: bool
    ended: str
    seconds: float
    output_lines: int


class Proof(BaseModel):
    """What the harness itself ran on the exact tree that is offered."""

    verdict: str = Field(description="passed, failed, or none when there was nothing to run (yet).")
    tree: str
    commit: str
    checks: list[Check]


class Told(BaseModel):
    """What was done."""

    id: str
    text: str
