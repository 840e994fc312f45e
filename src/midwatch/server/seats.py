"""How many answers that do not end by themselves there may be at once: in all, and for each user."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse

from midwatch.server.bodies import Receive, Scope, Send
from midwatch.server.problems import Problem, answer

STREAM = "text/event-stream"
"""What such an answer is."""
AGAIN_AFTER = 15
"""Seconds after which a client that found no seat may look again."""


class Seats:
    """Of one process. Used from the loop that serves."""

    def __init__(self, most: int, of_user: int) -> None:
        self._most, self._of_user = most, of_user
        self._taken: Counter[str] = Counter()

    def take(self, user: str) -> None:
        """Take one, to be given back. Raises Problem 429 when there is none."""
        again = {"Retry-After": str(AGAIN_AFTER)}
        if self._taken[user] >= self._of_user:
            mend = "end one of them; server.streams_per_user sets how many there may be"
            raise Problem(429, f"you follow {self._of_user} attempts at once already", mend, headers=again)
        if self._taken.total() >= self._most:
            mend = "read the events by pages, or come again; server.streams sets how many there may be"
            raise Problem(429, "as many attempts are followed as this server lets", mend, headers=again)
        self._taken[user] += 1

    def give_back(self, user: str) -> None:
        """It has ended."""
        self._taken[user] -= 1
        if self._taken[user] <= 0:
            del self._taken[user]


class Seated(StreamingResponse):
    """A stream that has a seat from its first byte to its last, and is refused where there is none."""

    def __init__(self, content: AsyncIterator[bytes], seats: Seats, user: str) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(content, media_type=STREAM, headers=headers)
        self._seats, self._user = seats, user

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Taken here and not before, so that nothing that happens between leaves one taken."""
        try:
            self._seats.take(self._user)
        except Problem as problem:
            await answer(problem)(scope, receive, send)
            return
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._seats.give_back(self._user)
