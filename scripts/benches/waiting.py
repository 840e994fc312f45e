"""What an attempt costs that waits for a slow model: memory and file handles, and that each of them ends.

    scripts/bench waiting --attempts 10000 [--slots 8] [--boxes 100] [--worked] [--trace] [--api other,same]

Whole attempts in one process, as a worker runs them: the log in SQLite, a real repository, boxes that share slots, a
model server of its own process over HTTP on loopback. The server keeps all requests until every attempt waits; then
it answers. The first `--boxes` of them run a command before they end, and their changes are checked and offered. With
`--worked` all of them run one before they wait, so that each has a workspace and a box that was used. With `--api` a
server answers requests meanwhile: in a process of its own (`other`), or on a thread beside them (`same`).
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import gc
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from midwatch import wiring
from midwatch.collecting import seldom
from midwatch.domain.events import Event
from midwatch.domain.ids import branch_name, task_id_at
from midwatch.domain.observer import Silent
from midwatch.domain.task import Task
from midwatch.sandbox import drivers
from midwatch.sandbox.slots import Slots
from midwatch.wiring import Home
from midwatch.workflows.start import Request
from scripts.benches.api_beside import loaded
from scripts.benches.slow_model import asked, serving

AT_ONCE = 16
"""Attempts that have begun and do not wait for the model yet: each of them runs git."""
STEPS = (100, 1000, 10_000, 100_000)
SETTINGS = """\
server.requests_per_second = 100000
model = "slow/model"
[providers.slow]
base_url = "{url}/v1"
wire = "chat"
window = 100000
idle_seconds = 86400
"""


def repository_in(folder: Path) -> Path:
    """A small repository with one commit."""
    made = folder / "repository"
    made.mkdir()
    (made / "count.txt").write_text("zero\n")
    (made / "AGENTS.md").write_text("Keep it short.\n" * 20)
    for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "Begin")):
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        subprocess.run(["git", *who, *arguments], cwd=made, check=True)
    return made


class Eye(Silent):
    """Sees when an attempt waits for the model's answer that is kept back."""

    def __init__(self, answer: int, heard: Callable[[], object]) -> None:
        """`heard` is called when that answer is in the log."""
        self.waits = asyncio.Event()
        self._before, self._heard = answer, heard

    def phase(self, text: str) -> None:
        """As `Observer.phase`."""
        self._before -= text.startswith("asking ")
        if self._before == 0:
            self.waits.set()

    def event(self, event: Event) -> None:
        """As `Observer.event`."""
        if self._before == 0 and event.kind == "model_replied":
            self._heard()


def resident() -> int:
    """Bytes of memory that this process has in use."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def handles() -> int:
    """Open file handles."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@dataclass
