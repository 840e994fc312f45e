"""Looking at what tasks have come to. Nothing here changes a log; each part is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from midwatch.wiring import Home, named_model

if TYPE_CHECKING:
    from midwatch.domain.evidence import FileChange
    from midwatch.sandbox.probe import Finding
    from midwatch.workflows.report import AttemptReport
    from midwatch.workflows.summary import Summary
    from midwatch.workflows.verify import Verification


async def reports(home: Home, limit: int = 50, *, archived: bool = False) -> Sequence[Summary]:
    """The newest tasks in a line each; those that are archived, or those that are not."""
    from midwatch.workflows.summary import summaries

    return await summaries(home.store, home.state, limit, archived=archived)


async def diff(home: Home, task_id: str) -> bytes:
    """The unified diff of the chosen attempt against the base; empty when nothing changed."""
    from midwatch.workflows import read

    return await read.difference(home.store, home.state, home.forge, task_id)


async def attempt_changes(home: Home, attempt: str) -> tuple[AttemptReport, tuple[FileChange, ...]]:
    """One attempt, and the files that it has changed."""
    from midwatch.workflows import read

    return await read.attempt_changes(home.store, home.state, attempt)


async def attempt_diff(home: Home, attempt: str, first: int = 0, last: int = 0) -> bytes:
    """The unified diff of one attempt between two of its events: 0 is the base, and what it offers or has now."""
    from midwatch.workflows import read

    return await read.attempt_difference(home.store, home.state, attempt, first, last)


async def mail(home: Home, task_id: str) -> bytes:
    """The same as one mail that `git am` takes."""
    from midwatch.workflows import read

    return await read.mail(home.store, home.state, home.forge, task_id)


async def apply(home: Home, task_id: str, repository: str | None = None) -> tuple[FileChange, ...]:
    """Put a task's change into a working tree. Refused whole, with the files named, when it does not fit."""
    from midwatch.workflows import read

    return await read.apply(home.store, home.state, home.forge, task_id, repository)


async def verify(home: Home, task_id: str) -> Verification:
    """Re-compute a task's chain, blobs and trees."""
    from midwatch.workflows import verify as verifying

    return await verifying.verify_task(home.store, home.blobs, home.state, home.forge, task_id)


@dataclass(frozen=True, slots=True)
class Missed:
    """Something that was to be done for a task outside of this machine, and is not tried again by itself."""

    id: str
    kind: str
    name: str
    error: str
    mend: str


async def missed(home: Home, task_id: str) -> list[Missed]:
    """The newest first."""
    from midwatch.engine.effects.ledger import Effects

    found = await Effects(home.store.database).of_task(task_id)
    return [Missed(one.id, one.kind, one.name, one.error, one.mend) for one in found if one.state == "failed"]


async def archive(home: Home, task_id: str) -> None:
    """Take a task from the lists. Raises InputError while anybody works on it."""
    from contextlib import ExitStack

    from midwatch.engine import lease
    from midwatch.engine.retention import archived

    with ExitStack() as leases:
        for state in (await home.store.find(task_id)).attempts:
            leases.enter_context(lease.hold(home.state / "locks", state.attempt))
        await archived.archive(home.store.database, task_id, "")


async def findings(home: Home) -> Sequence[Finding]:
    """What `midwatch doctor` says about this machine."""
    from midwatch.doctor import examine

    read = (home.store.recent, home.forge.list)
    return await examine(home.state, lambda: named_model(home, home.settings.models.model), read)
