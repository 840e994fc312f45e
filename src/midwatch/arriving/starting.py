"""A task that comes of an issue, or of a remark."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from midwatch import wiring
from midwatch.arriving import words
from midwatch.arriving.case import Already
from midwatch.domain.task import Words
from midwatch.engine.forges.arrivals import End
from midwatch.engine.forges.origins import Origin, Origins
from midwatch.engine.turns import INTERACTIVE, OPEN, Asked, Turns
from midwatch.forges import outgoing
from midwatch.workflows.start import Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from midwatch.arriving.case import Case
    from midwatch.arriving.who import Person
    from midwatch.domain.pull_request import PullRequest
    from midwatch.domain.task import Task
    from midwatch.engine.effects.base import Wanted
    from midwatch.engine.forges.connections import Connection
    from midwatch.engine.turns import Turn


async def on_issue(case: Case, person: Person, text: str) -> None:
    """Work on an issue: what the person says, else what the issue asks for. Its words, and those below it, are data."""
    forge, told = case.home.forge, case.told
    key = _key(case)
    if await Origins(case.home.store.database).of_key(key) is not None:
        await case.end(End("done", "there is a task for it already"))
        return
    issue = await forge.issue(case.location, told.number)
    if issue.state != "open" and told.what != "remark":
        await case.ignore("the issue is closed")
        return
    context = words.of_issue(case, issue, await forge.remarks(case.location, case.number))
    request = Request(
        text or f"Resolve issue #{told.number}: what it asks for is in the texts that go with this.",
        case.location,
        context=context,
        notes=(f"asked for by {person.login} in {case.place}",),
        words=Words(closes=f"#{told.number}"),
    )
    await start(case, person, request, key)


async def on_pull(case: Case, person: Person, text: str, pull: PullRequest) -> None:
    """Work on a pull request of somebody else: from its branch, with a pull request towards it."""
    proposal = pull.proposal
    if ":" in proposal.branch:
        why = "its branch is in another repository, which I do not write to"
        await case.end(End("done", "refused: a fork"), [words.seen(case), _note(case, why)])
        return
    if pull.state != "open":
        await case.end(End("done", "refused: not open"), [words.seen(case), _note(case, f"it is {pull.state}")])
        return
    key = _key(case)
    told = words.of_remarks(case, await case.home.forge.remarks(case.location, case.number))
    request = Request(
        text or "Do what the remarks on this pull request ask for.",
        case.location,
        base=proposal.branch,
        context=told,
        notes=(f"asked for by {person.login} in {case.place}",),
    )
    await start(case, person, request, key)


async def start(case: Case, person: Person, request: Request, key: str) -> None:
    """The task with its first turn, where it comes from, and what is said about it, in one transaction. Raises
    InputError for what cannot be begun."""
    home, told = case.home, case.told
    request = replace(request, limits=home.settings.limits.capped(request.limits))

    async def keep(task: Task) -> None:
        origin = Origin(
            task.id, case.heard.id, told.slug, told.number, int(told.pull), _remark(case), "", person.login, "work", key
        )

        def effects(_: Turn) -> Sequence[Wanted]:
            return [words.seen(case, task.id), words.begun(case, task.id, "I am at it")]

        def end(turn: Turn) -> End:
            return End("done", "started", task.id, turn.id)

        await Turns(case.settling(end, effects, origin)).submit(task, (), Asked(person.name, INTERACTIVE))

    try:
        task = await wiring.start(home, request, keep)
    except Already:
        await case.end(End("done", "there is a task for it already"))
    else:
        home.opened.pop(task.id, None)  # the worker that takes its turn opens it for itself


async def standing(case: Case) -> Task | None:
    """The newest task of an issue that is still of use: somebody works on it, or its pull request is open."""
    database, newest = case.home.store.database, None
    for origin in await Origins(database).of_thing(case.heard.id, case.told.slug, case.told.number):
        turn = await Turns(database).newest(origin.task)
        request = await case.home.forge.of_task(origin.task)
        if origin.purpose == "work" and ((turn and turn.status in OPEN) or (request and request.state == "open")):
            newest = (await case.home.store.find(origin.task)).task
    return newest


def _key(case: Case) -> str:
    """What may become one task: an issue by its label, by being assigned and by its own words together, and each
    remark."""
    told = case.told
    if _remark(case):
        return f"{case.heard.id} {told.slug.lower()} remark {told.subject}"
    return key_of_issue(case.heard, told.slug, told.number)


def key_of_issue(heard: Connection, slug: str, number: int) -> str:
    """Of its one task."""
    return f"{heard.id} {slug.lower()}#{number}"


def _remark(case: Case) -> str:
    return case.told.subject if case.told.what in ("remark", "review") else ""


def _note(case: Case, why: str) -> Wanted:
    return outgoing.comment(case.thing, "", f"refused-{case.arrival.id}", f"I cannot work on this: {why}.")
