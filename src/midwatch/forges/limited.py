"""Rate limits, as forges say them."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_SECONDARY = 60.0
"""Seconds that GitHub asks for where it names none."""
_LONGEST = 366 * 86400.0
"""Seconds after which a time is no time any more: some forges count in other units."""


def wait_of(status: int, headers: Mapping[str, str], data: Any = None) -> float | None:
    """The seconds after which a refused request may be sent again; None when it was not refused for a rate limit.
    `headers` have their names in lower case."""
    if status not in (403, 429, 503):
        return None
    if (asked := headers.get("retry-after", "")) and (wait := _seconds(asked)) is not None:
        return wait
    for prefix in ("x-ratelimit", "ratelimit"):
        if headers.get(f"{prefix}-remaining") == "0" and (reset := headers.get(f"{prefix}-reset", "")).isdecimal():
            return max(1.0, _until(float(reset)))
    message = data.get("message") if isinstance(data, dict) else None
    if status == 429 or (status == 403 and isinstance(message, str) and "secondary rate limit" in message.lower()):
        return _SECONDARY
    return None


def when(wait: float) -> str:
    """The time that is so many seconds away, for a person."""
    return datetime.fromtimestamp(time.time() + min(wait, _LONGEST), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _seconds(text: str) -> float | None:
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _until(reset: float) -> float:
    """Most give a point in time; IETF's draft gives seconds."""
    return reset if reset < 100_000_000 else reset - time.time()
