"""A person chooses another attempt than the one that is offered."""

from __future__ import annotations

from contextlib import ExitStack

from midwatch.agent.log import History, Log
from midwatch.domain.errors import InputError
from midwatch.domain.events import Proposing, Stopped
from midwatch.domain.observer import Silent
from midwatch.domain.task import Task
from midwatch.engine.lease import hold
from midwatch.workflows import describe
from midwatch.workflows.offering import CHOSEN
from midwatch.workflows.reopening import Shelf, another_kind, keep, meant, require_own


async def choose(shelf: Shelf, name: str) -> Task:
    """Write down that this attempt (`ID.2`) is the task's pull request from now on; going on with the task (`solve`)
    brings the pull request up to date, with the same branch and number, and closes the other attempts with a word.
    Does nothing when it is offered already. Raises InputError when another process works on the task, for an attempt
    without evidence, and when the pull request is merged, or closed at this very change."""
    if "." not in name:
        raise InputError(f"{name} is a task", f"name one of its attempts: midwatch choose {name}.2")
    row, attempt = await meant(shelf, name)
    task = row.task
    if task.kind != "task":
        raise another_kind(task)
    with ExitStack() as leases:
        for state in row.attempts:
            leases.enter_context(hold(shelf.state / "locks", state.attempt))
        log = await Log.open(shelf.store, attempt, Silent())
        await _require_choosable(shelf, task, log)
        assert log.checked is not None
        if log.offered or log.proposing is not None:
            return task
        repository = await shelf.repository(task)
        await keep(repository, attempt, log)
        proposal = describe.proposal(task, log, await repository.stat(task.base.tree, log.checked.evidence.tree))
        await log.append(Proposing(proposal.branch, proposal.base, proposal.commit, proposal.title, proposal.draft))
        for state in row.attempts:
            if state.attempt != attempt and History(await shelf.store.read(state.attempt)).proposing is not None:
                other = await Log.open(shelf.store, state.attempt, Silent())  # an earlier choice, not carried out
                await other.append(Stopped("not_chosen", CHOSEN))
    return task


async def _require_choosable(shelf: Shelf, task: Task, log: Log) -> None:
    if log.checked is None or log.outcome is None:
        raise InputError(
            f"attempt {log.attempt} has no evidence, so it cannot be offered",
            f"`midwatch show {task.id}` says how it ended; `midwatch fork {log.attempt}` goes on from there",
        )
    request = await shelf.forge.of_task(task.id)
    if request is None:
        await require_own(shelf.forge, task)
    if request is None or request.state == "open":
        return
    if request.state == "merged" or request.proposal.commit == log.checked.commit:
        raise InputError(
            f"pull request {request.number} of task {task.id} is {request.state} already",
            f"`midwatch fork {log.attempt}` makes a task of its own of this attempt",
        )
