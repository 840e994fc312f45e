"""A store in memory, for tests: the same contract, nothing survives the process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from midwatch.domain.chain import GENESIS
from midwatch.domain.errors import InputError, StaleEpoch
from midwatch.domain.events import Event
from midwatch.domain.ids import attempt_id, task_of
from midwatch.domain.task import Task
from midwatch.engine.store.base import AttemptState, TaskRow
from midwatch.engine.store.records import Record, chain_faults, load, seal


class MemoryStore:
    """See `Store`. Events are kept in their stored form, so that what cannot be stored fails here as well."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}
        self._states: dict[str, AttemptState] = {}
        self._records: dict[str, list[Record]] = {}

    async def create(self, task: Task, begun: Sequence[Any] = ()) -> None:
        """See `Store.create`."""
        if task.id in self._tasks:
            return
        self._tasks[task.id] = task
        for number in range(1, task.attempts + 1):
            name = attempt_id(task.id, number)
            self._states[name] = AttemptState(name, 0, 0, GENESIS, "", "")
            self._records[name] = []
        await self.append(attempt_id(task.id, 1), 0, begun)

    async def find(self, prefix: str) -> TaskRow:
        """See `Store.find`."""
        wanted = task_of(prefix)
        found = [name for name in self._tasks if wanted and name.startswith(wanted)]
        if wanted in found:
            found = [wanted]
        if not found:
            mend = "`midwatch list` shows the tasks; --server URL is for those of a server"
            raise InputError(f"there is no task {prefix!r}", mend)
        if len(found) > 1:
            raise InputError(f"{prefix!r} is the start of more than one task id: {', '.join(found)}", "give more of it")
        return self._row(found[0])

    async def recent(self, limit: int = 50, *, archived: bool = False) -> Sequence[TaskRow]:
        """See `Store.recent`. Nothing is archived here."""
        names = [name for name, task in self._tasks.items() if not task.parent and not archived]
        return [self._row(name) for name in sorted(names, reverse=True)[:limit]]

    async def take(self, attempt: str) -> int:
        """See `Store.take`."""
        old = await self.state(attempt)
        self._states[attempt] = AttemptState(
            attempt, old.epoch + 1, old.seq, old.hash, old.last_kind, old.updated
        )  # fmt: skip
        return old.epoch + 1

    async def append(self, attempt: str, epoch: int, bodies: Sequence[Any]) -> Sequence[Event]:
        """See `Store.append`."""
        state = await self.state(attempt)
        if state.epoch != epoch:
            raise StaleEpoch(f"attempt {attempt} has been taken over by another process")
        sealed = seal(attempt, epoch, state.seq, state.hash, bodies)
        self._records[attempt] += [record for record, _ in sealed]
        if sealed:
            last = sealed[-1][0]
            self._states[attempt] = AttemptState(attempt, epoch, last.seq, last.hash, last.kind, last.time)
        return [event for _, event in sealed]

    async def read(self, attempt: str, after: int = 0) -> Sequence[Event]:
        """See `Store.read`."""
        return [load(record) for record in self._records.get(attempt, []) if record.seq > after]

    async def state(self, attempt: str) -> AttemptState:
        """See `Store.state`."""
        if attempt not in self._states:
            raise InputError(f"there is no attempt {attempt!r}", "`midwatch list` shows the tasks")
        return self._states[attempt]

    async def verify(self, attempt: str) -> Sequence[str]:
        """See `Store.verify`."""
        state = await self.state(attempt)
        return chain_faults(self._records[attempt], state.seq, state.hash)

    async def close(self) -> None:
        """See `Store.close`."""

    def _row(self, name: str) -> TaskRow:
        states = [state for attempt, state in self._states.items() if task_of(attempt) == name]
        return TaskRow(self._tasks[name], tuple(states))
