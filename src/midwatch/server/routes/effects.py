"""What is done for a task outside of the server, and how that stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fastapi import APIRouter

from midwatch.engine.effects import ledger
from midwatch.server.accounts.caller import may
from midwatch.server.accounts.desk import deed
from midwatch.server.asked import TaskId
from midwatch.server.deliveries import EffectAnswer, EffectId, Effects, effect_of
from midwatch.server.problems import answers, conflicting, missing
from midwatch.server.recorded import Recorded
from midwatch.server.service import Visit, Visiting
from midwatch.webhooks.registered import KIND, Webhooks

if TYPE_CHECKING:
    from midwatch.engine.accounts.repositories import Registered
    from midwatch.engine.effects.base import Effect

router = APIRouter(prefix="/tasks/{task}/effects", tags=["tasks"])


@router.get("")
async def effects(visiting: Visiting, task: TaskId) -> Effects:
    """The newest first. The pull request is not among them: the task's log has it. Why one came to nothing is told to
    maintainers, and of a webhook that is told of all repositories to administrators: it may be in the words of the
    other side, or name where that is."""
    _, repository = await visiting.task(task)
    found = await ledger.Effects(visiting.service.home.store.database).of_task(task)
    return Effects(effects=await _told(visiting, repository, found))


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
        again = await database.write(lambda db: ledger.again(db, effect))
    (answer,) = await _told(visiting, repository, [again])
    return answer


async def _told(visiting: Visit, repository: Registered | None, found: Sequence[Effect]) -> list[EffectAnswer]:
    """Effects of a task of that repository, as far as the caller may know of each."""
    if not visiting.who.admin:
        own, where = set[str](), repository.id if repository else ""
        known = may(visiting.who, where, "maintainer")
        if known:
            home = visiting.service.home
            own = {hook.id for hook in await Webhooks(home.store.database, home.connected.vault).all([where])}
        found = [
            effect if known and (effect.kind != KIND or effect.subject in own) else replace(effect, error="", mend="")
            for effect in found
        ]
    return [EffectAnswer(**effect_of(effect)) for effect in found]
