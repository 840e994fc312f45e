"""Taking a cancellation back: a person wants the work to go on after all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from midwatch.agent.course import introduced
from midwatch.agent.log import History, Log
from midwatch.domain.events import Event, Stopped
from midwatch.domain.interventions import Interrupted, Undone
from midwatch.domain.observer import Silent
from midwatch.engine.lease import hold
from midwatch.workflows.cancelling import CANCELLED
from midwatch.workflows.reopening import Shelf, start_of

REASON = "a person wants it after all"


async def recall(shelf: Shelf, task_id: str, *, begun: bool = True) -> None:
    """Let each attempt of the task that was ended by `cancel` be as it was before that: the next `solve` goes on with
    it. Without `begun` only those that had not come to be given their task: there is nothing yet to say anything to.
    May be called again. Raises InputError while another process works on the task."""
    row = await shelf.store.find(task_id)
    with ExitStack() as leases:
        for state in row.attempts:
            if state.last_kind != Stopped.kind:
                continue
            leases.enter_context(hold(shelf.state / "locks", state.attempt))
            log = await Log.open(shelf.store, state.attempt, Silent())
            to = _before(log.events)
            if to and (begun or not introduced(log.events)):
                files = History(log.events[:to]).checkpoint or start_of(row.task)
                await log.append(Undone(to, files, REASON))


def _before(events: Sequence[Event]) -> int:
    """The number of the event after which it was cancelled; 0 when it ended otherwise."""
    if not events or not isinstance(events[-1].body, Stopped) or events[-1].body.reason != CANCELLED:
        return 0
    to = len(events) - 1
    body = events[to - 1].body if to else None
    return to - 1 if isinstance(body, Interrupted) and body.reason == CANCELLED else to
