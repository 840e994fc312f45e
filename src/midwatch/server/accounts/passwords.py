"""Passwords: argon2id, away from the event loop, a few at a time."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from midwatch.domain.errors import InputError

SHORTEST, LONGEST = 12, 256
AT_ONCE = 2
"""Each takes 19 MiB and a core for some 30 ms, the least that OWASP asks for."""


class Passwords:
    """Hashes and checks them."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._nobody = ""

    async def hashed(self, password: str) -> str:
        """What is kept of it. Raises InputError for one that is too short or too long."""
        if not SHORTEST <= len(password) <= LONGEST:
            raise InputError(f"a password has {SHORTEST} to {LONGEST} characters", "choose another one")
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def right(self, kept: str, password: str) -> bool:
        """Whether it is the one. `kept` is empty for a user that there is not or that has none: that takes as long, so
        that nobody learns from the time which names there are."""
        async with self._turn:
            return await asyncio.to_thread(self._right, kept, password[: LONGEST + 1])

    def _right(self, kept: str, password: str) -> bool:
        if not self._nobody:
            self._nobody = self._hasher.hash("nobody has this password")
        try:
            return self._hasher.verify(kept or self._nobody, password) and bool(kept)
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False
