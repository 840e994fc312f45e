"""How fast a provider may be asked: a bucket of requests and one of tokens, shared by all who ask it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

SPREAD_SECONDS = 1.0
"""Those who wait for the end of the same pause begin at most this far apart, not all at once."""


class Bucket:
    """Holds what may be used within a minute, and fills up evenly. It may be overdrawn: who overdraws it waits."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._most = float(per_minute)
        self._level = self._most
        self._clock = clock
        self._then = clock()

    def take(self, number: float) -> float:
        """Take that much; seconds until it is really there. A negative number gives back."""
        now = self._clock()
        self._level = min(self._most, self._level + (now - self._then) * self._most / 60) - number
        self._then = now
        return max(0.0, -self._level * 60 / self._most)


class Pace:
    """The pace of one provider in one process. Without limits only the pauses that the provider asks for count."""

    def __init__(
        self, requests: int | None = None, tokens: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Limits are per minute."""
        self._requests = Bucket(requests, clock) if requests else None
        self._tokens = Bucket(tokens, clock) if tokens else None
        self._clock = clock
        self._closed_until = clock()

    def reserve(self, tokens: int) -> float:
        """Count a request of that many tokens; seconds to wait before it may be sent. First come, first served."""
        waits = [bucket.take(number) for bucket, number in ((self._requests, 1), (self._tokens, tokens)) if bucket]
        closed = self._closed_until - self._clock()
        if closed > 0:
            waits.append(closed + random.uniform(0, min(SPREAD_SECONDS, closed)))  # noqa: S311  (spreads the load)
        return max(waits, default=0.0)

    def release(self, tokens: int) -> None:
        """A reserved request was not sent after all."""
        if self._requests:
            self._requests.take(-1)
        self.settle(tokens, 0)

    def settle(self, reserved: int, used: int) -> None:
        """A request for which `reserved` tokens were taken has used so many."""
        if self._tokens:
            self._tokens.take(used - reserved)

    def pause(self, seconds: float) -> None:
        """The provider asks for a pause: nobody sends before it is over."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)
