"""What a task has come to: read from the logs alone, for people and programs."""

from __future__ import annotations

from dataclasses import dataclass

from midwatch.agent.log import History
from midwatch.domain.conversation import Usage
from midwatch.domain.events import Failed, Proposing, ToolFinished
from midwatch.domain.evidence import Evidence, FileChange
from midwatch.domain.pull_request import PullRequest
from midwatch.domain.task import Task


@dataclass(frozen=True, slots=True)
class AttemptReport:
    """One attempt, summed up."""

    attempt: str
    status: str
    """`waiting`, `running`, `interrupted`, `failed`, `done`, `answered`, `no change`, `limit`, `not chosen`; of a
    conversation also `open` (nothing was said yet)."""
    detail: str
    """Why it failed or stopped; empty otherwise."""
    mend: str
    turns: int
    usage: Usage
    cost_microusd: int | None
    """None when the price of a call is not known."""
    seconds: float
    text: str
    """The model's last words."""

    commands: tuple[ToolFinished, ...]
    evidence: Evidence | None
    tree: str
    """The last saved tree; empty when none was saved."""
    commit: str
    """The commit that is offered; empty when there is none."""
    seq: int
    hash: str
    """Of the last event."""
    limit: str = ""
    """Which limit ended the work; empty when none did."""
    proposing: bool = False
    """Its pull request is being opened or brought up to date."""


@dataclass(frozen=True, slots=True)
class Report:
    """A task, its attempts, and what it offers."""

    task: Task
    attempts: tuple[AttemptReport, ...]
    chosen: AttemptReport
    """The attempt that is (or would be) offered."""
    changes: tuple[FileChange, ...]
    """Of the chosen attempt against the base."""
    pull_request: PullRequest | None

    @property
    def status(self) -> str:
        """The task's state in a word or two: the chosen attempt's."""
        return self.chosen.status

    @property
    def finished(self) -> bool:
        """Nothing is left to do: offered, or every attempt has ended without an offer."""
        if any(a.proposing for a in self.attempts):
            return False
        ended = ("done", "limit", "answered", "no change", "not chosen", "cancelled")
        offered = any(a.status in ("done", "limit") for a in self.attempts)
        return offered or all(a.status in ended for a in self.attempts)

    @property
    def exit_code(self) -> int:
        """0 when a pull request whose checks did not fail is there, or a read-only task its answer; 1 otherwise."""
        if self.chosen.status == "answered":
            return 0
        evidence = self.chosen.evidence
        good = self.chosen.status == "done" and self.pull_request is not None
        return 0 if good and (evidence is None or evidence.verdict != "failed") else 1


def status_of(history: History, running: bool) -> tuple[str, str, str]:
    """Status, detail and mend of an attempt."""
    last = history.events[-1].body if history.events else None
    if history.task is not None and history.task.kind == "conversation":
        return _status_of_conversation(history, running)
    if history.stopped is not None:
        words = {"no_change": "no change", "not_chosen": "not chosen", "no_review": "no result"}
        return words.get(history.stopped.reason, history.stopped.reason), history.stopped.text, ""
    if history.offered:
        if history.outcome is not None and history.outcome.kind == "limit":
            return "limit", history.outcome.text, ""
        return "done", "", ""
    ended = _ended(history)
    if ended:
        return ended, history.outcome.text if history.outcome and ended == "limit" else "", ""
    if running:
        return "running", "", ""
    if last is None:
        return "waiting", "", ""
    if isinstance(last, Failed):
        return "failed", last.error, last.mend
    return "interrupted", "", ""


def _ended(history: History) -> str:
    """How an attempt that has no pull request to offer came to its end; empty when it is another kind, or has not."""
    if history.reviewed is not None:
        return "done"
    if history.task is None or history.task.kind != "subtask" or history.outcome is None:
        return ""
    return history.outcome.kind


def _tree(history: History) -> str:
    """What is offered, or was saved last; what a review writes in its box is not kept, and offered to nobody."""
    reviewing = history.task is not None and history.task.kind == "review"
    if history.checked is not None:
        return history.checked.evidence.tree
    return history.checkpoint.tree if history.checkpoint and not reviewing else ""


def _status_of_conversation(history: History, running: bool) -> tuple[str, str, str]:
    """The same for a conversation, which never ends: how its last turn did."""
    last = history.events[-1].body
    if running:
        return "running", "", ""
    if isinstance(last, Failed):
        return "failed", last.error, last.mend
    outcome = history.outcome
    if outcome is None:
        return ("interrupted" if history.items else "open"), "", ""
    words = {"done": "answered", "limit": "limit", "interrupted": "interrupted"}
    return words[outcome.kind], "" if outcome.kind == "done" else outcome.text, ""


def attempt_report(attempt: str, history: History, running: bool) -> AttemptReport:
    """Sum up one attempt from its events."""
    status, detail, mend = status_of(history, running)
    proposing = next((e.body for e in reversed(history.events) if isinstance(e.body, Proposing)), None)
    checked = history.checked
    return AttemptReport(
        attempt=attempt,
        status=status,
        detail=detail,
        mend=mend,
        turns=history.turns,
        usage=history.usage,
        cost_microusd=history.cost_microusd if history.cost_known else None,
        seconds=history.spent_seconds,
        text=history.last_reply.text if history.last_reply else "",
        limit=history.outcome.text if history.outcome and history.outcome.kind == "limit" else "",
        commands=tuple(history.commands),
        evidence=checked.evidence if checked else None,
        tree=_tree(history),
        proposing=history.proposing is not None,
        commit=checked.commit if checked else (proposing.commit if proposing else ""),
        seq=len(history.events),
        hash=history.events[-1].hash if history.events else "",
    )
