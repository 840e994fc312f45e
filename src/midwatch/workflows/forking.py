"""A new task that begins with what another one had done up to a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from midwatch.agent.course import course
from midwatch.agent.log import History
from midwatch.domain.codec import to_json
from midwatch.domain.errors import InputError
from midwatch.domain.events import (
    Checked,
    Event,
    Failed,
    LimitReached,
    Proposed,
    Proposing,
    Stopped,
    TaskStarted,
)
from midwatch.domain.ids import attempt_id, branch_name, new_task_id
from midwatch.domain.interventions import Forked
from midwatch.domain.limits import Limits
from midwatch.domain.task import Task
from midwatch.engine.store.base import Store
from midwatch.engine.store.records import now
from midwatch.workflows.reopening import Shelf, meant, require_begun, spoken
from midwatch.workflows.undoing import step

FORKED = "forked from "
"""A note of a fork begins so, with the attempt after it."""
_OWN = (TaskStarted, Forked, Checked, Proposing, Proposed, Stopped, Failed, LimitReached)
"""What is an attempt's own: its end, and where it comes from."""


async def fork(shelf: Shelf, name: str, at: str, message: str, harness: str, task_id: str = "") -> Task:
    """Make the task, durable when this returns; `solve` goes on with it. `at`: a step (`undoing.step`), empty for where
    the other one is now. `message`: what the person wants of the new one, may be empty. The other task is only read,
    and may be worked on meanwhile. Limits count anew: what the other one spent is not the new one's. `task_id`: of the
    new one; empty for any. Raises InputError as `undo`."""
    row, attempt = await meant(shelf, name)
    if row.task.kind in ("subtask", "review", "environment"):
        raise InputError(f"{row.task.id} is of the kind {row.task.kind}, which cannot be forked", "fork a task")
    if row.task.kind == "conversation" and message.strip():
        raise InputError(f"{row.task.id} is a conversation", "leave the message out, and say it in the new one")
    events = await shelf.store.read(attempt)
    require_begun(History(events), attempt)
    seq = step(events, at) if at else len(events)
    bodies = copies(events[:seq])
    then = _folded(bodies)
    bodies_told = [*bodies, *(spoken(then, message) if message.strip() else [])]
    named = replace(row.task, id=task_id or new_task_id())
    task = _task(named, message, (attempt, seq), _limits(row.task.limits, _folded(bodies_told)))
    begun = [
        replace(events[0].body, task=task, attempt=1, harness=harness),
        Forked(attempt, seq, events[seq - 1].hash, len(bodies)),
        *bodies_told,
    ]
    if then.checkpoint is not None:
        repository = await shelf.repository(task)
        await repository.keep(f"forks/{attempt_id(task.id, 1)}", then.checkpoint.commit)
    await shelf.store.create(task, begun)
    return task


def copies(events: Sequence[Event]) -> list[Any]:
    """The bodies that a fork after these events begins with: what still counts of the conversation and its results."""
    return [event.body for event in course(events) if not isinstance(event.body, _OWN)]


async def faults(store: Store, log: Sequence[Event]) -> list[str]:
    """What is wrong with a fork, a sentence each: it must begin with exactly what its origin holds. Nothing for what
    is no fork."""
    found = next((event for event in log if isinstance(event.body, Forked)), None)
    if found is None:
        return []
    origin: Forked = found.body
    theirs = await store.read(origin.attempt)
    if len(theirs) < origin.seq or theirs[origin.seq - 1].hash != origin.hash:
        return [f"its origin, event {origin.seq} of {origin.attempt}, is not there as it was"]
    wanted = copies(theirs[: origin.seq])
    held = [event.body for event in log[found.seq : found.seq + origin.copied]]
    if [to_json(body) for body in held] != [to_json(body) for body in wanted]:
        return [f"what it begins with is not what {origin.attempt} had done up to event {origin.seq}"]
    return []


def _folded(bodies: Sequence[Any]) -> History:
    """A history of bodies that no log has yet."""
    return History([Event("", seq, "2000-01-01T00:00:00.000Z", 0, body, "", "") for seq, body in enumerate(bodies, 1)])


def _task(of: Task, message: str, origin: tuple[str, int], limits: Limits) -> Task:
    """Of what it was forked from, which has the new id already."""
    return replace(
        of,
        branch=branch_name(of.id, message or of.prompt),
        attempts=1,
        limits=limits,
        notes=(*of.notes, f"{FORKED}{origin[0]} at event {origin[1]}"),
        created=now(),
    )


def _limits(limits: Limits, begun: History) -> Limits:
    """The same again, on top of what the copies say was spent."""

    def more(cap: int | None, spent: int) -> int | None:
        return None if cap is None else cap + spent

    return replace(
        limits,
        turns=more(limits.turns, begun.turns - begun.turns_before),
        tokens=more(limits.tokens, begun.usage.total),
        cost_microusd=more(limits.cost_microusd, begun.cost_microusd),
    )
