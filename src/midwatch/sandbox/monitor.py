"""A started bwrap: following its own account of the box, and ending it with all that is inside."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox import locate
from midwatch.sandbox.cgroups import Group
from midwatch.sandbox.handles import read_available
from midwatch.sandbox.running import until_gone

_SOON = 0.002


class Monitor:
    """As `Started`. bwrap writes its status into a file in memory: of a pipe it would die after our death, and leave
    its child behind."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        group: Group | None,
        ends: tuple[int, int],
        release: Callable[[], Awaitable[None]],
    ) -> None:
        """`group`: the control group that the process is in, removed after its end. `ends`: bwrap's status, a file,
        and the read end of a pipe for its complaints, which does not block; ours from now on. `release` lets go of
        what only the start needs; it is called once."""
        self.pid = process.pid
        self._process = process
        self._outer = os.pidfd_open(process.pid)
        self._group = group
        self._status, self._complaint = ends
        self._release: Callable[[], Awaitable[None]] | None = release
        self._first = 0
        self._handle: int | None = None
        self._loop = asyncio.get_running_loop()
        self._over = False

    async def begun(self) -> None:
        """As `Started.begun`."""
        self._look()
        release, self._release = self._release, None
        if release is not None:
            await release()

    def verdict(self) -> str | None:
        """As `Started.verdict`."""
        return self._group.verdict() if self._group is not None and self._group.limits_memory else None

    def kill(self) -> None:
        """As `Started.kill`. Before bwrap has named its child nothing is killed: it would leave one behind that nobody
        knows of, and that waits for it for ever."""
        if self._over:
            return
        self._look()
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        elif self._first == 0 and self._process.poll() is None:
            self._loop.call_later(_SOON, self.kill)

    async def gone(self) -> SandboxLost | None:
        """As `Started.gone`."""
        try:
            await until_gone(self._outer)
            self._process.wait()
            self._look()
            if self._handle is not None:
                # The kernel lets the first process die only after all others of its pid namespace.
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._handle, signal.SIGKILL)
                await until_gone(self._handle)
                with contextlib.suppress(ChildProcessError):  # where we are the init of a container, it became ours
                    os.waitpid(self._first, os.WNOHANG)  # noqa: ASYNC222 - does not wait
            return lost(read_available(self._complaint).strip())
        finally:
            self._over = True
            await self.begun()
            if self._group is not None:
                await asyncio.to_thread(self._group.remove)
            for handle in (self._outer, self._status, self._complaint, self._handle):
                if handle is not None:
                    os.close(handle)
            self._handle = None

    def _look(self) -> None:
        """Hold on to the box's first process, once bwrap has named it."""
        for line in () if self._first else os.pread(self._status, 4096, 0).splitlines():
            with contextlib.suppress(ValueError):  # half a line
                record = json.loads(line)
                self._first = record.get("child-pid", self._first)
        if self._first and self._handle is None:
            with contextlib.suppress(OSError):
                handle = os.pidfd_open(self._first)
                if _parent(self._first) == self.pid:
                    self._handle = handle
                else:  # it has died, and its number is another's already
                    os.close(handle)


def _parent(pid: int) -> int:
    """The parent of a process; 0 for one that is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def lost(complaint: str) -> SandboxLost | None:
    """What bwrap's last words say; None when it had none."""
    if not complaint:
        return None
    return SandboxLost(f"bubblewrap could not set up the box: {complaint}", locate.mend_for(complaint))
