"""When to ask again, and after how long."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from midwatch.models.endpoint import RetryPolicy

PASSING_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
"""Answers that say nothing about the request itself."""

_IN_WORDS = re.compile(
    r"(?:try again|retry) (?:in|after) (\d+(?:\.\d+)?)\s*(ms|s|seconds?|minutes?|m)\b", re.IGNORECASE
)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


class Passing(Exception):
    """A failure that may pass. Stays inside this package: it is retried, and becomes a ModelError when it stays."""

    def __init__(self, text: str, *, mend: str = "", wait: float | None = None, kind: str = "failed") -> None:
        super().__init__(text)
        self.text = text
        self.mend = mend
        self.wait = wait
        """Seconds that the endpoint asks us to wait; None when it does not say."""
        self.kind = kind
        """`connect` (nobody answers), `idle` (silence) or `failed`."""
        self.status = 0
        """As in `ModelError`."""


def pause(policy: RetryPolicy, tried: int, failure: Passing) -> float | None:
    """Seconds to wait before request `tried` + 1; None when it is to be given up."""
    if failure.kind == "connect":
        most, first = min(policy.connect_attempts, policy.attempts), policy.base_seconds / 4
    else:
        # A silent endpoint has cost minutes already; once more is enough.
        most, first = (min(2, policy.attempts) if failure.kind == "idle" else policy.attempts), policy.base_seconds
    if tried >= most:
        return None
    if failure.wait is not None:
        return failure.wait if failure.wait <= policy.longest_asked_seconds else None
    longest = min(first * 2.0 ** (tried - 1), policy.longest_seconds)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  (spreads the load, guards nothing)


def asked_wait(headers: Mapping[str, str], message: str, now: datetime | None = None) -> float | None:
    """Seconds that an endpoint asks for: `Retry-After-Ms`, `Retry-After` (seconds or date), or its message."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value) * scale
        if value and name == "retry-after":
            import email.utils  # takes 10 ms

            try:
                then = email.utils.parsedate_to_datetime(value)
            except ValueError:
                continue
            if then.tzinfo is None:
                then = then.replace(tzinfo=UTC)
            return max(0.0, (then - (now or datetime.now(UTC))).total_seconds())
    words = _IN_WORDS.search(message)
    if words:
        unit = words[2].lower()
        return float(words[1]) * _UNITS["ms" if unit == "ms" else unit[0]]
    return None
