"""Re-computing what a task's evidence rests on: the chain, the blobs, the trees, the pull request's own words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.agent.log import History
from midwatch.domain.errors import MidwatchError, StoreError
from midwatch.domain.events import Checked, EnvironmentReady, Event, Message, Proposed, ToolFinished
from midwatch.domain.interventions import HookRan, SessionEnded
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.engine.store.base import Store
from midwatch.forges.base import Forge
from midwatch.workflows import describe
from midwatch.workspace import objects
from midwatch.workspace.repository import Repository


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at and what is wrong with it."""

    task_id: str
    events: int
    blobs: int
    trees: int
    heads: tuple[tuple[str, int, str], ...]
    """Attempt, number of events, hash of the last one."""
    faults: tuple[str, ...]


async def verify_task(store: Store, blobs: Blobs, state: Path, forge: Forge, prefix: str) -> Verification:
    """Re-compute everything of every attempt. A damaged thing is a fault, never an exception; only an unknown task
    raises InputError."""
    try:
        row = await store.find(prefix)
    except StoreError as error:
        return Verification(prefix, 0, 0, 0, (), (error.message,))
    faults: list[str] = []
    events = blob_count = trees = 0
    heads = []
    if len(row.attempts) != row.task.attempts:
        faults.append(f"{row.task.attempts} attempts were made, {len(row.attempts)} are in the store")
    offers = []
    for attempt in row.attempts:
        faults += [f"{attempt.attempt}: {fault}" for fault in await store.verify(attempt.attempt)]
        heads.append((attempt.attempt, attempt.seq, attempt.hash))
        try:
            log = await store.read(attempt.attempt)
        except MidwatchError as error:
            faults.append(f"{attempt.attempt}: {error.message}")
            continue
        digests = sorted(set(_digests(log)))
        faults += [f"{attempt.attempt}: {fault}" for d in digests if (fault := blobs.verify(d))]
        tree_faults, count = await _trees(row.task, state, log)
        faults += [f"{attempt.attempt}: {fault}" for fault in tree_faults]
        offers += [History(log)] if any(isinstance(event.body, Proposed) for event in log) else []
        events, blob_count, trees = events + len(log), blob_count + len(digests), trees + count
    faults += await _pull_request(row.task, state, forge, offers)
    return Verification(row.task.id, events, blob_count, trees, tuple(heads), tuple(faults))


def _digests(log: Sequence[Event]) -> Iterator[str]:
    for event in log:
        if isinstance(event.body, ToolFinished | Message):
            yield from (image.digest for image in event.body.images if image.digest)
        if isinstance(event.body, ToolFinished | EnvironmentReady | HookRan | SessionEnded) and event.body.digest:
            yield event.body.digest
        elif isinstance(event.body, Checked):
            yield from (check.digest for check in event.body.evidence.checks)


async def _trees(task: Task, state: Path, log: Sequence[Event]) -> tuple[list[str], int]:
    """The offered commit must hold exactly the tree that was checked, on top of the base."""
    faults: list[str] = []
    checked = [event.body for event in log if isinstance(event.body, Checked)]
    if not checked:
        return faults, 0
    try:
        repository = await Repository.open(state, task.repository, refresh=False)
        for body in checked:
            tree, parents = await objects.commit_facts(repository.git, body.commit)
            if tree != body.evidence.tree:
                faults.append(
                    f"commit {body.commit[:12]} holds another tree than {body.evidence.tree[:12]}, the checked"
                )
            if parents != (task.base.commit,):
                faults.append(f"commit {body.commit[:12]} does not stand on the task's base {task.base.commit[:12]}")
            damage = await objects.damaged(repository.git, body.commit, task.base.commit)
            faults += [damage] if damage else []
    except MidwatchError as error:
        faults.append(error.message)
    return faults, len(checked)


async def _pull_request(task: Task, state: Path, forge: Forge, offers: Sequence[History]) -> list[str]:
    """The pull request must say what the log says: commit, words, verdict, draft or ready."""
    try:
        request = await forge.of_task(task.id)
    except MidwatchError as error:
        return [error.message]
    if request is None:
        return [f"the pull request of attempt {h.events[0].attempt} is gone from the forge" for h in offers]
    where = f"pull request #{request.number}"
    if not offers or offers[0].checked is None:
        return [f"{where} is there, but no log offers it: the log has been cut"]
    log, checked = offers[0], offers[0].checked
    try:
        repository = await Repository.open(state, task.repository, refresh=False)
        changes = await repository.stat(task.base.tree, checked.evidence.tree)
    except MidwatchError as error:
        return [error.message]
    wanted = describe.proposal(task, log, changes)
    told = dataclasses.asdict(request.proposal)
    return [
        f"{where}: its {name.replace('_', ' ')} is not what the log says"
        for name, value in dataclasses.asdict(wanted).items()
        if told[name] != value
    ]
