"""The contract of a store. What a method returns from is durable; an unusable store raises StoreError."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from midwatch.domain.task import Task

if TYPE_CHECKING:
    from midwatch.domain.events import Event


@dataclass(frozen=True, slots=True)
class AttemptState:
    """Where an attempt stands, for listing."""

    attempt: str
    epoch: int
    seq: int
    """Number of events."""
    hash: str
    """Of the last event; GENESIS when there is none."""
    last_kind: str
    """Kind of the last event; empty when there is none."""
    updated: str
    """Time of the last event; empty when there is none."""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task and its attempts."""

    task: Task
    attempts: tuple[AttemptState, ...]


class Store(Protocol):
    """Tasks, attempts, events. Safe to use from several processes at once."""

    async def create(self, task: Task, begun: Sequence[Any] = ()) -> None:
        """Keep a task and its attempts. `begun`: the first events of its first attempt, kept in the same transaction.
        Twice with the same task is the same as once."""

    async def find(self, prefix: str) -> TaskRow:
        """The one task whose id starts with `prefix` (an attempt id counts as its task's). Raises InputError when
        there is none or more than one."""

    async def recent(self, limit: int = 50, *, archived: bool = False) -> Sequence[TaskRow]:
        """The newest tasks first, those that are archived or those that are not; without parts of other attempts
        (subtasks, and reviews that compare attempts), which only `find` knows."""

    async def take(self, attempt: str) -> int:
        """Own the attempt: raises its epoch by one and returns it. Whoever owned it before is refused from now on."""

    async def append(self, attempt: str, epoch: int, bodies: Sequence[Any]) -> Sequence[Event]:
        """Add events at the end, all or none, in one transaction. Raises StaleEpoch when `epoch` is not the newest."""

    async def read(self, attempt: str, after: int = 0) -> Sequence[Event]:
        """The events with seq > after, in order."""

    async def state(self, attempt: str) -> AttemptState:
        """Where the attempt stands. Raises InputError when there is no such attempt."""

    async def verify(self, attempt: str) -> Sequence[str]:
        """Re-compute the chain from the stored bytes; what is wrong, a sentence each; empty when all is right."""

    async def close(self) -> None:
        """Release the store. May be called twice."""
