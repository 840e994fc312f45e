"""A model with a second one behind it, for when the first is down."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from midwatch.domain.conversation import Delta, Reply, ToolSpec, Usage, View
from midwatch.domain.errors import ModelError
from midwatch.models.base import Model

REST_SECONDS = 300.0
"""How long a model that failed is left alone: its retries would cost every turn a minute."""


class FallbackModel:
    """Asks the first model, and the second one where the first fails in a way that may pass (nobody answers, it is
    overloaded after all retries, the account is empty). The reply names who gave it, so the log does, too."""

    def __init__(self, first: Model, second: Model, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = first.name
        self.wire = first.wire
        self.window = min(first.window, second.window)
        self.max_output = min(first.max_output, second.max_output)
        self._first, self._second = first, second
        self._clock = clock
        self._rested = clock()

    async def reply(
        self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None
    ) -> AsyncGenerator[Delta | Reply]:
        """As the contract says. Raises the second's error, with the first's in its words, when both fail."""
        resting = self._clock() < self._rested
        one, other = (self._second, self._first) if resting else (self._first, self._second)
        cap = min(max_output or self.max_output, self.max_output)
        try:
            async with aclosing(one.reply(view, tools, max_output=cap)) as pieces:
                async for piece in pieces:
                    yield _priced(piece, one)
            return
        except ModelError as error:
            if not error.retryable:
                raise
            failure = error
        if not resting:
            self._rested = self._clock() + REST_SECONDS
        yield Delta("notice", f"{failure.message}; asking {other.name} instead")
        try:
            async with aclosing(other.reply(view, tools, max_output=cap)) as pieces:
                async for piece in pieces:
                    yield _priced(piece, other)
        except ModelError as error:
            text = f"{error.message} (asked because {one.name} failed: {failure.message})"
            raise type(error)(text, error.mend, retryable=True) from None
        if resting:
            self._rested = self._clock()  # the first is back

    def cost(self, usage: Usage) -> int | None:
        """The most that it may cost, whoever answers; None when one of the prices is not known."""
        costs = [model.cost(usage) for model in (self._first, self._second)]
        known = [cost for cost in costs if cost is not None]
        return max(known) if len(known) == len(costs) else None

    async def close(self) -> None:
        """Release the connections of both. May be called twice."""
        await self._first.close()
        await self._second.close()


def _priced(piece: Delta | Reply, by: Model) -> Delta | Reply:
    """A reply with the price of the model that gave it."""
    return dataclasses.replace(piece, cost_microusd=by.cost(piece.usage)) if isinstance(piece, Reply) else piece
