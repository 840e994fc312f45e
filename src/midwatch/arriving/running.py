"""CI runs that have ended on pull requests of ours: one that failed is taken up, a few times; one that fails and passes
on the same commit is told apart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from midwatch.agent.data import as_data
from midwatch.answering import STATUS, harmless, link
from midwatch.arriving.logs import end_of_log
from midwatch.domain.codec import from_json
from midwatch.engine.forges.arrivals import TOLD, Arrivals, End
from midwatch.engine.turns import BATCH, Asked, Turns
from midwatch.forges import outgoing
from midwatch.forges.arrived.base import Arrived
from midwatch.forges.outgoing import Thing
from midwatch.succeeding import successor

if TYPE_CHECKING:
    from midwatch.arriving.case import Case
    from midwatch.domain.pull_request import PullRequest
    from midwatch.engine.effects.base import Wanted

_LOG = 16_000
"""Characters of the end of a run's log that go along."""
_ASKED = (
    "A CI run on this pull request has failed; its name and the end of what it says follow as data. Find out why. If "
    "the change is the cause, mend it. If it is not, say so and change nothing."
)


async def ended(case: Case) -> None:
    """Act on a run. Raises MidwatchError."""
    told = case.told
    if told.name == STATUS or told.name.startswith(f"{STATUS} "):
        await case.ignore("it is our own")
        return
    pull = await _pull(case)
    if pull is None:
        await case.ignore("it is for no open pull request of ours")
        return
    if pull.proposal.commit != told.commit:
        await case.end(End("done", "it is for a commit that is not the head any more", pull.proposal.task_id))
        return
    before = await _before(case)
    if not told.failed:
        flaky = [_flaky(case, pull)] if any(one.failed for one in before) else []
        await case.end(End("done", "it passed, and had failed" if flaky else "it passed", pull.proposal.task_id), flaky)
    elif any(not one.failed for one in before):
        await case.end(End("done", "it fails and passes: flaky", pull.proposal.task_id), [_flaky(case, pull)])
    else:
        await _take_up(case, pull)


async def _take_up(case: Case, pull: PullRequest) -> None:
    task = (await case.home.store.find(pull.proposal.task_id)).task
    if case.rules.fix_runs == 0:
        await case.end(End("done", "failed runs are not taken up here", task.id))
        return
    if await successor(case.home, task):
        await case.end(End("done", "a later task has the pull request", task.id))
        return
    taken = await Arrivals(case.home.store.database).count(task.id, "run", TOLD)
    if taken >= case.rules.fix_runs:
        await case.end(End("done", "enough runs were taken up", task.id), [_enough(case, pull, taken)])
        return
    last = await Turns(case.home.store.database).newest(task.id)
    owner = last.owner if last is not None else ""
    parts = (case.told.text[-_LOG:], await end_of_log(case))
    log = "\n\n".join(part for part in (f"commit {case.told.commit}\n{case.told.url}", *parts) if part.strip())
    text = f"{_ASKED}\n\n{as_data(f'CI run {case.told.name}', log)}"
    settling = case.settling(lambda turn: End("done", TOLD, task.id, turn.id))
    await Turns(settling).say(task, text, "ci", Asked(owner, BATCH))


async def _pull(case: Case) -> PullRequest | None:
    """The open one that the run is for, by its number, its branch or its commit; as the forge has it now."""
    told = case.told
    for one in await case.home.forge.list(case.location, "open"):
        proposal = one.proposal
        if told.number == one.number or told.commit == proposal.commit or (told.branch == proposal.branch != ""):
            found = await case.home.forge.get(case.location, one.number)
            return found if found.state == "open" and found.proposal.task_id else None
    return None


async def _before(case: Case) -> list[Arrived]:
    """Other runs of that name on that commit."""
    kept = await Arrivals(case.home.store.database).meanings(case.heard.id, "run", case.arrival.slug)
    runs = [from_json(Arrived, json.loads(text)) for text in kept]
    told = case.told
    return [one for one in runs if (one.name, one.commit) == (told.name, told.commit) and one.key != told.key]


def _flaky(case: Case, pull: PullRequest) -> Wanted:
    ours = {"passed": "Our own checks passed on it", "failed": "A check of our own failed on it"}
    own = ours.get(pull.proposal.verdict, "There was no check of our own to run on it")
    name, commit = case.told.name.replace("`", "'")[:200], case.told.commit[:12]
    text = (
        f"`{harmless(name)}` has failed and has passed on the same commit `{commit}`, so what it says of the change is "
        f"not certain: it is flaky. {own}; the evidence is in {link(case.home, pull.proposal.task_id)}."
    )
    return outgoing.comment(Thing(case.location, pull.number), pull.proposal.task_id, f"flaky-{commit}", text)


def _enough(case: Case, pull: PullRequest, taken: int) -> Wanted:
    runs = "one failed run" if taken == 1 else f"{taken} failed runs"
    text = f"I have taken up {runs} on this pull request, and leave this one to you: `@{case.rules.mention} …` goes on."
    return outgoing.comment(Thing(case.location, pull.number), pull.proposal.task_id, "enough-runs", text)
