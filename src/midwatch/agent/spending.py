"""The money of one model call: what sends that broke off may have cost counts in full, in the attempt's own limit and
in the budgets that it shares."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from midwatch.agent import budget
from midwatch.agent.log import Log
from midwatch.domain.conversation import Delta, Reply
from midwatch.domain.errors import InputError, MidwatchError, ModelError
from midwatch.domain.events import LimitReached
from midwatch.domain.limits import Limits
from midwatch.domain.purse import Granted, Purse, Refused, Wish
from midwatch.models.base import Model

EMBEDDED = ("repair", "replay")
"""Wires of models that ask nobody: they cost nothing, and count in no budget."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Seconds between two looks at a budget of which others have reserved the rest."""
PATIENCE = 600.0
"""Seconds that they are waited for in all."""
_BROKEN_OFF = LimitReached("cost", "answers that broke off have used up the rest of the money limit")


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays."""

    log: Log
    limits: Limits
    model: Model
    fixed: int
    """As in `budget.output_cap`."""
    purse: Purse | None
    phase: Callable[[str], None]
    """Told what is waited for."""


class Spending:
    """One model call."""

    def __init__(self, payer: Payer) -> None:
        self._payer = payer
        self._purse = None if payer.model.wire in EMBEDDED else payer.purse
        self._held: Granted | None = None
        self._answering = False
        self.wasted = 0
        """Millionths of a US dollar that sends which broke off may have cost."""
        self.cap = budget.output_cap(payer.log, payer.limits, payer.model, payer.fixed)
        """Output tokens that the reply may have."""

    async def begin(self) -> LimitReached | None:
        """Reserve the first send; the limit that forbids it, if one does. Waits while others have reserved what they
        may give back. Raises InputError where a budget of money cannot be kept, and as `Purse.reserve`."""
        found = await self._reserve(min(budget.LEAST_OUTPUT, self._payer.model.max_output))
        if isinstance(found, Granted):
            self.cap = found.output
        return found if isinstance(found, LimitReached) else None

    async def goes_on(self, piece: Delta) -> LimitReached | None:
        """The limit that forbids to go on after this piece of the answer, if one does: a `notice` says that the request
        is sent anew."""
        if piece.kind != "notice":
            self._answering = True
            return None
        if not self._answering:
            return None
        self._answering = False
        payer = self._payer
        sent = budget.sent_tokens(payer.log, payer.fixed)
        if payer.limits.cost_microusd is not None or self._purse is not None:
            self.wasted += budget.worst_cost(payer.model, sent, self.cap) or 0
        await self._forfeit()
        if budget.output_cap(payer.log, payer.limits, payer.model, payer.fixed, self.wasted) < self.cap:
            return _BROKEN_OFF
        found = await self._reserve(self.cap)
        return found if isinstance(found, LimitReached) else None

    async def ended(self, reply: Reply) -> int | None:
        """The call has its reply; what it has cost with what was wasted, None when that is not known."""
        model = self._payer.model
        cost = model.cost(reply.usage) if reply.cost_microusd is None else reply.cost_microusd
        if self._purse is not None and self._held is not None:
            await self._purse.settle(self._held, reply.usage, cost)
            self._held = None
        return None if cost is None else cost + self.wasted

    async def broke_off(self, error: BaseException) -> None:
        """The call has no reply. An endpoint that refused it before the first piece of an answer charges nothing; in
        all other cases the worst counts. Raises nothing: the error says what is wrong."""
        with suppress(MidwatchError):
            if isinstance(error, ModelError) and not self._answering:
                held, self._held = self._held, None
                if self._purse is not None and held is not None:
                    await self._purse.release(held)
            else:
                await self._forfeit()

    async def _forfeit(self) -> None:
        held, self._held = self._held, None
        if self._purse is not None and held is not None:
            await self._purse.forfeit(held)

    async def _reserve(self, least: int) -> Granted | LimitReached | None:
        payer, purse = self._payer, self._purse
        if purse is None:
            return None
        sent = budget.sent_tokens(payer.log, payer.fixed)
        base, full = (budget.worst_cost(payer.model, sent, output) for output in (0, self.cap))
        wish = Wish(payer.log.attempt, payer.log.epoch, sent, self.cap, min(least, self.cap), base, full)
        pause = FIRST_PAUSE
        waited = 0.0
        while isinstance(found := await purse.reserve(wish), Refused):
            if found.unpriced:
                raise InputError(
                    f"the price of {payer.model.name} is not known, so {found.budget} cannot be kept",
                    f'give its price in the settings under [prices."{payer.model.name}"], or what it may cost at most '
                    "as unknown_price under [budgets]",
                )
            if not found.passing or waited >= PATIENCE:
                return LimitReached("budget", found.text)
            if not waited:
                payer.phase(f"waiting for {found.budget}: others have reserved what is left of it")
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(2 * pause, LONGEST_PAUSE)
        self._held = found
        return found
