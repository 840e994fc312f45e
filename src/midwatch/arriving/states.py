"""Pull requests that were closed, merged, opened again or pushed to: the book follows what the forge has now."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from midwatch.arriving import judging
from midwatch.arriving.told import opened_before
from midwatch.arriving.who import ourselves
from midwatch.domain.errors import InputError
from midwatch.engine.effects.ledger import Effects
from midwatch.engine.effects.occasions import happened
from midwatch.engine.forges.arrivals import End
from midwatch.engine.forges.origins import Origins
from midwatch.engine.turns import OPEN, Turns
from midwatch.succeeding import successor

if TYPE_CHECKING:
    from midwatch.arriving.case import Case
    from midwatch.engine.database.base import Connection
    from midwatch.engine.turns import Turn


MOST_REVIEWS = 5
"""Of one pull request; after so many none begins by itself: whoever pushes and opens it again may be a stranger."""


async def changed(case: Case) -> None:
    """Bring the book up to date. A task whose pull request was closed or merged while it is worked on is cancelled:
    what it does would be offered to nobody."""
    before = {one.number: one.state for one in await case.home.forge.list(case.location)}
    if case.told.number not in before:
        await case.ignore("it is not ours")
        return
    pull = await case.pull()
    task = pull.proposal.task_id
    turns = Turns(case.home.store.database)
    was = "open" if case.told.subject else before[case.told.number]  # a look has told the book already
    last = await turns.newest(await _worked_on(case, task))
    words = f"it is {pull.state}" if was == pull.state else f"it was {was} and is {pull.state}"

    def tell(db: Connection) -> None:
        if last is not None and pull.state == "merged":  # once for all, whoever has read it first
            happened(db, last.id, "merged", "")
        elif last is not None and was != pull.state:
            happened(db, last.id, "reopened" if pull.state == "open" else pull.state, case.arrival.id)

    going = last is not None and last.status in OPEN and last.wish != "cancel"
    if pull.state != "open" and last is not None and going and not await _taken_up_since(case, last):
        end = End("done", f"{words}; the work on it is cancelled", task, last.id)
        try:
            by = f"@{case.heard.name}/{case.told.actor}"
            await Turns(case.settling(lambda _: end, also=tell)).wish(task, "cancel", by)
            return
        except InputError:  # it has ended by itself meanwhile
            pass
    await case.settling(lambda _: End("done", words, task), also=tell).write(lambda _: None)


async def _worked_on(case: Case, task: str) -> str:
    """The task that works on the pull request: a later one, while conflicts are being resolved."""
    with suppress(InputError):  # it was taken out of the database
        return await successor(case.home, (await case.home.store.find(task)).task) or task
    return task


async def _taken_up_since(case: Case, last: Turn) -> bool:
    """Whether the work was taken up again after it was closed: what is told late of that ends nothing. The time is the
    database's; of our own close, whose telling may come later than the next turn, the effect is asked."""
    if last.created > case.arrival.created:
        return True
    if not ourselves(case):
        return False
    found = await Effects(case.home.store.database).of_task(last.task)
    return any(one.kind == "close" and one.state == "done" and one.created < last.created for one in found)


async def opened(case: Case) -> None:
    """A pull request of somebody: reviewed where the repository wants it."""
    if not case.rules.auto_review or ourselves(case):
        await case.ignore("no review is wanted")
        return
    if case.told.what == "opened" and await opened_before(case.home, case.heard, case.told):
        await case.ignore("it was told already")
        return
    pull = await case.pull()
    if pull.proposal.task_id or pull.proposal.draft or pull.state != "open":
        await case.ignore("it is ours, a draft, or not open")
        return
    known = await Origins(case.home.store.database).of_thing(case.heard.id, case.told.slug, case.told.number)
    if sum(origin.purpose != "work" for origin in known) >= MOST_REVIEWS:
        await case.ignore("it was reviewed often enough: somebody has to ask for another")
        return
    await judging.start(case, pull, "", case.told.actor, everything=case.rules.review_all)
