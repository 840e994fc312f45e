"""What clients send."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path as InPath
from pydantic import AfterValidator, Field, model_validator

from midwatch.domain import labels
from midwatch.domain.errors import InputError
from midwatch.domain.guard import Context
from midwatch.domain.labels import MOST
from midwatch.server.bodies import Form, Moment
from midwatch.server.pictured import Images, images_of
from midwatch.workflows.start import MOST_ATTEMPTS, Request

MOST_TEXT = 200_000
"""Characters of a prompt or a message."""
MOST_CONTEXT = 256 << 10
"""Characters of a text that is shown beside the prompt, as `--context` takes bytes."""
LONGEST_DELAY = 366 * 86400
"""Seconds."""
_MOST = 10**12


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("a NUL character cannot be stored")
    return text


Word = Annotated[str, Field(max_length=1000), AfterValidator(_storable)]
Text = Annotated[str, Field(min_length=1, max_length=MOST_TEXT), AfterValidator(_storable)]
Sum = Annotated[int, Field(ge=1, le=_MOST)]
Status = Literal["waiting", "running", "paused", "cancelled", "failed", "interrupted", "done", "answered", "no change"]
"""Of a task in a list (`views.status`)."""
TaskId = Annotated[str, InPath(pattern=r"^[0-9a-z]{12}$", description="A task's whole id.", examples=["01m5x3q9k2ab"])]
AttemptId = Annotated[
    str, InPath(pattern=r"^[0-9a-z]{12}\.[1-9]$", description="A task's id and a number.", examples=["01m5x3q9k2ab.1"])
]


class LimitsAsked(Form):
    """What an attempt may spend, below what the server's settings allow."""

    turns: Sum | None = Field(default=None, description="Model calls.")
    tokens: Sum | None = Field(default=None, description="In and out, over all turns.")
    cost_microusd: Sum | None = Field(default=None, description="Millionths of a US dollar.")
    seconds: Sum | None = Field(default=None, description="Of work.")


class ContextAsked(Form):
    """A text that is shown to the model as data, beside the prompt: an issue, a log."""

    source: Word = Field(description="Where it comes from, in a word or two.")
    text: Annotated[str, Field(max_length=MOST_CONTEXT), AfterValidator(_storable)]


class TaskAsked(Form):
    """A task, with the options of `midwatch run`."""

    prompt: Text = Field(description="What is to be done, with all that one must know.")
    repository: Word = Field(description="The id or the name of a registered repository.")
    base: Word | None = Field(
        default=None, description="Branch, tag or commit to start from; default: what is checked out."
    )
    model: Word | None = Field(default=None, description="`repair`, `PROVIDER/NAME`, or one of the server's settings.")
    checks: list[Word] = Field(
        [], max_length=50, description="Commands that must exit with 0; default: the repository's."
    )
    attempts: int = Field(default=1, ge=1, le=MOST_ATTEMPTS, description="Tries; the best is offered.")
    select: Literal["", "diff", "review"] = Field(
        default="", description="Among attempts that pass: the smallest change, or the one that reviews best."
    )
    mode: Literal["", "read-only", "workspace", "full"] = Field(
        default="", description="What the agent may do; `full` is without a sandbox, for administrators."
    )
    sandbox: Literal["bubblewrap", "container", "gvisor", "landlock", "process"] | None = Field(
        default=None, description="How commands are isolated; `process` isolates nothing, for administrators."
    )
    limits: LimitsAsked = LimitsAsked()
    context: list[ContextAsked] = Field(default=[], max_length=20)
    images: Images = Field(default=[])
    mcp: list[Word] = Field(default=[], max_length=20, description="`NAME` or `NAME:TOOL,TOOL`, of the settings.")
    commands: bool = Field(default=False, description="The prompt may call a custom prompt by its name.")
    include_uncommitted: bool = Field(default=False, description="Start from its files as they are; for maintainers.")
    trust_project: bool = Field(default=False, description="Its .midwatch sets rules and hooks; for maintainers.")
    trust_recipe: bool = Field(default=False, description="The recipe may name hosts and secrets; for maintainers.")
    priority: Literal["interactive", "batch"] = Field(
        default="interactive", description="Whether somebody waits for it."
    )
    delay_seconds: int = Field(default=0, ge=0, le=LONGEST_DELAY, description="When it may begin, from now.")
    begin_at: Moment | None = Field(
        default=None, description="When it may begin, at most a year from now; one that has passed is now."
    )
    labels: list[Word] = Field(
        default=[], max_length=MOST, description="Only a worker that has all of them takes it: `gpu`, `arch=arm64`."
    )

    @model_validator(mode="after")
    def _one_time(self) -> TaskAsked:
        if self.begin_at is not None and self.delay_seconds:
            raise ValueError("it has both begin_at and delay_seconds: leave one of them out")
        return self

    def begins(self, now: float) -> float:
        """Not before, in seconds since 1970; 0 for at once. Raises InputError for what is too far away."""
        if self.begin_at is None:
            return now + self.delay_seconds if self.delay_seconds else 0.0
        if (then := self.begin_at.timestamp()) > now + LONGEST_DELAY:
            raise InputError(f"begin_at is {self.begin_at.isoformat()}, more than a year away", "give an earlier time")
        return then if then > now else 0.0

    def request(self, location: str, task_id: str) -> Request:
        """As the workflows take it, for the repository at that place and a task of that id."""
        return Request(
            prompt=self.prompt.strip(),
            repository=location,
            base=self.base,
            model=self.model,
            checks=tuple(self.checks),
            attempts=self.attempts,
            select=self.select,
            limits=self.limits.model_dump(exclude_none=True),
            sandbox=self.sandbox,
            include_uncommitted=self.include_uncommitted,
            mode=self.mode,
            trust_recipe=self.trust_recipe,
            trust_project=self.trust_project,
            context=tuple(Context(given.source, given.text) for given in self.context),
            commands=self.commands,
            mcp=tuple(self.mcp),
            labels=labels.parse(self.labels),
            id=task_id,
            images=images_of(self.images),
        )


