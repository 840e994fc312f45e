"""Tasks in one line each, from their records alone. Light: `midwatch list` imports nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.errors import StoreError
from midwatch.domain.task import Task
from midwatch.engine.lease import holder
from midwatch.engine.store.base import AttemptState, Store, TaskRow

_TURNS = {
    "": "open", "model_replied": "answered", "limit_reached": "limit", "interrupted": "interrupted", "failed": "failed",
}  # fmt: skip
"""How the last turn of a conversation did, by the last kind of event. After any other kind the log must be asked."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A task in one line."""

    task: Task
    status: str
    updated: str
    waits_for: str = ""
    """What it waits for before it begins, in words; only a server knows."""


async def summaries(store: Store, state: Path, limit: int, *, archived: bool = False) -> Sequence[Summary]:
    """The newest tasks, from their attempts' records alone (a log is read only for some conversations); those that are
    archived, or those that are not."""
    return [await _summary(row, store, state) for row in await store.recent(limit, archived=archived)]


async def _summary(row: TaskRow, store: Store, state: Path) -> Summary:
    task = row.task
    if task.kind == "conversation":
        statuses = [await _turn(attempt, store, state) for attempt in row.attempts]
    else:
        statuses = [_quick_status(attempt, state, task) for attempt in row.attempts]
    order = ("running", "done", "answered", "interrupted", "failed", "waiting", "no change")
    status = min(statuses, key=lambda s: order.index(s) if s in order else len(order)) if statuses else "waiting"
    return Summary(row.task, status, max((a.updated for a in row.attempts), default="") or row.task.created)


async def _turn(attempt: AttemptState, store: Store, state: Path) -> str:
    """How the last turn of a conversation did. What a person chose, undid or changed since, and what was ended with the
    turn, stand behind it in the log."""
    if holder(state / "locks", attempt.attempt) is not None:
        return "running"
    if attempt.last_kind in _TURNS:
        return _TURNS[attempt.last_kind]
    from midwatch.agent.log import History  # most need none

    try:
        history = History(await store.read(attempt.attempt))
    except StoreError:
        return "damaged"
    if history.outcome is None:
        return "interrupted" if history.items else "open"
    return "answered" if history.outcome.kind == "done" else history.outcome.kind


def _quick_status(attempt: AttemptState, state: Path, task: Task) -> str:
    without = "no result" if task.kind == "review" else "answered" if task.mode == "read-only" else "no change"
    ended = {"proposed": "done", "reviewed": "done", "stopped": without}
    if attempt.last_kind in ended:
        return ended[attempt.last_kind]
    if holder(state / "locks", attempt.attempt) is not None:
        return "running"
    if not attempt.last_kind:
        return "waiting"
    return "failed" if attempt.last_kind == "failed" else "interrupted"
