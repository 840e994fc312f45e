"""A started box without namespaces: its guard, seen from the host."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox.boxd import tree
from midwatch.sandbox.grouped import Grouped
from midwatch.sandbox.handles import read_available
from midwatch.sandbox.running import until_gone


class Guarded:
    """As `Started`. The guard ends when nothing of the box is left; see `landlock_launch`."""

    def __init__(self, process: subprocess.Popen[bytes], complaint: int, group: Grouped) -> None:
        """`complaint`: ours from now on; the read end of a pipe that does not block."""
        self.pid = process.pid
        self._process = process
        self._handle = os.pidfd_open(process.pid)
        self._complaint = complaint
        self._group = group
        self._over = False

    async def begun(self) -> None:
        """As `Started.begun`."""
        await asyncio.to_thread(self._group.enter, self.pid)  # the kernel may take 10 ms for it

    def verdict(self) -> str | None:
        """As `Started.verdict`."""
        return self._group.verdict()

    def kill(self) -> None:
        """As `Started.kill`. The guard itself stays, to end what is missed here."""
        if self._over:
            return
        below = tree.descendants(self.pid)[1:]
        for pid in below:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not below:  # it has not come so far as to start the server, or is about to end
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGTERM)

    async def gone(self) -> SandboxLost | None:
        """As `Started.gone`."""
        try:
            await until_gone(self._handle)
            await asyncio.to_thread(self._process.wait)
            said = read_available(self._complaint).strip()
            return SandboxLost(f"the box could not be set up: {said}") if said else None
        finally:
            self._over = True
            await self._group.remove()
            os.close(self._handle)
            os.close(self._complaint)
