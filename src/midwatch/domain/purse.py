"""Money that several attempts share: reserved before a model call, settled after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from midwatch.domain.conversation import Usage


@dataclass(frozen=True, slots=True)
class Wish:
    """What one request to a model may cost at most. Money is in millionths of a US dollar."""

    attempt: str
    epoch: int
    """Of the one who asks: whoever has lost the attempt may spend nothing."""
    sent: int
    """Tokens of the request, at most."""
    output: int
    """Tokens of the reply that are wanted."""
    least: int
    """A reply that is capped below this is not worth its price."""
    base: int | None
    """The price with no output at all; None when it is not known."""
    full: int | None
    """The price with all of `output`."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A reservation."""

    id: str
    output: int
    """Tokens that the reply may have: as many as were wanted, or as many as the budgets have left."""
    microusd: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A budget that has no room for the call."""

    scope: str
    """`task`, `user`, `repository` or `organisation`."""
    name: str
    """Of the task, the user, …"""
    period: str
    """`whole` or `day`."""
    unit: str
    """`usd` or `tokens`."""
    cap: int
    """As all of these: millionths of a US dollar, or tokens."""
    spent: int
    reserved: int
    """For calls that are under way."""
    passing: bool
    """There is room once those calls have ended for less than was reserved for them."""
    unpriced: bool = False
    """The cap is one of money, and what the call may cost is not known."""

    @property
    def budget(self) -> str:
        """The budget in words."""
        return f"the budget of {self.scope} {self.name}" + (" for a day" if self.period == "day" else "")

    @property
    def text(self) -> str:
        """Why there is no room, in words."""
        return (
            f"the next call could exceed {self.budget}: {self._shown(self.cap)}, of which {self._shown(self.spent)} "
            f"spent and {self._shown(self.reserved)} reserved"
        )

    def _shown(self, amount: int) -> str:
        return f"${amount / 1e6:.6g}" if self.unit == "usd" else f"{amount} tokens"


class Purse(Protocol):
    """What one task may draw on. Safe to use from several of its attempts at once. Every method raises StoreError when
    the place where budgets are kept cannot be used."""

    async def reserve(self, wish: Wish) -> Granted | Refused:
        """Set the worst case aside in all budgets that count, or nothing in any of them. What is still reserved for
        an earlier call of the same attempt is taken for spent: that call was cut off, and what it has cost is not
        known. Raises StaleEpoch when somebody else has taken the attempt over."""

    async def settle(self, granted: Granted, usage: Usage, microusd: int | None) -> None:
        """The call has ended and has cost this; None: its price is not known. May be called twice."""

    async def forfeit(self, granted: Granted) -> None:
        """The call was cut off, and what it has cost is not known: all that was reserved counts as spent."""

    async def release(self, granted: Granted) -> None:
        """The call was refused before it was answered: nothing was spent."""
