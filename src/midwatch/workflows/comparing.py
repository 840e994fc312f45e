"""Attempts with equal evidence compared: the model reviews the change of each, as it reviews a change of a person's.

Each review is an attempt of its own with a log of its own, found again after a crash by the evidence that it belongs
to. What it spends counts for the attempt whose change it is about.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from midwatch.agent.delegate import Onlooker, share, spent
from midwatch.agent.log import History, Log
from midwatch.domain.errors import InputError, MidwatchError, StaleEpoch, StoreError
from midwatch.domain.events import Checked, Event
from midwatch.domain.guard import Guard
from midwatch.domain.ids import attempt_id, task_id_at
from midwatch.domain.interventions import Delegated, Reviewed
from midwatch.domain.task import Base, Task, Terms
from midwatch.workflows.parts import Parts
from midwatch.workflows.review import review

Judgement = tuple[int, int, int, int, int]
"""Whether the change can be taken (0), was not judged (1) or cannot (2); its findings of each priority from 0 to 3."""
UNSEEN: Judgement = (1, 0, 0, 0, 0)


async def judgements(task: Task, tied: Sequence[Log], parts: Parts) -> Mapping[str, Judgement]:
    """What reviews say of each of these attempts, where the task wants them and there is something to choose: at least
    two different changes whose checks have all passed. A review that cannot be made is passed over, since the work
    is done. Raises StaleEpoch and StoreError."""
    trees: dict[str, list[Log]] = {}
    for log in tied:
        if log.checked is not None and log.checked.evidence.verdict == "passed":
            trees.setdefault(log.checked.evidence.tree, []).append(log)
    if task.select != "review" or len(trees) < 2:
        return {}
    going = (_judged(task, same[0], parts) for same in trees.values())
    judged: dict[str, Judgement] = {}
    for one, same in zip(await asyncio.gather(*going, return_exceptions=True), trees.values(), strict=True):
        if isinstance(one, BaseException):
            raise one
        judged |= {log.attempt: one for log in same}
    return judged


def in_words(judgement: Judgement) -> str:
    """What a review has come to."""
    verdict, *counts = judgement
    if verdict == UNSEEN[0]:
        return "it could not be reviewed"
    many = f"{sum(counts)} finding{'' if sum(counts) == 1 else 's'}"
    return f"its review: {'incorrect' if verdict else 'correct'}, {many}"


async def _judged(task: Task, log: Log, parts: Parts) -> Judgement:
    about = await _review_of(task, log, parts)
    if about is None:
        return UNSEEN
    onlooker = Onlooker(parts.observer, f"review of {log.attempt}")
    try:
        await review(about, replace(parts, observer=onlooker))
    except MidwatchError as error:
        if isinstance(error, StaleEpoch | StoreError):
            raise
        onlooker.phase(f"given up: {error.message}")
    history = History(await parts.store.read(attempt_id(about.id, 1)))
    told = spent(log, history, about.id)
    if told.turns or not any(isinstance(e.body, Delegated) and e.body.task == about.id for e in log.events):
        await log.append(told)
    return _judgement(history.reviewed)


def _judgement(found: Reviewed | None) -> Judgement:
    if found is None:
        return UNSEEN
    counts = [sum(finding.priority == priority for finding in found.findings) for priority in range(4)]
    return (0 if found.verdict == "correct" else 2, counts[0], counts[1], counts[2], counts[3])


async def _review_of(task: Task, log: Log, parts: Parts) -> Task | None:
    """The review of the attempt's evidence: the one that is there after a crash, else a new one; None when too little
    is left of the attempt's limits to share."""
    checked = next(event for event in reversed(log.events) if isinstance(event.body, Checked))
    name = _id(log.attempt, checked)
    with suppress(InputError):
        return (await parts.store.find(name)).task
    limits = share(log, task.limits)
    if limits is None:
        return None
    commit = checked.body.commit
    await parts.repository.keep(f"reviews/{name}", commit)
    about = replace(
        task,
        id=name,
        prompt=f"Review one of several attempts at a task: whether it does what was asked, and what is wrong with it. "
        f"The task was:\n\n{task.prompt}",
        base=Base(commit, checked.body.evidence.tree, log.attempt),
        branch="",
        attempts=1,
        limits=limits,
        notes=(),
        created=checked.time,
        terms=Terms(),
        kind="review",
        mode="read-only",
        parent=log.attempt,
        guard=Guard(rules=task.guard.rules),
        context=(),
        mcp=(),
    )
    await parts.store.create(about)
    return about


def _id(attempt: str, checked: Event) -> str:
    """The same for the same evidence, so that it is found again."""
    digest = hashlib.sha256(f"review {attempt} {checked.seq} {checked.hash}".encode()).digest()
    return task_id_at(int(datetime.fromisoformat(checked.time).timestamp()), int.from_bytes(digest[:4], "big"))
