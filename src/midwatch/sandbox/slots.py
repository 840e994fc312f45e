"""At most so many boxes with processes at a time: the others wait their turn, and whoever rests longest gives way."""

from __future__ import annotations

import asyncio
from typing import Protocol

from midwatch.domain.errors import InputError, SandboxLost

REST_SECONDS = 0.05
"""A box that was in use until now is likely to be needed again at once, and is left alone for so long."""
PATIENCE_SECONDS = 1.0
"""Who has waited for so long gets the next slot that is not in use, rested or not."""


class Holder(Protocol):
    """What a slot is given to."""

    def give_way(self) -> None:
        """Let go of what it has, then call `Slots.back`. Neither blocks nor raises."""


class Slots:
    """First come, first served. Of one event loop; to be shared by all sandboxes of a process."""

    def __init__(self, most: int) -> None:
        """Raises InputError for less than one."""
        if most < 1:
            raise InputError(f"there cannot be {most} sandbox slots", "give a number of 1 or more")
        self.most = most
        self._held: dict[Holder, float | None] = {}
        """Since when each rests, in the loop's time; None while it is in use."""
        self._leaving: set[Holder] = set()
        self._waiting: dict[Holder, tuple[asyncio.Future[None], float]] = {}
        """In the order in which they came, with the time."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def held(self) -> int:
        """How many are taken, those included whose box is being parked."""
        return len(self._held)

    @property
    def waiting(self) -> int:
        """How many boxes wait for one."""
        return len(self._waiting)

    @property
    def free(self) -> bool:
        """Whether one can be had without waiting."""
        return len(self._held) < self.most and not self._waiting

    async def take(self, holder: Holder) -> None:
        """Wait for a slot; it is in use then. The holder must have none, and not be waiting. Being cancelled leaves
        nothing. Raises SandboxLost when `forget` is called meanwhile."""
        if self.free:
            self._held[holder] = None
            return
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting[holder] = turn, loop.time()
        self._make_room()
        try:
            await turn
        except asyncio.CancelledError:
            self._waiting.pop(holder, None)
            if turn.done() and not turn.cancelled():
                turn.exception()  # looked at: being cancelled says more
            if holder in self._held:  # it was given one in the same moment
                self.back(holder)
            raise

    def forget(self, holder: Holder) -> None:
        """It does not want one any more: `take` raises, if it waits."""
        turn, _ = self._waiting.pop(holder, (None, 0.0))
        if turn is not None and not turn.done():
            turn.set_exception(SandboxLost("the box is closed"))

    def use(self, holder: Holder) -> None:
        """A holder uses its slot: it keeps it until `rest` or `back`."""
        self._held[holder] = None

    def rest(self, holder: Holder) -> None:
        """It does not use it now. It keeps it for as long as nobody waits."""
        self._held[holder] = asyncio.get_running_loop().time()
        self._make_room()

    def back(self, holder: Holder) -> None:
        """It has none any more."""
        del self._held[holder]
        self._leaving.discard(holder)
        while self._waiting and len(self._held) < self.most:
            first = next(iter(self._waiting))
            turn, _ = self._waiting.pop(first)
            if not turn.done():  # else it is being cancelled
                self._held[first] = None
                turn.set_result(None)

    def _make_room(self) -> None:
        """Let as many give way as are waited for, as far as they rest."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wanted = len(self._waiting) - len(self._leaving)
        if wanted <= 0:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        _, came = next(iter(self._waiting.values()))
        rest = 0.0 if now - came >= PATIENCE_SECONDS else REST_SECONDS
        resting = [(since, h) for h, since in self._held.items() if since is not None and h not in self._leaving]
        for since, holder in sorted(resting, key=lambda one: one[0])[:wanted]:
            if since + rest > now:
                self._timer = loop.call_at(since + rest, self._make_room)
                return
            self._leaving.add(holder)
            holder.give_way()
