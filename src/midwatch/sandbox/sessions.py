"""Commands that go on while others run."""

from __future__ import annotations

import asyncio

from midwatch.sandbox.remote import Remote
from midwatch.sandbox.results import ExecResult

_KILL = 9


class RemoteSession:
    """As `Session`, for a command of an exec server."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        # Nobody need ask how it ended.
        remote.ended.add_done_callback(lambda ended: ended.cancelled() or ended.exception())

    async def write(self, data: bytes) -> None:
        """As `Session.write`."""
        await self._remote.feed(data)

    async def poll(self, seconds: float = 0.0) -> ExecResult | None:
        """As `Session.poll`. Raises SandboxLost when the box ended on its own, and what the sink raised."""
        ended = self._remote.ended
        if not ended.done() and seconds > 0:
            await asyncio.wait([ended], timeout=seconds)
        return ended.result() if ended.done() else None

    async def kill(self, signal: int = _KILL) -> None:
        """As `Session.kill`."""
        self._remote.signal(signal)


class EndedSession:
    """One that could not even begin."""

    def __init__(self, result: ExecResult) -> None:
        self._result = result

    async def write(self, data: bytes) -> None:
        """As `Session.write`: dropped."""

    async def poll(self, seconds: float = 0.0) -> ExecResult | None:
        """As `Session.poll`."""
        return self._result

    async def kill(self, signal: int = _KILL) -> None:
        """As `Session.kill`."""
