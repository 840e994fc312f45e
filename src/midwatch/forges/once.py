"""Doing a thing once at a forge that may act and not say so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from midwatch.engine.effects import base

T = TypeVar("T")
Pause = Callable[[float], Awaitable[None]]

_PAUSES = (1.0, 3.0)
"""Seconds before looking again: a forge that broke off may still be at it."""


class Unsure(base.Unsure):
    """The forge was asked to change something, and its answer did not come: it may have been done. As an effect, such a
    try was cut off."""


async def once(
    look: Callable[[], Awaitable[T | None]], act: Callable[[], Awaitable[T]], pause: Pause = asyncio.sleep
) -> T:
    """What `look` finds, else what `act` makes. After an act whose answer did not come it looks again, and acts again
    only when nothing is there. Raises what they raise; Unsure when it still is not known in the end."""
    for wait in (*_PAUSES, None):
        found = await look()
        if found is not None:
            return found
        try:
            return await act()
        except Unsure:
            if wait is None:
                raise
            await pause(wait)
    raise AssertionError  # the last round has returned or raised
