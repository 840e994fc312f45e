"""What clients are told."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class BaseAnswer(BaseModel):
    """Where a task starts."""

    commit: str
    ref: str
    branch: str = Field(description="The branch that the pull request goes to; empty when it started from none.")


class TurnAnswer(BaseModel):
    """One stretch of work on a task: what was submitted, a message, a retry, a resume."""

    id: str
    state: str = Field(description="`queued`, `running`, `done`, `failed`, `cancelled` or `paused`.")
    detail: str = Field(description="Why it failed; empty otherwise.")
    mend: str
    wish: str = Field(description="What it was told and has not done yet: `cancel`, `pause`; empty for nothing.")
    by: str = Field(description="Who wanted it.")
    priority: str = Field(description="`interactive` or `batch`.")
    labels: list[str] = Field(description="What it demands of a worker.")
    begin_at: str | None = Field(description="It does not begin before; null for at once.")
    waits_for: str = Field(
        description="While it is queued: its time, a limit, a worker with a label, …; empty when a worker takes it as "
        "soon as one has room."
    )
    waits_until: str | None = Field(description="Not before then; null for what is not known.")


class AttemptLine(BaseModel):
    """An attempt in a line."""

    id: str
    events: int = Field(description="How many there are; also the number of the last one.")
    last_kind: str = Field(description="Kind of the last event; empty when there is none.")
    updated: str


class SumAnswer(BaseModel):
    """What a task has come to in numbers; of one that goes on, a moment ago."""

    added: int | None = Field(description="Lines; null while nothing was changed, or it has not been counted yet.")
    removed: int | None
    files: int
    cost_microusd: int | None = Field(description="Of all attempts; null when the price of a call is not known.")
    tokens: int = Field(description="In and out together.")
    verdict: str = Field(description="`passed`, `failed` or `none`.")
    pull_request: int | None
    pull_request_state: str = Field(description="`draft`, `open`, `merged` or `closed`; empty for none.")
    pull_request_url: str


class TaskLine(BaseModel):
    """A task in a line."""

    id: str
    status: str = Field(
        description="`waiting`, `running`, `paused`, `cancelled`, `failed`, `interrupted`, `done`, `answered` or "
        "`no change`."
    )
    repository: str = Field(description="Its id; empty for one that is not registered.")
    location: str
    prompt: str = Field(description="In lists its first 1,000 characters.")
    model: str
    branch: str
    kind: str
    mode: str
    by: str = Field(description="Who asked for it last; empty for what was not submitted to a server.")
    waits_for: str = Field(description="While it waits: as `waits_for` of its newest turn says it.")
    waits_until: str | None
    created: str
    updated: str
    tries: int = Field(description="Attempts.")
    sum: SumAnswer | None = Field(
        default=None, description="In lists and in the stream; null while nothing is known of it."
    )


class BudgetAnswer(BaseModel):
    """A cap, and what has been spent below it."""

    kind: str = Field(description="`organisation`, `repository`, `task` or `user`.")
    name: str = Field(description="Of the user or organisation; the repository's address; the task's id.")
    period: str = Field(description="`whole` or `day` (UTC).")
    microusd: int | None = Field(description="The most, in millionths of a US dollar.")
    tokens: int | None = Field(description="The most, in and out together.")
    spent_microusd: int
    spent_tokens: int
    reserved_microusd: int = Field(description="By calls of models that are under way.")
    reserved_tokens: int


class TaskAnswer(TaskLine):
    """A task."""

    base: BaseAnswer
    checks: list[str]
    checks_from: str
    limits: dict[str, int | None]
    sandbox: str
    notes: list[str] = Field(description="What a person should know about how it was set up.")
    attempts: list[AttemptLine]
    turn: TurnAnswer | None = Field(description="The newest; null for what no server has queued.")
    pull_request: int | None
    budgets: list[BudgetAnswer] = Field(
        default=[],
        description="That its next call counts for, as far as you may see them; empty in the answers to POST.",
    )
    archived: bool = Field(default=False, description="It is not listed, until somebody works on it again.")
    submitted_by: str = Field(default="", description="Who gave it at first; empty in the answers to POST.")


class ExampleAnswer(BaseModel):
    """A task that can be tried at once, without any key: see `midwatch example`."""

    repository: str
    prompt: str
    model: str


class ChoicesAnswer(BaseModel):
    """What a person can choose from for a new task."""

    models: list[str] = Field(description="Those that the settings name, the default first; others work where their "
                              "provider has a key.")  # fmt: skip
    attempts: int = Field(description="The most tries of one task.")
    turns: int | None = Field(description="What the settings let one attempt spend at most; null for no cap.")
    cost_microusd: int | None
    seconds: int | None
    example: ExampleAnswer | None = Field(description="null where its repository is not there or not yours to see.")


class Tasks(BaseModel):
    """A page of tasks, the newest first."""

    tasks: list[TaskLine]
    next: str | None = Field(description="What `before` takes for the next page; null at the end.")


class Change(BaseModel):
    """A changed file."""

    path: str
    old_path: str
    status: str = Field(description="A added, M modified, D deleted, R renamed, T type changed.")
    added: int | None = Field(description="Lines; null for a binary file.")
    removed: int | None


class Check(BaseModel):
    """A check that Midwatch itself ran on the final tree, in a fresh sandbox."""

    number: int
    command: str
    passed: bool
    exit_code: int | None
    ended: str
    seconds: float
    digest: str = Field(description="SHA-256 of the full output.")
    bytes: int
    lines: int


class EvidenceAnswer(BaseModel):
    """What the harness ran on the exact final tree; the model's word is not evidence."""

    attempt: str
    verdict: str = Field(description="`passed`, `failed`, or `none` when there was nothing to run or it has not been.")
    tree: str
    commit: str
    checks: list[Check]
    changes: list[Change]


