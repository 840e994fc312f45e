"""Changing what a task is to come to: a further message, going back, a fork. Each part is imported when it is asked
for; `wiring.run` then goes on with the task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from midwatch import __version__

if TYPE_CHECKING:
    from midwatch.domain.events import Event
    from midwatch.domain.task import Task
    from midwatch.wiring import Home
    from midwatch.workflows.reopening import Shelf
    from midwatch.workflows.undoing import WentBack


async def tell(home: Home, name: str, text: str) -> Task:
    """Give a task a further message. Raises InputError for one that cannot take it."""
    from midwatch.workflows import reopening

    return await reopening.tell(_shelf(home), name, text)


async def choices(home: Home, name: str) -> tuple[Task, str, Sequence[Event]]:
    """The task, its attempt, and all its events, of which `course.steps` are those that one can go back to."""
    from midwatch.workflows import undoing

    return await undoing.choices(_shelf(home), name)


async def undo(home: Home, name: str, to: str) -> WentBack:
    """Go back to a step: `start`, `cmd:7`, or an event's number."""
    from midwatch.workflows import undoing

    return await undoing.undo(_shelf(home), name, to)


async def fork(home: Home, name: str, at: str, message: str) -> Task:
    """A new task that begins with what another had done up to a step; empty for where it is now."""
    from midwatch.workflows import forking

    return await forking.fork(_shelf(home), name, at, message, f"midwatch {__version__}")


def _shelf(home: Home) -> Shelf:
    from midwatch.workflows.reopening import Shelf

    return Shelf(home.state, home.store, home.forge)