class MessageAsked(Form):
    """Further words to a task."""

    text: Text
    images: Images = Field(default=[])


class ForkAsked(Form):
    """Where a fork begins, and what is wanted of it."""

    step: Annotated[str, Field(pattern=r"^(start|cmd:[0-9]{1,9}|[0-9]{1,9})?$")] = Field(
        default="",
        description="`start`, `cmd:7` (command 7 has ended) or an event's number; empty for where it is now.",
    )
    message: Annotated[str, Field(max_length=MOST_TEXT), AfterValidator(_storable)] = ""
    attempt: int = Field(default=0, ge=0, le=MOST_ATTEMPTS, description="Which one; 0 for the one that is offered.")


class UndoAsked(Form):
    """How far back."""

    step: Annotated[str, Field(pattern=r"^(start|cmd:[0-9]{1,9}|[0-9]{1,9})$")] = Field(
        description="`start`, `cmd:7` (command 7 has ended) or an event's number: what came after it does not count."
    )
    attempt: int = Field(default=0, ge=0, le=MOST_ATTEMPTS, description="Which one; 0 for the one that is offered.")


class ChoiceAsked(Form):
    """The attempt that a person wants offered."""

    attempt: int = Field(ge=1, le=MOST_ATTEMPTS)


class LimitAsked(Form):
    """How many turns of a scope may be worked on at a time and may begin; with neither it has no limit at all."""

    scope: Literal["all", "repository", "user"]
    name: Word = Field(
        default="", description="Of the user, the id or name of the repository; empty for each without its own."
    )
    at_once: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        default=None, description="Turns at a time; 0 lets none begin."
    )
    starts: Annotated[str, Field(pattern=r"^[0-9]{1,7}/[0-9]{0,7}[smhd]$")] | None = Field(
        default=None, description="Turns that may begin in a time: `30/1h`, `500/1d`."
    )


class CapAsked(Form):
    """The most that may be spent by all tasks of a scope together."""

    kind: Literal["organisation", "repository", "task", "user"]
    name: Word = Field(description="Of the user or organisation; the id or name of the repository; the task's id.")
    period: Literal["whole", "day"] = Field(default="day", description="For ever, or on each day (UTC).")
    microusd: Annotated[int, Field(ge=0, le=_MOST)] | None = Field(
        default=None, description="Millionths of a US dollar; nothing for as much as one likes."
    )
    tokens: Annotated[int, Field(ge=0, le=_MOST)] | None = Field(default=None, description="In and out together.")
