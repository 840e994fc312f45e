"""A started runsc, seen from the host."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from dataclasses import replace

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox.boxd import tree
from midwatch.sandbox.grouped import Grouped
from midwatch.sandbox.gvisor_tunnel import Tunnel
from midwatch.sandbox.handles import read_available
from midwatch.sandbox.running import until_gone
from midwatch.sandbox.spec import BoxLimits
from midwatch.sandbox.staging import stage

_OWN = 16


class Sandboxed:
    """As `Started`. The box's processes are threads of gVisor's own, which end with it."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        complaint: int,
        tunnel: Tunnel,
        limits: BoxLimits,
        held: contextlib.ExitStack,
    ) -> None:
        """`complaint`: ours from now on; the read end of a pipe that does not block. `held`: all that is to be let go
        of at the end, in the thread of the stage."""
        self.pid = process.pid
        self._process = process
        self._handles = {process.pid: os.pidfd_open(process.pid)}
        self._complaint = complaint
        self._tunnel = tunnel
        self._held = held
        # gVisor ends when it cannot start a thread of its own, and it has a dozen for a process of the box.
        self._group = Grouped(replace(limits, processes=_OWN * limits.processes))
        self._processes = limits.processes
        self._over = False

    async def begun(self) -> None:
        """As `Started.begun`."""
        await asyncio.to_thread(self._group.enter, self.pid)  # the kernel may take 10 ms for it

    def verdict(self) -> str | None:
        """As `Started.verdict`. Of the number of processes the relay tells."""
        found = self._group.verdict()
        return f"limit of {self._processes} processes" if self._tunnel.crowded and not found else found

    def kill(self) -> None:
        """As `Started.kill`."""
        if self._over:
            return
        for pid in tree.descendants(self.pid):
            if pid not in self._handles:
                with contextlib.suppress(OSError):
                    self._handles[pid] = os.pidfd_open(pid)
        for handle in self._handles.values():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)

    async def gone(self) -> SandboxLost | None:
        """As `Started.gone`."""
        try:
            for handle in tuple(self._handles.values()):
                await until_gone(handle)
            self._process.wait()
            said = read_available(self._complaint).strip()
            return SandboxLost(f"gVisor could not set up the box: {said}") if said else None
        finally:
            self._over = True
            await self._group.remove()
            await self._tunnel.close()
            for handle in (*self._handles.values(), self._complaint):
                os.close(handle)
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(stage().executor, self._held.close)
