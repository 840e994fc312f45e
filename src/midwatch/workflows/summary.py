"""Tasks in one line each, from their records alone. Light: `midwatch list` imports nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.task import Task
from midwatch.engine.lease import holder
from midwatch.engine.store.base import AttemptState, Store, TaskRow


@dataclass(frozen=True, slots=True)
class Summary:
    """A task in one line."""

    task: Task
    status: str
    updated: str


async def summaries(store: Store, state: Path, limit: int) -> Sequence[Summary]:
    """The newest tasks, from their attempts' records alone (no log is read)."""
    return [_summary(row, state) for row in await store.recent(limit)]


def _summary(row: TaskRow, state: Path) -> Summary:
    statuses = [_quick_status(attempt, state, row.task.mode) for attempt in row.attempts]
    order = ("running", "done", "answered", "interrupted", "failed", "waiting", "no change")
    status = min(statuses, key=lambda s: order.index(s) if s in order else len(order)) if statuses else "waiting"
    return Summary(row.task, status, max((a.updated for a in row.attempts), default="") or row.task.created)


def _quick_status(attempt: AttemptState, state: Path, mode: str) -> str:
    ended = {"proposed": "done", "stopped": "answered" if mode == "read-only" else "no change"}
    if attempt.last_kind in ended:
        return ended[attempt.last_kind]
    if holder(state / "locks", attempt.attempt) is not None:
        return "running"
    if not attempt.last_kind:
        return "waiting"
    return "failed" if attempt.last_kind == "failed" else "interrupted"
