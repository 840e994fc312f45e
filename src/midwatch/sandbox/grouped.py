"""A box's control group, for drivers that take its processes in once they have started."""

from __future__ import annotations

import asyncio
import contextlib

from midwatch.sandbox import cgroups
from midwatch.sandbox.boxd import tree
from midwatch.sandbox.spec import BoxLimits

NICE = 5
"""By how much the priority of a box is lowered where no control groups share out the CPU."""


class Grouped:
    """The group, or nothing where none can be made."""

    def __init__(self, limits: BoxLimits) -> None:
        self._group = cgroups.make(limits)

    def enter(self, pid: int) -> None:
        """Take in `pid` and what is below it; to be called while no command runs there yet."""
        if self._group is not None:
            for one in tree.descendants(pid):
                with contextlib.suppress(ProcessLookupError):
                    self._group.enter(one)

    def verdict(self) -> str | None:
        """As `Started.verdict`."""
        return self._group.verdict() if self._group is not None and self._group.limits_memory else None

    async def remove(self) -> None:
        """After the end of the box."""
        if self._group is not None:
            await asyncio.to_thread(self._group.remove)


def nice() -> int:
    """For `View`."""
    return 0 if cgroups.has_cpu() else NICE
