"""Looking at what tasks have come to. Nothing here changes a log; each part is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from midwatch.domain.evidence import FileChange
    from midwatch.wiring import Home
    from midwatch.workflows.summary import Summary
    from midwatch.workflows.verify import Verification


async def reports(home: Home, limit: int = 50) -> Sequence[Summary]:
    """The newest tasks in a line each."""
    from midwatch.workflows.summary import summaries

    return await summaries(home.store, home.state, limit)


async def diff(home: Home, task_id: str) -> bytes:
    """The unified diff of the chosen attempt against the base; empty when nothing changed."""
    from midwatch.workflows import read

    return await read.difference(home.store, home.state, home.forge, task_id)


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
