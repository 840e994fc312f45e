"""What one task may draw on: the ledger, asked with the task's own scopes and prices."""

from __future__ import annotations

import asyncio
import math
import uuid
from dataclasses import dataclass, replace

from midwatch.domain.conversation import Usage
from midwatch.domain.purse import Granted, Refused, Wish
from midwatch.engine.budgets.ledger import Ask, Ledger
from midwatch.engine.budgets.scopes import Cap, Scope


@dataclass(frozen=True, slots=True)
class TaskPurse:
    """See `Purse`."""

    ledger: Ledger
    scopes: tuple[Scope, ...]
    """As `scopes_of` gives them."""
    caps: tuple[Cap, ...] = ()
    """That hold besides those in the ledger; each of one of the scopes."""
    repository: str = ""
    """As in `Ask`."""
    unknown_price: float | None = None
    """US dollars for a million tokens, in or out, where the price of a model is not known; None: its calls are refused
    where a budget of money counts them."""

    async def reserve(self, wish: Wish) -> Granted | Refused:
        """See `Purse.reserve`. Cancelled meanwhile, it leaves nothing reserved."""
        ask = Ask(uuid.uuid4().hex, self._priced(wish), self.scopes, self.caps, self.repository)
        doing = asyncio.ensure_future(self.ledger.reserve(ask))
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            await asyncio.wait([doing])
            if doing.exception() is None and isinstance(granted := doing.result(), Granted):
                await self.release(granted)
            raise

    async def settle(self, granted: Granted, usage: Usage, microusd: int | None) -> None:
        """See `Purse.settle`."""
        if microusd is None:
            microusd = self._at_most(usage.total) or 0
        await self.ledger.settle(granted.id, microusd, usage.total)

    async def forfeit(self, granted: Granted) -> None:
        """See `Purse.forfeit`."""
        await self.ledger.settle(granted.id, None, None)

    async def release(self, granted: Granted) -> None:
        """See `Purse.release`."""
        await self.ledger.settle(granted.id, 0, 0)

    def _priced(self, wish: Wish) -> Wish:
        if wish.base is not None and wish.full is not None:
            return wish
        return replace(wish, base=self._at_most(wish.sent), full=self._at_most(wish.sent + wish.output))

    def _at_most(self, tokens: int) -> int | None:
        # dollars for a million tokens are millionths of a dollar for one
        return None if self.unknown_price is None else math.ceil(tokens * self.unknown_price)
