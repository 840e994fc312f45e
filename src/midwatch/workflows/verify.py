"""Re-computing what a task's evidence rests on: the chain, the blobs, the trees, the pull request's own words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.errors import MidwatchError
from midwatch.domain.events import Checked, Event, Proposed, ToolFinished
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.engine.store.base import Store
from midwatch.forges.base import Forge
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
    """Re-compute everything of every attempt. A damaged thing is a fault, never an exception."""
    row = await store.find(prefix)
    faults: list[str] = []
    events = blob_count = trees = 0
    heads = []
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
        faults += [f"{attempt.attempt}: {fault}" for fault in await _pull_request(row.task, forge, log)]
        events, blob_count, trees = events + len(log), blob_count + len(digests), trees + count
    return Verification(row.task.id, events, blob_count, trees, tuple(heads), tuple(faults))


def _digests(log: Sequence[Event]) -> Iterator[str]:
    for event in log:
        if isinstance(event.body, ToolFinished) and event.body.digest:
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


async def _pull_request(task: Task, forge: Forge, log: Sequence[Event]) -> list[str]:
    """The pull request must carry the commit and the log's head that the events name."""
    proposed = next((event.body for event in log if isinstance(event.body, Proposed)), None)
    if proposed is None:
        return []
    try:
        request = await forge.of_task(task.id)
    except MidwatchError as error:
        return [error.message]
    if request is None:
        return [f"pull request #{proposed.number} is gone from the forge"]
    faults = []
    if request.proposal.commit != proposed.commit:
        faults.append(f"pull request #{request.number} carries another commit than the one in the log")
    head = next((event.hash for event in log if isinstance(event.body, Checked)), "")
    if head and head not in request.proposal.body:
        faults.append(f"pull request #{request.number} does not name the log's head {head[:16]} any more")
    return faults
