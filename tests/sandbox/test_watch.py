"""A box that is looked at from outside."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import cast

from midwatch.sandbox.results import ExecResult
from midwatch.sandbox.spec import BoxSpec
from midwatch.sandbox.watch import Watch

WORDS = "memory limit of 64 MiB"


async def test_what_the_kernel_killed_of_the_last_command_does_not_end_the_next_one(tmp_path: Path) -> None:
    killed, heard = [WORDS], list[str]()
    stopped = asyncio.Event()

    def stop(reason: str) -> None:
        heard.append(reason)
        stopped.set()

    spec = BoxSpec("box", tmp_path / "workspace", tmp_path / "private")
    watch = Watch(spec, os.getpid(), lambda: killed.pop() if killed else "", stop)
    running = asyncio.get_running_loop().create_future()
    watch.busy(cast("asyncio.Task[ExecResult]", running))
    assert (killed, heard) == ([], [])
    killed.append(WORDS)  # while it runs
    await asyncio.wait_for(stopped.wait(), 60)
    killed.append(WORDS)
    stopped.clear()
    other = asyncio.get_running_loop().create_future()
    watch.busy(cast("asyncio.Task[ExecResult]", other))  # beside the first, whose it may be
    await asyncio.wait_for(stopped.wait(), 60)
    await watch.end()
    assert heard == [WORDS, WORDS]
