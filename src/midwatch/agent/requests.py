"""The network requests of a box on their way into the log."""

from __future__ import annotations

from midwatch.domain.events import NetworkRequested
from midwatch.sandbox.network import Decision

MOST = 500
"""Different requests that one append of the log keeps; a box could make any number."""


class Requests:
    """Collects what the proxy tells, until it is appended with the result of the call that caused it."""

    def __init__(self, phase: str) -> None:
        """`phase`: as in `NetworkRequested`."""
        self._phase = phase
        self._found: dict[tuple[str, int, str, str, bool, str], list[int]] = {}
        self._more = [0, 0, 0]

    def note(self, decision: Decision) -> None:
        """For `Network.decided`: neither blocks nor raises."""
        d = decision
        key = (d.host, d.port, d.method, d.path, d.allowed, d.reason)
        sums = self._found.get(key)
        if sums is None:
            sums = self._found.setdefault(key, [0, 0, 0]) if len(self._found) < MOST else self._more
        for index, value in enumerate((d.sent, d.received, 1)):
            sums[index] += value

    def take(self) -> list[NetworkRequested]:
        """The events since the last call, in the order in which they first came."""
        events = [
            NetworkRequested(self._phase, host, port, method, path, allowed, reason, *sums)
            for (host, port, method, path, allowed, reason), sums in self._found.items()
        ]
        if self._more[2]:
            reason = f"only the first {MOST} different requests are listed"
            events.append(NetworkRequested(self._phase, "", 0, "", "", True, reason, *self._more))
        self._found, self._more = {}, [0, 0, 0]
        return events
