"""Tasks that are kept and not listed."""

from __future__ import annotations

from fastapi import APIRouter

from midwatch.engine.retention.archived import archive, unarchive
from midwatch.server.accounts.desk import deed
from midwatch.server.answers import Archived
from midwatch.server.asked import TaskId
from midwatch.server.problems import answers, conflicting
from midwatch.server.recorded import Recorded
from midwatch.server.service import Visit, Visiting

router = APIRouter(prefix="/tasks/{task}", tags=["tasks"])


@router.post("/archive", responses=answers(409))
async def put_away(visiting: Visiting, task: TaskId) -> Archived:
    """Take an ended task from the lists. Nothing of it is deleted, and a message or a retry brings it back."""
    database = await _recorded(visiting, task, "task.archive")
    with conflicting():
        await archive(database, task, visiting.who.name)
    return Archived(task=task, archived=True)


@router.post("/unarchive")
async def bring_back(visiting: Visiting, task: TaskId) -> Archived:
    """Put it back into the lists."""
    await unarchive(await _recorded(visiting, task, "task.unarchive"), task)
    return Archived(task=task, archived=False)


async def _recorded(visiting: Visit, task: str, action: str) -> Recorded:
    """The database, for a member of the task's repository. Raises Problem 404, 403."""
    _, repository = await visiting.task(task, "member")
    done = deed(visiting.who, action, task, repository.id if repository else "")
    return Recorded(visiting.service.home.store.database, done)
