"""The story of a task: attempts, evidence, and exactly one pull request.

Beginning and going on after a crash are the same call: each step looks into the log whether it has been done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from midwatch.agent import hooks
from midwatch.agent.context import opening
from midwatch.agent.delegate import Parent, with_subtasks
from midwatch.agent.log import Log
from midwatch.agent.loop import Workplace, work
from midwatch.agent.requests import Requests
from midwatch.domain.errors import MidwatchError, StaleEpoch, StoreError
from midwatch.domain.events import Checked, Failed, Message, Stopped
from midwatch.domain.ids import attempt_id
from midwatch.domain.task import Task
from midwatch.engine.lease import hold
from midwatch.sandbox.base import WORKDIR
from midwatch.workflows import describe, offering
from midwatch.workflows.environment import IN_PLACE
from midwatch.workflows.evidence import CheckParts, check
from midwatch.workflows.parts import Parts as Parts
from midwatch.workflows.parts import begun as begun
from midwatch.workflows.parts import told_instructions as told_instructions
from midwatch.workflows.servers import equipped
from midwatch.workflows.site import Site, site
from midwatch.workflows.start import work_folder
from midwatch.workflows.tidy import tidy_at_the_end
from midwatch.workspace import lfs_offered
from midwatch.workspace.checkout import Workspace


async def solve(task: Task, parts: Parts) -> None:
    """Work on every attempt, then offer the best. Returns at once when the task is finished. Raises what stopped it;
    calling again goes on. Raises InputError when another process works on the task."""
    names = [attempt_id(task.id, n) for n in range(1, task.attempts + 1)]
    with ExitStack() as leases:
        for name in names:
            leases.enter_context(hold(parts.state / "locks", name))
        logs = [await Log.open(parts.store, name, parts.observer) for name in names]
        # the latest, should a second choice have been cut off before it took the first one back
        chosen = max((log for log in logs if log.proposing), key=lambda log: log.events[-1].time, default=None)
        offered = next((log for log in logs if log.offered), None)
        if chosen is not None:
            await offering.propose(task, chosen, logs, parts)
        elif offered is None:
            await _require_open(task, logs, parts)
            await _attempts(task, logs, parts)
            await offering.offer(task, logs, parts)
        elif not await offering.intact(parts.forge, task):
            await offering.propose(task, offered, logs, parts)
        for name in names:
            await Workspace(parts.repository, work_folder(parts.state, name)).remove()
        parts.blobs.sweep()
    await tidy_at_the_end(parts.state, parts.means.settings)


async def _require_open(task: Task, logs: Sequence[Log], parts: Parts) -> None:
    """Nothing is spent on a change that its pull request would not take any more."""
    reopened = next((log for log in logs if log.proposed), None)
    request = await parts.forge.of_task(task.id) if reopened is not None else None
    if reopened is not None and request is not None and request.state == "merged":
        raise offering.settled(request, reopened)


async def _attempts(task: Task, logs: Sequence[Log], parts: Parts) -> None:
    """All of them at once, in the same environment."""
    if all(log.finished or log.checked is not None for log in logs):
        return
    protections = await begun(task, logs, parts)
    try:
        async with site(task, protections, parts.site) as place:
            for log in logs:
                await _introduce(task, log, place, parts)
            going = (_attempt(task, log, place, parts) for log in logs)
            troubles = await asyncio.gather(*going, return_exceptions=True)
    except MidwatchError as error:
        for log in logs:
            await _failed(log, error)
        raise
    _raise_unless_some_ended(troubles)


async def _failed(log: Log, error: MidwatchError) -> None:
    if not log.finished and not isinstance(error, StaleEpoch | StoreError):
        await log.append(Failed(error.message, error.mend))


def _raise_unless_some_ended(troubles: Sequence[BaseException | None]) -> None:
    """One attempt that could not go on does not hold the others back; a bug or a cancellation always flies."""
    errors = [t for t in troubles if t is not None]
    for error in errors:
        if not isinstance(error, MidwatchError) or isinstance(error, StaleEpoch | StoreError):
            raise error
    if errors and len(errors) == len(troubles):
        raise errors[0]


async def _attempt(task: Task, log: Log, place: Site, parts: Parts) -> None:
    """One attempt from wherever it stands to its evidence (or to the word that nothing was changed)."""
    if log.finished:
        return
    try:
        if log.outcome is None or hooks.due(log, task):
            await _work(task, log, place, parts)
        if log.stopped is None and log.checked is None:
            await _check(task, log, place, parts)
    except MidwatchError as error:
        await _failed(log, error)
        raise


async def _introduce(task: Task, log: Log, place: Site, parts: Parts) -> None:
    """Tell the log of the environment, and the model of its task."""
    ready = [place.ready] if place.ready and (place.ready.built or not log.items) else []
    if log.items or log.finished:
        if not log.finished and ready:
            await log.append(*ready)
        return
    workdir = WORKDIR
    if parts.sandbox.name in IN_PLACE:
        workdir = str(work_folder(parts.state, log.attempt) / "tree")
    told = await told_instructions(task, parts)
    first = [Message("repository", told)] if told else []
    words = opening(task, workdir, place.environment.notes)
    await log.append(*ready, *first, Message("person", words, task.images))


async def _work(task: Task, log: Log, place: Site, parts: Parts) -> None:
    parts.observer.phase("preparing the workspace")
    late = parts.late
    tree = await place.workspace(work_folder(parts.state, log.attempt), log.attempt, log.checkpoint, later=late)
    requests = Requests("work")
    opening = place.late_box if late else place.box
    try:
        async with (
            opening(tree, log.attempt, requests.note, parts.support) as box,
            equipped(task, log, box, parts.tools, parts.servers) as tools,
        ):
            bench = Workplace(
                task, parts.model, tools, box, tree, parts.blobs, parts.observer, requests, parts.approver,
                inbox=partial(parts.inbox, log.attempt), go_to=partial(place.go_to, tree, box), purse=parts.purse,
            )  # fmt: skip
            parent = Parent(log, tools, parts.store, parts.state / "locks", lambda: bench)
            await work(log, with_subtasks(bench, parent))
    finally:
        await _tell(log, requests)


async def _tell(log: Log, requests: Requests) -> None:
    """Add what is left: a connection may last until its box is closed, and is told of then."""
    if left := requests.take():
        await log.append(*left)


async def _check(task: Task, log: Log, place: Site, parts: Parts) -> None:
    final = log.checkpoint
    if task.mode == "read-only" and log.outcome is not None and log.outcome.kind == "done":
        await log.append(Stopped("answered", log.outcome.text.strip()))
        return
    # what is offered has pointers of Git LFS for files that lie in the box, and in checkpoints, as they are
    offered = await lfs_offered.pointed(parts.repository, task.base, final.tree, wanted=task.terms.lfs) if final else ""
    if final is None or offered == task.base.tree:
        text = log.outcome.text.strip() if log.outcome else ""
        await log.append(Stopped("no_change", text or "the model ended without changing a file"))
        return
    requests = Requests("check")
    bench = CheckParts(parts.blobs, parts.observer, requests)
    folder = work_folder(parts.state, log.attempt) / "check"
    try:
        evidence = replace(await check(place, f"{log.attempt}.check", folder, final, bench), tree=offered)
    except BaseException:
        await _tell(log, requests)
        raise
    when = log.events[-1].time
    message = describe.commit_message(task, log, evidence)
    commit = await parts.repository.commit(offered, task.base.commit, message, when, parts.authorship)
    await log.append(*requests.take(), Checked(evidence, commit))