class Crowd:
    """All attempts of one measurement."""

    home: Home
    url: str
    model: Task
    """What all tasks are like."""
    worked: bool
    """They have run a command before they wait."""
    base: tuple[int, int]
    """Memory and handles before the first."""
    running: list[asyncio.Task[Any]] = field(default_factory=list)
    ended: dict[str, float] = field(default_factory=dict)
    errors: collections.Counter[str] = field(default_factory=collections.Counter)
    names: list[str] = field(default_factory=list)
    heard: dict[str, float] = field(default_factory=dict)
    """When the answer that was kept back was in the log."""

    async def begin(self, count: int) -> None:
        """Have `count` more wait."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                name = task_id_at(int(time.time()), number)
                eye = Eye(2 if self.worked else 1, lambda: self.heard.setdefault(name, time.perf_counter()))
                self.names.append(name)
                await self.home.store.create(replace(self.model, id=name, branch=branch_name(name, "wait")))
                running = asyncio.create_task(self._run(name, eye))
                self.running.append(running)
                waits = asyncio.create_task(eye.waits.wait())
                await asyncio.wait([running, waits], return_when=asyncio.FIRST_COMPLETED)
                waits.cancel()

        had = len(self.running)
        await asyncio.gather(*(one(had + number) for number in range(count)))
        while not all(one.done() for one in self.running):
            if (await asked(self.url, "/held")) >= sum(not one.done() for one in self.running):
                return
            await asyncio.sleep(0.2)

    async def _run(self, name: str, eye: Eye) -> None:
        try:
            report = await wiring.run(self.home, name, eye)
            self.ended[report.status] = self.ended.get(report.status, 0) + 1
        except Exception as error:  # noqa: BLE001 - counted and shown
            self.errors[f"{type(error).__name__}: {error}"[:200]] += 1

    def row(self) -> str:
        """What those that wait cost by now."""
        count = sum(not one.done() for one in self.running)
        memory, files = resident() - self.base[0], handles() - self.base[1]
        return f"| {count} | {memory / count / 1024:.1f} | {files / count:.2f} | {resident() / (1 << 20):.0f} |"


def traced(before: tracemalloc.Snapshot, count: int) -> None:
    """Print where the memory of a waiting attempt was taken."""
    after = tracemalloc.take_snapshot()
    stats = after.compare_to(before, "lineno")
    print(f"\n{sum(stat.size_diff for stat in stats) / count:.0f} bytes per attempt, by line:")
    for stat in stats[:45]:
        place = "/".join(Path(stat.traceback[0].filename).parts[-3:])
        print(f"{stat.size_diff / count:9.0f} {stat.count_diff / count:7.2f} {place}:{stat.traceback[0].lineno}")
    kinds = collections.Counter(type(one).__name__ for one in gc.get_objects())
    print("\nobjects per attempt:", [(name, round(n / count, 1)) for name, n in kinds.most_common(30)])


async def measure(options: argparse.Namespace, folder: Path, url: str) -> None:
    """Print the tables."""
    (folder / "config" / "midwatch").mkdir(parents=True)
    (folder / "config" / "midwatch" / "config.toml").write_text(SETTINGS.format(url=url))
    environ = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "PATH": os.environ["PATH"],
               "XDG_STATE_HOME": str(folder / "state")}  # fmt: skip
    async with wiring.home(environ) as home:
        home.sandboxes.update(drivers.slotted(Slots(options.slots)))
        request = Request("Count further", str(repository_in(folder)), None, None, ("grep -q one count.txt",), 1)
        first = await wiring.start(home, replace(request, model="slow/model", sandbox="bubblewrap"))
        await asked(url, "/go?boxes=1")
        await wiring.run(home, first.id, Silent())  # everything is imported and made once
        seldom()  # as a worker does
        await asked(url, f"/keep?work={int(options.worked)}")
        crowd = Crowd(home, url, first, options.worked, (resident(), handles()))
        before = None
        if options.trace:
            tracemalloc.start(1)
            before = tracemalloc.take_snapshot()
        print("| waiting | KiB each | handles each | MiB in all |\n|---|---|---|---|")
        began, cpu = time.perf_counter(), time.process_time()
        for step in (*(step for step in STEPS if step < options.attempts), options.attempts):
            await crowd.begin(step - len(crowd.running))
            print(crowd.row(), flush=True)
        if before is not None:
            traced(before, options.attempts)
        took = time.perf_counter() - began
        print(
            f"\nuntil all waited: {took:.1f} s, {(time.process_time() - cpu) / options.attempts * 1000:.1f} ms CPU each"
        )
        for place in filter(None, options.api.split(",")):
            await loaded(home, place, crowd.names[-1000:], (options.rate, options.seconds))
        await ending(crowd, options)
        if before is not None:
            traced(before, options.attempts)


async def ending(crowd: Crowd, options: argparse.Namespace) -> None:
    """Let the server answer, and see that every attempt ends."""
    began = time.perf_counter()
    times: list[float] = []
    for one in crowd.running:
        one.add_done_callback(lambda _: times.append(time.perf_counter() - began))
    await asked(crowd.url, f"/go?boxes={options.boxes}")
    await asyncio.gather(*crowd.running)
    await asyncio.sleep(0)
    times.sort()
    print(f"all {len(times)} ended: {dict(crowd.ended)}, errors {dict(crowd.errors)}")
    print(f"after the answer: half in {times[len(times) // 2]:.1f} s, all in {times[-1]:.1f} s")
    heard = sorted(crowd.heard[name] - began for name in crowd.names if name in crowd.heard)
    if heard:
        parts = [f"{part:.0%} in {heard[min(len(heard) - 1, int(part * len(heard)))]:.1f} s" for part in (0.5, 0.99)]
        print(f"the answer was in the log: {', '.join(parts)}, the last of {len(heard)} in {heard[-1]:.1f} s")
    left = handles() - crowd.base[1]
    print(f"left afterwards: {left} handles; {(resident() - crowd.base[0]) / len(times) / 1024:.1f} KiB each")


def main() -> None:
    """Read the options and measure in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--attempts", type=int, default=1000, metavar="N", help="attempts that wait at once (1000)")
    parser.add_argument("--slots", type=int, default=8, metavar="N", help="boxes with processes at once (8)")
    parser.add_argument("--boxes", type=int, default=100, metavar="N", help="attempts that run a command (100)")
    parser.add_argument("--worked", action="store_true", help="each has run a command before it waits")
    parser.add_argument("--api", default="", metavar="PLACE,…", help="servers meanwhile: other, same")
    parser.add_argument("--rate", type=float, default=50, metavar="N", help="requests a second (50)")
    parser.add_argument("--seconds", type=float, default=30, metavar="S", help="how long they come (30)")
    parser.add_argument("--trace", action="store_true", help="say where the memory was taken; it is slower")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"Python {sys.version.split()[0]}, at most {hard} file handles, load {os.getloadavg()[0]:.1f}\n")
    folder = Path(tempfile.mkdtemp(prefix="midwatch-bench-"))
    folder.chmod(0o755)
    try:
        with serving() as url:
            asyncio.run(measure(options, folder, url))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
