"""A started container, seen from the host by its first process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox.grouped import Grouped
from midwatch.sandbox.handles import read_available
from midwatch.sandbox.running import until_gone
from midwatch.sandbox.staging import stage


class Contained:
    """As `Started`. The kernel lets the first process die only after all others of its pid namespace."""

    def __init__(self, pid: int, complaint: int, group: Grouped, held: contextlib.ExitStack) -> None:
        """`complaint`: the read end of a pipe that does not block. `held`: all that is to be let go of at the end, in
        the thread of the stage. Raises OSError when it has ended already."""
        self.pid = pid
        self._handle = os.pidfd_open(pid)
        self._complaint = complaint
        self._held = held
        self._group = group
        self._over = False

    async def begun(self) -> None:
        """As `Started.begun`."""
        await asyncio.to_thread(self._group.enter, self.pid)  # the kernel may take 10 ms for it

    def verdict(self) -> str | None:
        """As `Started.verdict`."""
        return self._group.verdict()

    def kill(self) -> None:
        """As `Started.kill`."""
        if not self._over:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    async def gone(self) -> SandboxLost | None:
        """As `Started.gone`."""
        try:
            await until_gone(self._handle)
            with contextlib.suppress(ChildProcessError):  # where we are the init of a container, it became ours
                os.waitpid(self.pid, os.WNOHANG)  # noqa: ASYNC222 - does not wait
            said = read_available(self._complaint).strip()
            return SandboxLost(f"the box could not be set up: {said}") if said else None
        finally:
            self._over = True
            await self._group.remove()
            os.close(self._handle)
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(stage().executor, self._held.close)
