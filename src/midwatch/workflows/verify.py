"""Re-computing what a task's evidence rests on: the chain, the blobs, the trees, the pull request's own words."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.agent.log import History
from midwatch.domain.errors import MidwatchError, StoreError
from midwatch.domain.events import Checked, Event, Proposed, TaskStarted
from midwatch.domain.interventions import Delegated
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.engine.store.base import AttemptState, Store, TaskRow
from midwatch.forges.base import Forge
from midwatch.workflows import describe, forking
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
    """Re-compute everything of every attempt and of its subtasks. A damaged thing is a fault, never an exception; only
    an unknown task raises InputError."""
    try:
        row = await store.find(prefix)
    except StoreError as error:
        return Verification(prefix, 0, 0, 0, (), (error.message,))
    look = _Look(store, blobs, state)
    if len(row.attempts) != row.task.attempts:
        look.faults.append(f"{row.task.attempts} attempts were made, {len(row.attempts)} are in the store")
    await look.task(row)
    look.faults += await _pull_request(row.task, state, forge, look.offers)
    return Verification(row.task.id, look.events, look.digests, look.trees, tuple(look.heads), tuple(look.faults))


class _Look:
    """What was looked at so far, and what was found."""

    def __init__(self, store: Store, blobs: Blobs, state: Path) -> None:
        self._store, self._blobs, self._state = store, blobs, state
        self.faults: list[str] = []
        self.heads: list[tuple[str, int, str]] = []
        self.offers: list[Offer] = []
        """The one that the pull request must be like comes last."""
        self.events = self.digests = self.trees = 0

    async def task(self, row: TaskRow) -> None:
        """All attempts of a task, and the subtasks that they tell of."""
        parts: set[str] = set()
        for attempt in row.attempts:
            faults, told = await self._attempt(row.task, attempt)
            self.faults += [f"{attempt.attempt}: {fault}" for fault in faults]
            parts |= told
        for part in sorted(parts):
            try:
                below = await self._store.find(part)
            except MidwatchError as error:
                self.faults.append(f"subtask {part}: {error.message}")
            else:
                await self.task(below)

    async def _attempt(self, task: Task, attempt: AttemptState) -> tuple[list[str], set[str]]:
        """What is wrong with one attempt, and the ids of its subtasks."""
        faults = list(await self._store.verify(attempt.attempt))
        self.heads.append((attempt.attempt, attempt.seq, attempt.hash))
        try:
            log = await self._store.read(attempt.attempt)
        except MidwatchError as error:
            return [*faults, error.message], set()
        named = sorted(set(digests(log)))
        # gigabytes, perhaps, while the loop has others to serve
        faults += [fault for digest in named if (fault := await asyncio.to_thread(self._blobs.verify, digest))]
        tree_faults, count = await _trees(task, self._state, log)
        faults += [*tree_faults, *await forking.faults(self._store, log)]
        self.offers += offered(log)
        self.offers.sort(key=lambda offer: offer.rank)
        self.events, self.digests, self.trees = self.events + len(log), self.digests + len(named), self.trees + count
        return faults, {event.body.task for event in log if isinstance(event.body, Delegated)}


@dataclass(frozen=True, slots=True)
class Offer:
    """A log as it was when its pull request was last made or brought up to date."""

    rank: tuple[bool, str]
    """Whether it stands, or a person has chosen another attempt since; when it was made."""
    history: History


def offered(log: Sequence[Event]) -> list[Offer]:
    """A log as it was when its pull request was last made; nothing when it never was."""
    last = next((event for event in reversed(log) if isinstance(event.body, Proposed)), None)
    if last is None:
        return []
    stopped = History(log).stopped
    return [Offer((stopped is None or stopped.reason != "not_chosen", last.time), History(log[: last.seq]))]


def digests(log: Sequence[Event]) -> Iterator[str]:
    """Of all outputs and pictures that a log names; some may come twice."""
    for event in log:
        if digest := getattr(event.body, "digest", ""):
            yield str(digest)
        about = event.body.task if isinstance(event.body, TaskStarted) else event.body
        yield from (image.digest for image in getattr(about, "images", ()) if image.digest)
        if isinstance(event.body, Checked):
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


async def _pull_request(task: Task, state: Path, forge: Forge, offers: Sequence[Offer]) -> list[str]:
    """The pull request must say what the log says: commit, words, verdict, draft or ready."""
    try:
        request = await forge.of_task(task.id)
    except MidwatchError as error:
        return [error.message]
    if request is None:
        names = [offer.history.events[0].attempt for offer in offers[-1:]]
        return [f"the pull request of attempt {name} is gone from the forge" for name in names]
    where = f"pull request #{request.number}"
    if not offers or offers[-1].history.checked is None:
        return [f"{where} is there, but no log offers it: the log has been cut"]
    log, checked = offers[-1].history, offers[-1].history.checked
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
