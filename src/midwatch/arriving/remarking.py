"""Remarks and reviews that call us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from midwatch.agent.data import as_data
from midwatch.arriving import judging, resolving, starting, words
from midwatch.arriving.asking import Asked, asked
from midwatch.arriving.following import follow
from midwatch.arriving.told import by_look
from midwatch.arriving.who import asking
from midwatch.engine.forges.arrivals import Arrivals, End
from midwatch.forges.arrived.base import is_ours
from midwatch.succeeding import successor
from midwatch.workspace.names import shown

if TYPE_CHECKING:
    from midwatch.arriving.case import Case
    from midwatch.arriving.who import Person
    from midwatch.domain.forge import Remark

REVIEW = ("review/", "review-")
"""How the names of remarks begin that are the words of a review."""
_FEW = 4
"""Words; fewer say no more than that there shall be a review."""
_LOOK = "Look at this pull request and its remarks, and do what they ask for."


async def remark(case: Case) -> None:
    """Something written below an issue or a pull request. Raises InputError for what somebody who may asks for and
    cannot have."""
    wanted = asked(case.told.text, case.rules.mention)
    if wanted is None:
        await case.ignore("it does not call us")
        return
    who = await asking(case)
    if who is None:
        return
    if case.told.pull:
        await _on_pull(case, who, wanted, handed=case.told.subject.startswith(REVIEW))
    else:
        await _on_issue(case, who, wanted)


async def mentioned(case: Case) -> None:
    """An issue that calls us. Raises as `remark`."""
    wanted = asked(case.told.text, case.rules.mention)
    if wanted is None:
        await case.ignore("it does not call us")
        return
    who = await asking(case)
    if who is not None:
        await starting.on_issue(case, who, wanted.text)


async def review(case: Case) -> None:
    """A review that was handed in: one that calls us, or asks for changes to what is ours."""
    told = case.told
    wanted = asked(told.text, case.rules.mention)
    if wanted is None and not told.asks:
        await case.ignore("it does not call us")
        return
    who = await asking(case)
    if who is None:
        return
    if await by_look(case.home, case.heard, case.arrival, told):
        await case.end(End("done", "a look has found it already"))
        return
    if wanted is None and not (await case.pull()).proposal.task_id:
        await case.ignore("it asks for changes to what is not ours")
        return
    await _on_pull(case, who, wanted or Asked("work", told.text.strip()), handed=True)


async def _on_issue(case: Case, who: Person, wanted: Asked) -> None:
    standing = await starting.standing(case)
    if standing is not None and wanted.text:
        await follow(case, who, standing, wanted.text)
    else:
        await starting.on_issue(case, who, wanted.text)


async def _on_pull(case: Case, who: Person, wanted: Asked, *, handed: bool = False) -> None:
    pull = await case.pull()
    if wanted.verb == "review":
        focus = "" if len(wanted.text.split()) < _FEW else wanted.text
        await judging.start(case, pull, who.name, who.login, everything=wanted.everything, focus=focus)
        return
    ours = pull.proposal.task_id
    if wanted.verb == "resolve" and ours:
        await resolving.resolve(case, who, pull)
        return
    along = await _lines(case, who) if handed else []
    lines = [words.beside(one) for one in along] if handed else await _place(case)
    text = "\n\n".join(part for part in (wanted.text, *lines) if part)
    if ours:
        task = (await case.home.store.find(ours)).task
        if later := await successor(case.home, task):  # else what it pushes is pushed over
            task = (await case.home.store.find(later)).task
        await follow(case, who, task, text or await _everything(case), along=along)
    else:
        await starting.on_pull(case, who, text, pull)


async def _everything(case: Case) -> str:
    """For somebody who says no more than our name: what stands there, as data."""
    found = words.of_remarks(case, await case.home.forge.remarks(case.location, case.number))
    return "\n\n".join([_LOOK, *(as_data(one.source, one.text) for one in found)])


async def _place(case: Case) -> list[str]:
    """Where a remark stands, when it is beside a line."""
    found = await case.home.forge.remarks(case.location, case.number)
    mine = next((one for one in found if one.id == case.told.subject and one.path), None)
    return [] if mine is None else [f"(This is about {shown(mine.path)}, line {mine.line}.)"]


async def _lines(case: Case, who: Person) -> list[Remark]:
    """The remarks on lines that go with a review: those of the same person that no task was told of. Each is told
    once, whether it comes with a review or by itself."""
    arrivals = Arrivals(case.home.store.database)
    place = f"remark {case.told.slug.lower()}"
    return [
        one
        for one in await case.home.forge.remarks(case.location, case.number)
        if _of_review(one, who) and not await arrivals.told(case.heard.id, f"{place} {one.id}")
    ]


def _of_review(remark: Remark, who: Person) -> bool:
    return bool(remark.path) and remark.author.lower() == who.login.lower() and not is_ours(remark.body)
