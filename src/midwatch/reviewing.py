"""Working on a review, for a person at a terminal and for a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from midwatch.wiring import parts_of

if TYPE_CHECKING:
    from midwatch.domain.events import Stopped
    from midwatch.domain.interventions import Reviewed
    from midwatch.domain.observer import Observer
    from midwatch.domain.task import Task
    from midwatch.wiring import Home


async def review(home: Home, task: Task, observer: Observer) -> Reviewed | Stopped:
    """Begin a review or go on with it; a finished one answers at once. `Stopped` when it came to no result."""
    from midwatch.workflows.review import review as work_on

    async with parts_of(home, task, task.model, observer) as parts:
        return await work_on(task, parts)
