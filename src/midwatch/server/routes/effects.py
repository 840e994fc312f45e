"""What is done for a task outside of the server, and how that stands."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter

from midwatch.engine.effects import ledger
from midwatch.server.accounts.caller import may
from midwatch.server.accounts.desk import deed
from midwatch.server.asked import TaskId
from midwatch.server.deliveries import EffectAnswer, EffectId, Effects, effect_of
from midwatch.server.problems import answers, conflicting, missing
from midwatch.server.recorded import Recorded
from midwatch.server.service import Visiting

router = APIRouter(prefix="/tasks/{task}/effects", tags=["tasks"])


@router.get("")
async def effects(visiting: Visiting, task: TaskId) -> Effects:
    """The newest first. The pull request is not among them: the task's log has it. Why one came to nothing is told to
    maintainers: it may be in the words of the other side."""
    _, repository = await visiting.task(task)
    found = await ledger.Effects(visiting.service.home.store.database).of_task(task)
    if not may(visiting.who, repository.id if repository else "", "maintainer"):
        found = [replace(effect, error="", mend="") for effect in found]
    return Effects(effects=[EffectAnswer(**effect_of(effect)) for effect in found])


@router.post("/{effect}/retry", status_code=202, responses=answers(409))
async def retry(visiting: Visiting, task: TaskId, effect: EffectId) -> EffectAnswer:
    """Try one again that has failed; for maintainers of the task's repository. It is looked for first where it may have
    been done."""
    _, repository = await visiting.task(task, "maintainer")
    found = await ledger.Effects(visiting.service.home.store.database).find(effect)
    if found is None or found.task != task:
        raise missing("effect")
    told = deed(visiting.who, "effect.retry", effect, repository.id if repository else "")
    database = Recorded(visiting.service.home.store.database, told)
    with conflicting():
        return EffectAnswer(**effect_of(await database.write(lambda db: ledger.again(db, effect))))
