"""Removing what nobody needs any more: what dead workers left, and shared checkouts and layers that grew old."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.errors import MidwatchError
from midwatch.sandbox import leftovers
from midwatch.workspace import base_checkout
from midwatch.workspace.config import EnvironmentSettings
from midwatch.workspace.layers.cache import Cache, Removed

_GIB = 1 << 30
_A_DAY = 86400.0
_PAUSE = 60.0
"""Seconds between two times in one process: looking through all processes and control groups takes 15 ms."""
_last: dict[Path, float] = {}


@dataclass(frozen=True, slots=True)
class Tidied:
    """What was removed."""

    leftovers: tuple[str, ...]
    """Processes and control groups of dead workers, a line each."""
    environments: tuple[Removed, ...]
    checkouts: int
    """Bytes of shared checkouts."""


async def tidy(state: Path, keep_gib: float, keep_days: float) -> Tidied:
    """Remove it; nothing that is in use. `keep_gib` for the layers of environments and as much again for the shared
    checkouts, `keep_days` since the last use. May be called at any time, by several processes at once. Raises
    StoreError and OperationError for a disk that does not obey."""
    found = await asyncio.to_thread(leftovers.remove)
    bytes_, seconds = round(keep_gib * _GIB), keep_days * _A_DAY
    removed = await Cache(state).collect(bytes_, seconds)
    freed = await asyncio.to_thread(base_checkout.collect, state, keep_bytes=bytes_, keep_seconds=seconds)
    return Tidied(found.words(), tuple(removed), freed)


async def tidy_at_the_end(state: Path, settings: EnvironmentSettings) -> None:
    """The same after a task, unless this process did it a minute ago. What goes wrong with it is no matter of the
    task's: it raises nothing of that."""
    now = time.monotonic()
    if now - _last.get(state, -_PAUSE) < _PAUSE:
        return
    _last[state] = now
    with suppress(MidwatchError, OSError):
        await tidy(state, settings.keep_gib, settings.keep_days)