class AttemptAnswer(AttemptLine):
    """An attempt."""

    task: str
    status: str
    detail: str = Field(description="Why it failed or stopped; empty otherwise.")
    mend: str
    turns: int
    tokens: dict[str, int]
    cost_microusd: int | None = Field(description="null when the price of a call is not known.")
    seconds: float
    text: str = Field(description="The model's last words.")
    limit: str
    commands: int
    verdict: str
    tree: str
    commit: str
    hash: str = Field(description="Of the last event.")


class EventAnswer(BaseModel):
    """An event; `docs/events.md` has the kinds and their fields."""

    type: str
    attempt: str
    task: str
    seq: int
    time: str
    kind: str
    version: int
    epoch: int = Field(description="Of whoever wrote it: one that has taken the attempt over has a higher one.")
    hash: str = Field(
        description="Over all of it, its epoch and the hash of the event before; `docs/events.md` says how."
    )
    body: dict[str, Any]


class Events(BaseModel):
    """A page of events."""

    events: list[EventAnswer]
    next: int = Field(description="What `after` takes for the next page.")
    more: bool


class Output(BaseModel):
    """Lines of an output."""

    name: str
    command: str
    ended: str
    digest: str
    total_lines: int
    first_line: int
    lines: list[str]
    more: bool


class PullRequestAnswer(BaseModel):
    """A pull request."""

    number: int
    task: str
    repository: str
    location: str
    state: str = Field(description="`open`, `merged` or `closed`.")
    draft: bool
    verdict: str
    title: str
    body: str
    branch: str
    base: str
    commit: str
    url: str
    created: str
    updated: str
    merge_commit: str


class PullRequests(BaseModel):
    """The newest first."""

    pull_requests: list[PullRequestAnswer]


class EnvironmentAnswer(BaseModel):
    """Layers that a setup has left, kept for all tasks with the same key."""

    key: str
    repository: str
    location: str
    commit: str
    created: str
    used: str
    seconds: float
    size: int = Field(description="Bytes on disk.")
    files: int
    commands: list[str]
    failure: str


class Environments(BaseModel):
    """Those that are kept."""

    environments: list[EnvironmentAnswer]


class Imported(BaseModel):
    """What has become of one line."""

    line: int
    id: str = Field(default="", description="Of the task; empty when it was refused.")
    detail: str = Field(default="", description="Why it was refused.")
    mend: str = ""


class Import(BaseModel):
    """Of all lines."""

    tasks: list[Imported]
    made: int
    refused: int


class Told(BaseModel):
    """How a task stands after what was wanted of it."""

    task: str
    turn: TurnAnswer | None


class Archived(BaseModel):
    """Whether a task is listed."""

    task: str
    archived: bool


class UndoneAnswer(BaseModel):
    """Where an attempt is after it went back."""

    task: str
    attempt: str
    to: int = Field(description="The event after which it is now.")
    tree: str
    commit: str = Field(description="The checkpoint of its files.")
    files: list[Change] = Field(description="How they changed by it.")
    commands: int = Field(description="That no longer count.")


class WorkerAnswer(BaseModel):
    """A process that takes turns."""

    id: str
    host: str
    capacity: int = Field(description="Turns at the same time.")
    labels: list[str] = Field(description="What it has: it takes turns that demand these, or none.")
    version: str
    started: str
    beat: str = Field(description="When it last said that it lives.")
    fresh: bool = Field(description="It has said so within its lease.")
    turns: int = Field(description="That it works on now.")


class WaitAnswer(BaseModel):
    """Turns that wait for the same."""

    why: str = Field(description="As `waits_for` of a turn; empty: for a worker to have room.")
    turns: int
    until: str | None = Field(description="Not before then for the first of them; null for what is not known.")
    since: str = Field(description="When the one that waits longest was queued.")


class Workers(BaseModel):
    """Those that there are."""

    workers: list[WorkerAnswer]
    turns: dict[str, int] = Field(description="How many there are, by their state.")
    waiting: list[WaitAnswer] = Field(
        description="What the next 1,000 of the queued ones wait for, most of them first."
    )


class Standing(BaseModel):
    """Whether the server can do its work."""

    status: str
    version: str


class LimitAnswer(BaseModel):
    """How many turns may be worked on at a time and may begin."""

    scope: str = Field(description="`all`, `repository` or `user`.")
    name: str = Field(description="Of the user, the id of the repository; empty for each that has none of its own.")
    at_once: int | None = Field(description="Turns at a time; null for as many as there is room for.")
    starts: str | None = Field(description="Turns that may begin in a time, as `30/1h`; null for any number.")


class Limits(BaseModel):
    """All that one may see."""

    limits: list[LimitAnswer]


class Budgets(BaseModel):
    """All that one may see."""

    budgets: list[BudgetAnswer]
