"""Counting what tasks have come to: from logs, turns and pull requests to a row for each task."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from midwatch.domain.errors import InputError, MidwatchError
from midwatch.domain.events import LimitReached
from midwatch.engine.insight.outcomes import Due, Outcome, Outcomes, plain
from midwatch.engine.turns import ENDED, Filter, Turns
from midwatch.forges.changes import Changes

if TYPE_CHECKING:
    from midwatch.agent.log import History
    from midwatch.domain.pull_request import PullRequest
    from midwatch.engine.store.base import TaskRow
    from midwatch.engine.turns import Turn
    from midwatch.wiring import Home
    from midwatch.workflows.report import AttemptReport

EVERY = 2.0
"""Seconds between two looks."""
REST = 3.0
"""A worker's own work comes first: after an upgrade all tasks that there are may have to be counted."""
_DETAIL = 200
"""Characters of what is kept of an error."""
_MOST_COST = 10**15
"""Millionths of a US dollar: what an endpoint says that it has cost is only a number."""
_BUG = "a bug in Midwatch"
_DIED = "workers have died over it"

log = logging.getLogger("midwatch.insight")


async def keep_count(home: Home, every: float = EVERY) -> None:
    """Count again and again, until cancelled. What goes wrong is logged, and tried again. Any number of workers may do
    so at the same time."""
    looked = False
    while True:
        try:
            if not looked:  # what ended under a release that did not count
                await Outcomes(home.store.database).recount()
                looked = True
            while await count(home, rest=REST):
                pass
        except MidwatchError as error:
            log.warning("could not count what tasks have come to", extra={"error": error.message})
        await asyncio.sleep(every)


async def count(home: Home, *, rest: float = 0.0) -> int:
    """Write the rows of some tasks anew, those that have a reason; how many there were. After each it rests so many
    times as long as that took. Raises StoreError."""
    outcomes = Outcomes(home.store.database)
    await _follow(home, outcomes)
    due = list(await outcomes.due())
    random.shuffle(due)  # other workers do the same, and begin elsewhere
    for one in due:
        began = time.monotonic()
        if await outcomes.is_due(one):
            await _count(home, outcomes, one)
        await asyncio.sleep(rest * (time.monotonic() - began))
    return len(due)


async def _follow(home: Home, outcomes: Outcomes) -> None:
    """What has changed of pull requests, whoever changed it."""
    changes = Changes(home.state)
    if not (feed := await asyncio.to_thread(changes.feed)):
        return
    found = await asyncio.to_thread(changes.after, await outcomes.seen(feed))
    if found.tasks:
        await outcomes.changed(found.feed, found.up_to, found.tasks)


async def _count(home: Home, outcomes: Outcomes, due: Due) -> None:
    request = await home.forge.of_task(due.task)
    try:
        row = await home.store.find(due.task)
        counted = row.task.kind == "task" and row.task.id == due.task
        outcome = await _outcome(home, row, request) if counted else None
        labels = row.task.labels
    except InputError:  # it was taken out of the database; what its pull request comes to still counts
        if request is not None:
            now = int(time.time())
            await outcomes.settle(due, request.state, _seconds(request.created, now), _settled(request, now))
            return
        outcome, labels = None, ()
    except MidwatchError as error:  # a log that cannot be read: the others are counted all the same
        log.warning("a task is not counted", extra={"task": due.task, "error": error.message})
        outcome, labels = None, ()
    await outcomes.keep(due, outcome, labels)


async def _outcome(home: Home, row: TaskRow, request: PullRequest | None) -> Outcome | None:
    """None for a task that no server was asked for, and that offers nothing."""
    from midwatch.workflows import read

    turns = await _turns(home, row.task.id)
    if not turns:
        return None
    histories = await read.histories(home.store, row)
    reports = read.attempt_reports(histories, home.state)
    chosen = read.preferred(reports)
    first, last = turns[0], turns[-1]
    cause, detail = _cause(last, chosen, dict(histories)[chosen.attempt], request)
    costs = [report.cost_microusd for report in reports]
    begun = [turn.started for turn in turns if turn.started]
    return Outcome(
        task=row.task.id,
        repository=plain(row.task.repository),
        person=first.owner,
        model=row.task.model,
        created=int(first.created),
        queued=max(0, int(begun[0] - _could_begin(first))) if begun else None,
        ended=int(last.changed) if last.status in ENDED else 0,
        status=last.status,
        cause=cause,
        detail=_storable(detail[:_DETAIL]),
        verdict=chosen.evidence.verdict if chosen.evidence else "none",
        cost=None if None in costs else min(_MOST_COST, sum(max(0, cost or 0) for cost in costs)),
        state=request.state if request else "",
        proposed=_seconds(request.created, int(last.changed)) if request else None,
        settled=_settled(request, int(last.changed)) if request else None,
    )


async def _turns(home: Home, task_id: str) -> Sequence[Turn]:
    """The first comes first."""
    found = await Turns(home.store.database).page(Filter(task=task_id), limit=1000)
    return sorted(found, key=lambda turn: turn.number)


def _could_begin(first: Turn) -> float:
    """Since when nothing but room was missing. The time for which it was wanted is overwritten where it is tried again:
    that lies after the first start."""
    return first.begin_at if first.created < first.begin_at <= first.started else first.created


def _cause(last: Turn, chosen: AttemptReport, history: History, request: PullRequest | None) -> tuple[str, str]:
    """Why a task has nothing to offer whose checks passed, in a word or two, and what was said of it. Nothing for one
    that is not over, has its answer, or is merged."""
    if last.status not in ENDED or (request is not None and request.state == "merged"):
        return "", ""
    if last.status == "cancelled":
        return "cancelled", ""
    if last.status == "failed":
        if last.error.startswith(_BUG):
            return "bug", last.error
        return ("worker died" if last.error.endswith(_DIED) else "error"), last.error
    limits = [event.body for event in history.events if isinstance(event.body, LimitReached)]
    if chosen.status == "limit" and limits:
        return f"limit: {limits[-1].limit}", limits[-1].text
    if chosen.evidence is not None and chosen.evidence.verdict == "failed":
        return "checks failed", next((run.command for run in chosen.evidence.checks if not run.passed), "")
    if request is None and chosen.status == "no change":
        return "no change", chosen.detail
    return "", ""


def _settled(request: PullRequest, otherwise: int) -> int | None:
    return None if request.state == "open" else _seconds(request.updated, otherwise)


def _seconds(text: str, otherwise: int) -> int:
    """A time of a forge's; what it says is not always one."""
    try:
        found = int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        return otherwise
    return found if found > 0 else otherwise


def _storable(text: str) -> str:
    """As every database can hold it."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()
