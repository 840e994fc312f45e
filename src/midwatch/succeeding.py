"""A pull request that goes over to a later task: what is said about it is for that one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from midwatch.domain.errors import InputError
from midwatch.engine.forges.origins import Origins
from midwatch.engine.turns import OPEN, Turns
from midwatch.workflows.reopening import taken_over

if TYPE_CHECKING:
    from midwatch.domain.task import Task
    from midwatch.wiring import Home


async def successor(home: Home, task: Task) -> str:
    """The task that has this one's pull request now, or is putting its change on a later base: what this one would
    push from now on, that one would push over. Empty for none. Asks no forge."""
    request = await home.forge.of_task(task.id)
    if request is None:
        taken = await taken_over(home.forge, task)
        return "" if taken is None else taken.proposal.task_id
    belongs = await home.connected.of(task.repository)
    if belongs is None:
        return ""
    database, (connection, slug) = home.store.database, belongs
    for origin in await Origins(database).of_thing(connection.id, slug, request.number):
        turn = await Turns(database).newest(origin.task) if origin.purpose == "work" else None
        if origin.task == task.id or turn is None or turn.status not in OPEN:
            continue
        if (await home.store.find(origin.task)).task.branch == task.branch:
            return origin.task
    return ""


async def require_latest(home: Home, task: Task) -> None:
    """Raises InputError for a task whose pull request is another one's now."""
    if later := await successor(home, task):
        raise InputError(f"the pull request of task {task.id} is task {later}'s now", f"say it to that one: {later}")
