"""A pull request that goes over to a later task: what is said about it is for that one."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from midwatch.domain.errors import InputError
from midwatch.engine.forges.origins import Origins
from midwatch.engine.turns import OPEN, Turns, newest
from midwatch.workflows.reopening import of_branch, taken_over

if TYPE_CHECKING:
    from midwatch.domain.task import Task
    from midwatch.engine.database.base import Connection
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
        raise _gone(task.id, later)


async def latest(home: Home, task: Task) -> Callable[[Connection], None]:
    """As `require_latest`; what is returned looks again, inside the transaction that opens a turn of the task or keeps
    what is said to it: whether another has been begun meanwhile that would push over it, or the one has gone on that
    this one has the change of. Raises InputError then."""
    await require_latest(home, task)
    request = await home.forge.of_task(task.id)
    if request is None:
        earlier = await of_branch(home.forge, task)
        return partial(_unmoved, task=task.id, earlier="" if earlier is None else earlier.proposal.task_id)
    belongs = await home.connected.of(task.repository)
    thing = ("", "", 0) if belongs is None else (belongs[0].id, belongs[1], request.number)
    return partial(_alone, task=task, thing=thing)


def _alone(db: Connection, task: Task, thing: tuple[str, str, int]) -> None:
    query = (
        "SELECT t.id, t.body FROM origin o JOIN task t ON t.id = o.task WHERE o.connection = ? AND o.slug = ? "
        "AND o.number = ? AND o.purpose = 'work' AND t.id <> ?"
    )
    for later, body in db.execute(query, (*thing, task.id)).fetchall():
        turn = newest(db, later)
        if turn is not None and turn.status in OPEN and json.loads(body).get("branch") == task.branch:
            raise _gone(task.id, later)


def _unmoved(db: Connection, task: str, earlier: str) -> None:
    last = newest(db, earlier, lock=True) if earlier else None
    (begun,) = db.execute("SELECT min(created) FROM turn WHERE task = ?", (task,)).fetchone()
    if last is not None and (last.status in OPEN or (begun is not None and last.created > begun)):
        raise InputError(
            f"task {earlier}, whose change this one has, has gone on since",
            f"say it to that one: {earlier}, or ask once more for its conflicts to be resolved",
        )


def _gone(task: str, later: str) -> InputError:
    return InputError(f"the pull request of task {task} is task {later}'s now", f"say it to that one: {later}")
