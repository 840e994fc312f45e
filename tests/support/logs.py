"""Logs in memory for tests of what reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from midwatch.agent.log import Log
from midwatch.domain.observer import Silent
from midwatch.domain.task import Task
from midwatch.engine.store.fake import MemoryStore
from tests.support import samples


async def log_of(bodies: Sequence[Any], task: Task | None = None) -> tuple[Log, MemoryStore]:
    """A log that begins with its task and goes on with `bodies`."""
    store = MemoryStore()
    task = task or samples.task()
    await store.create(task)
    log = await Log.open(store, f"{task.id}.1", Silent())
    await log.append(samples.started(task), *bodies)
    return log, store
