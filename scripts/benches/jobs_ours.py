"""One process of Midwatch that does many jobs, by the same calls as the command line; prints what it cost.

Started by the benches, with a JSON object on standard input.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from midwatch import wiring
from midwatch.collecting import seldom
from midwatch.domain.observer import Silent
from midwatch.engine.database.base import Connection
from midwatch.models.responses import ResponsesModel
from midwatch.workflows.start import Request
from scripts.benches.jobs import CHECK, PROMPT

_OWN, _OTHERS = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
_LOOK_SECONDS = 0.02


@dataclass
class Account:
    """What the processes that this one started itself have used, by program; git by its command."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    started: Counter[str] = field(default_factory=Counter)

    def keep(self) -> None:
        """Look at every process of `subprocess` from now on."""
        names: dict[int, str] = {}
        begin = subprocess.Popen.__init__

        def begun(process: Any, argv: Any, *rest: Any, **more: Any) -> None:
            begin(process, argv, *rest, **more)
            names[process.pid] = name = _name([os.fsdecode(word) for word in argv])
            self.started[name] += 1

        def waited(pid: int, options: int) -> tuple[int, int]:
            found, status, used = os.wait4(pid, options)
            if found:
                self.seconds[names.pop(found, "other")] += used.ru_utime + used.ru_stime
            return found, status

        def tried(process: Any, options: int) -> tuple[int, int]:
            try:
                return waited(process.pid, options)
            except ChildProcessError:
                return process.pid, 0

        popen: Any = subprocess.Popen
        popen.__init__ = begun
        popen._try_wait = tried
        given = popen._internal_poll.__defaults__
        popen._internal_poll.__defaults__ = (given[0], waited, *given[2:])


@dataclass
class Curve:
    """How a single job grows: noted at each request that is made."""

    own: list[float] = field(default_factory=list)
    """Seconds of processor of this process so far, requests left out."""
    requests: float = 0.0
    """Seconds of processor that went into making requests."""

    def keep(self) -> None:
        """Look at every request from now on."""
        make = ResponsesModel._body

        def made(model: ResponsesModel, *asked: Any) -> bytes:
            began = time.thread_time()
            self.own.append(time.process_time() - self.requests)
            body = make(model, *asked)
            self.requests += time.thread_time() - began
            return body

        changed: Any = ResponsesModel
        changed._body = made

    def quarters(self) -> list[float]:
        """Of all turns, the seconds for one turn in each quarter."""
        at = [round(part * (len(self.own) - 1) / 4) for part in range(5)]
        return [(self.own[end] - self.own[begin]) / (end - begin) for begin, end in pairwise(at)]


def _database_bytes(db: Connection) -> int:
    return int(db.execute("PRAGMA page_count").fetchone()[0]) * int(db.execute("PRAGMA page_size").fetchone()[0])


def _name(argv: list[str]) -> str:
    if argv[0] != "git":
        return "bubblewrap" if any("bwrap" in word for word in argv) else Path(argv[0]).name
    words = iter(argv[1:])
    for word in words:
        if word == "-c":
            next(words)
        elif not word.startswith("-"):
            return f"git {word}"
    return "git"


def _resident() -> int:
    """Bytes of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def _most(found: list[int]) -> None:
    """Keep the most memory that was seen in the last place."""
    while True:
        found[0] = max(found[0], _resident())
        await asyncio.sleep(_LOOK_SECONDS)


async def _measured(asked: dict[str, Any]) -> dict[str, Any]:
    request = Request(PROMPT, asked["repository"], checks=(CHECK,), limits=asked["limits"])
    room = asyncio.Semaphore(asked["parallel"])
    account, curve = Account(), Curve()
    async with wiring.home(os.environ) as home:

        async def job(model: str = "bench") -> str:
            async with room:
                task = await wiring.start(home, replace(request, model=f"{model}/scripted"))
                report = await wiring.run(home, task.id, Silent())
                return f"{task.id} {report.status}"

        first = time.perf_counter()
        for _ in range(asked["before"]):  # what every job after it finds: the store, the checkout, imports
            await job("begin")
        seldom()  # as a worker does
        first = time.perf_counter() - first
        if asked["account"]:
            account.keep()
        if asked.get("curve"):
            curve.keep()
        size = await home.store.database.read(_database_bytes)
        most = [_resident()]
        before = most[0]
        looking = asyncio.create_task(_most(most))
        began, own, others = time.perf_counter(), resource.getrusage(_OWN), resource.getrusage(_OTHERS)
        ended = await asyncio.gather(*(job() for _ in range(asked["jobs"])))
        wall = time.perf_counter() - began
        looking.cancel()
        size = await home.store.database.read(_database_bytes) - size
        used = [_used(own, resource.getrusage(_OWN)), _used(others, resource.getrusage(_OTHERS))]
    grown = {"requests": curve.requests, "quarters": curve.quarters(), "database": size} if curve.own else {}
    return {
        "curve": grown,
        "wall": wall, "own": used[0], "others": used[1], "first": first, "memory": most[0] - before, "ended": ended,
        "seconds": dict(account.seconds), "started": dict(account.started),
    }  # fmt: skip


def _used(before: resource.struct_rusage, after: resource.struct_rusage) -> float:
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Do what standard input asks for, and print what it took."""
    asked = json.loads(sys.stdin.read())
    profile = asked.get("profile")
    if profile:
        import cProfile

        recorded = cProfile.Profile(time.thread_time)  # of the event loop's thread alone
        recorded.enable()
    found = asyncio.run(_measured(asked))
    if profile:
        recorded.disable()
        recorded.dump_stats(profile)
    print(json.dumps(found))
