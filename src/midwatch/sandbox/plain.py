"""A started exec server that has no process namespace of its own: its box is ended by asking it, then by hunting."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from pathlib import Path

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox.boxd import tree
from midwatch.sandbox.handles import read_available
from midwatch.sandbox.running import until_gone

MARK = "MIDWATCH_BOX"
"""The variable by which processes of one box are found again; its value is the box's own."""

_ASKED_SECONDS = 3.0
_HUNT_SECONDS = 10.0


class PlainServer:
    """As `Started`."""

    def __init__(self, process: subprocess.Popen[bytes], complaint: int, mark: str) -> None:
        """`complaint`: the read end of a pipe that does not block, ours from now on. `mark`: the value of MARK in the
        environment of the server and of its commands."""
        self.pid = process.pid
        self._process = process
        self._complaint = complaint
        self._handle = os.pidfd_open(process.pid)
        self._mark = f"{MARK}={mark}".encode()

    async def begun(self) -> None:
        """As `Started.begun`: nothing was held."""

    def verdict(self) -> str | None:
        """As `Started.verdict`."""
        return None

    def kill(self) -> None:
        """As `Started.kill`: the server ends its commands when its channel is closed, which it is by now."""

    async def gone(self) -> SandboxLost | None:
        """As `Started.gone`."""
        try:
            with contextlib.suppress(SandboxLost):
                await until_gone(self._handle, _ASKED_SECONDS)
            await asyncio.to_thread(self._hunt)
            self._process.wait()
            said = read_available(self._complaint).strip()
        finally:
            os.close(self._handle)
            os.close(self._complaint)
        return SandboxLost(f"the box could not be started: {said}") if said else None

    def _hunt(self) -> None:
        """Kill what is left until nothing is. Raises SandboxLost when that takes too long."""
        give_up = time.monotonic() + _HUNT_SECONDS
        while left := self._left():
            tree.kill(left)
            if time.monotonic() > give_up:
                raise SandboxLost(f"processes of the box do not end: {left[:5]}")
            time.sleep(0.002)

    def _left(self) -> list[int]:
        found = tree.descendants(self.pid) if self._process.poll() is None else []
        return found + [pid for pid in _processes() if self._marked(pid)]

    def _marked(self, pid: int) -> bool:
        folder = Path("/proc", str(pid))
        with contextlib.suppress(OSError):
            if (folder / "stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X"):
                return self._mark in (folder / "environ").read_bytes().split(b"\0")
        return False


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - the quick way
