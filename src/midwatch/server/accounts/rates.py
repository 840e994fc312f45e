"""How often somebody may do something: a bucket of tokens for each name, filled again with time."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

MOST = 20_000
"""Buckets that are kept; those that have not been used for longest are full again, or nearly."""


class Rates:
    """In memory, of one process. `clock` counts seconds."""

    def __init__(self, per_second: float, at_once: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._at_once, self._clock = per_second, float(at_once), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> float:
        """Take one; 0 when there was one, else the seconds until there is."""
        now = self._clock()
        left = self._left(name, now)
        if left >= 1.0:
            self._keep(name, left - 1.0, now)
            return 0.0
        self._keep(name, left, now)
        return (1.0 - left) / self._per_second

    def give_back(self, name: str) -> None:
        """Put one back that was not needed."""
        now = self._clock()
        self._keep(name, min(self._at_once, self._left(name, now) + 1.0), now)

    def _left(self, name: str, now: float) -> float:
        left, since = self._buckets.get(name, (self._at_once, now))
        return min(self._at_once, left + (now - since) * self._per_second)

    def _keep(self, name: str, left: float, now: float) -> None:
        self._buckets[name] = (left, now)
        self._buckets.move_to_end(name)
        if len(self._buckets) > MOST:
            self._buckets.popitem(last=False)


def retry_after(seconds: float) -> dict[str, str]:
    """The header that says when to come again."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


def neighbourhood(address: str) -> str:
    """What counts as one address: of IPv6 its /64, which one machine has whole."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
