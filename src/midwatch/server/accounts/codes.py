"""Codes that sign somebody in once: what stands in the link of a server's first start."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

SECONDS = 600.0
"""For which a code works."""


@dataclass
class Codes:
    """Of one process, and in its memory alone. Used from the loop that serves."""

    _known: dict[str, tuple[str, float]] = field(default_factory=dict)

    def give(self, account: str) -> str:
        """A code for that account (its id)."""
        code = secrets.token_urlsafe(24)
        self._known[code] = (account, time.monotonic() + SECONDS)
        return code

    def take(self, code: str) -> str:
        """Whose it is; empty for one that is not known, was taken or is too old. It works no second time."""
        found = next((one for one in self._known if secrets.compare_digest(one.encode(), code.encode())), "")
        account, until = self._known.pop(found, ("", 0.0))
        return account if time.monotonic() < until else ""
