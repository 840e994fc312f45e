"""Going back to an earlier step of a task that a server has."""

from __future__ import annotations

from collections.abc import Sequence

from midwatch.agent.log import History
from midwatch.cli.remote import looking, tasks
from midwatch.cli.remote.session import Session
from midwatch.domain.codec import from_json
from midwatch.domain.errors import InputError
from midwatch.domain.events import Event
from midwatch.domain.evidence import Checkpoint, FileChange
from midwatch.domain.task import Task
from midwatch.workflows.undoing import WentBack


async def choices(session: Session, name: str) -> tuple[Task, str, Sequence[Event]]:
    """The task, its attempt, and all its events. Raises InputError for one that has not begun."""
    attempt = await looking.attempt(session, name)
    events = await tasks.events(session.client, attempt)
    task = History(events).task
    if task is None:
        raise InputError(f"{attempt} has not begun", f"`midwatch attach {attempt.partition('.')[0]}{session.at}`")
    return task, attempt, events


async def undo(session: Session, name: str, to: str) -> WentBack:
    """Go back to a step. Raises InputError where somebody works on the task, and for what is no step."""
    task_id, number = await tasks.named(session.client, name)
    answer = await session.client.get(tasks.path("tasks", task_id))
    posted = await session.client.post(tasks.path("tasks", task_id, "undo"), {"step": to, "attempt": number})
    told = posted.value
    files = tuple(from_json(FileChange, change) for change in told["files"])
    checkpoint = Checkpoint(str(told["tree"]), str(told["commit"]))
    return WentBack(tasks.task(answer), str(told["attempt"]), int(told["to"]), checkpoint, files, int(told["commands"]))
