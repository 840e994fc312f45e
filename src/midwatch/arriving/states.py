"""Pull requests that were closed, merged, opened again or pushed to: the book follows what the forge has now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from midwatch.arriving import judging
from midwatch.arriving.who import ourselves
from midwatch.domain.errors import InputError
from midwatch.engine.effects.occasions import happened
from midwatch.engine.forges.arrivals import End
from midwatch.engine.turns import OPEN, Turns

if TYPE_CHECKING:
    from midwatch.arriving.case import Case


async def changed(case: Case) -> None:
    """Bring the book up to date. A task whose pull request was closed or merged while it is worked on is cancelled:
    what it does would be offered to nobody."""
    before = {one.number: one.state for one in await case.home.forge.list(case.location)}
    if case.told.number not in before:
        await case.ignore("it is not ours")
        return
    pull = await case.pull()
    task = pull.proposal.task_id
    turns, was = Turns(case.home.store.database), before[case.told.number]
    last = await turns.newest(task)
    words = f"it is {pull.state}" if was == pull.state else f"it was {was} and is {pull.state}"
    if pull.state != "open" and last is not None and last.status in OPEN and last.wish != "cancel":
        try:
            by = f"@{case.heard.name}/{case.told.actor}"
            settling = case.settling(lambda turn: End("done", f"{words}; the work on it is cancelled", task, turn.id))
            await Turns(settling).wish(task, "cancel", by)
            return
        except InputError:  # it has ended by itself meanwhile
            pass
    told = was != pull.state and last is not None

    def work(db: object) -> None:
        if told and last is not None:
            what = "reopened" if pull.state == "open" else pull.state
            happened(db, last.id, what, case.arrival.id)  # type: ignore[arg-type]

    await case.settling(lambda _: End("done", words, task)).write(work)


async def opened(case: Case) -> None:
    """A pull request of somebody: reviewed where the repository wants it."""
    if not case.rules.auto_review or ourselves(case):
        await case.ignore("no review is wanted")
        return
    pull = await case.pull()
    if pull.proposal.task_id or pull.proposal.draft or pull.state != "open":
        await case.ignore("it is ours, a draft, or not open")
        return
    await judging.start(case, pull, "", case.told.actor, everything=case.rules.review_all)
