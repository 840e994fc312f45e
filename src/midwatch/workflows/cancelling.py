"""Ending an attempt because a person no longer wants it."""

from __future__ import annotations

from contextlib import ExitStack

from midwatch.agent.log import Log
from midwatch.domain.events import Stopped
from midwatch.domain.interventions import Interrupted
from midwatch.domain.observer import Silent
from midwatch.engine.lease import hold
from midwatch.workflows.reopening import Shelf, keep
from midwatch.workflows.start import work_folder
from midwatch.workspace.checkout import Workspace

CANCELLED = "cancelled"


async def cancel(shelf: Shelf, task_id: str, by: str) -> None:
    """Write into the logs of the task's attempts that have begun and not ended who cancelled them, and remove what they
    worked in. May be called again. Raises InputError while another process works on the task."""
    row = await shelf.store.find(task_id)
    repository = await shelf.repository(row.task)
    with ExitStack() as leases:
        for state in row.attempts:
            leases.enter_context(hold(shelf.state / "locks", state.attempt))
        for state in row.attempts:
            log = await Log.open(shelf.store, state.attempt, Silent())
            if log.events and not log.finished:
                await keep(repository, state.attempt, log)
                open_calls = [Interrupted(log.checkpoint, CANCELLED)] if log.next_unanswered() else []
                await log.append(*open_calls, Stopped(CANCELLED, f"by {by or 'a person'}"))
            await Workspace(repository, work_folder(shelf.state, state.attempt)).remove()
