"""Attempts whose workers are killed, stopped and cut off from their database all the time: what is lost or doubled."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from midwatch.engine.turns import Turn
from midwatch.engine.workers import listed
from midwatch.sandbox import leftovers
from tests.support import postgresql
from tests.support.model_server import serving
from tests.support.office import Office, children, ended, ending, serving_counts

Process = subprocess.Popen[bytes]


@dataclass
class Chaos:
    """What is done to the workers, one thing every so many seconds."""

    office: Office
    server: postgresql.Server | None
    workers: int
    concurrency: int
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)
    stopped: dict[int, float] = field(default_factory=dict)
    """When each of the stopped processes goes on."""

    def hire(self) -> None:
        """As many workers as there should be; those that are stopped count as gone."""
        for _ in range(self.workers - len(self._going())):
            self.office.worker(concurrency=self.concurrency)

    def strike(self) -> None:
        """Mostly a kill; sometimes a process that stops for a while, or a database that crashes."""
        now = time.monotonic()
        for pid, end in list(self.stopped.items()):
            if now > end:
                del self.stopped[pid]
                self._hit(pid, signal.SIGCONT, "SIGCONT in time")
        keepers = [keeper for keeper in self._going() if children(keeper)]
        going = [pid for keeper in keepers for pid in children(keeper)]
        kind = self.chance.random()
        if self.server is not None and kind < 0.08:
            self.server.stop(immediately=True)
            time.sleep(self.chance.random() * 2)
            self.server.start()
            self.done["database crashed"] += 1
        elif keepers and (0.08 <= kind < 0.13 or len(keepers) > self.workers):  # also who took a stopped one's place
            keeper = self.chance.choice(keepers)
            keeper.kill()
            keeper.wait()
            self.done["SIGKILL of a keeper"] += 1
        elif going and kind < 0.25:
            pid = self.chance.choice(going)
            self.stopped[pid] = now + self.chance.random() * 12
            self._hit(pid, signal.SIGSTOP, "SIGSTOP")
        elif going:
            self._hit(self.chance.choice(going), signal.SIGKILL, "SIGKILL")

    def calm(self) -> None:
        """What is stopped goes on."""
        for pid in self.stopped:
            self._hit(pid, signal.SIGCONT, "SIGCONT in the end")
        self.stopped.clear()

    def _going(self) -> list[Process]:
        keepers = [keeper for keeper in self.office.workers if keeper.poll() is None]
        return [keeper for keeper in keepers if not self.stopped.keys() & set(children(keeper))]

    def _hit(self, pid: int, number: signal.Signals, name: str) -> None:
        """Only a worker: what has its number by now is left alone."""
        if any(pid in children(keeper) for keeper in self.office.workers):
            os.kill(pid, number)
            self.done[name] += 1


async def run(options: argparse.Namespace, folder: Path) -> int:
    """Submit, strike until all is done, count."""
    chance = random.Random(options.seed)
    before = leftovers.find()
    durable = postgresql.server(durable=True) if options.database == "postgresql" else nullcontext(None)
    with serving() as models, durable as server:
        url = server.database() if server is not None else f"sqlite:///{folder / 'state' / 'midwatch' / 'state.db'}"
        model = serving_counts(models, options.calls)
        office = Office(folder, url, model, sandbox="bubblewrap", lease=f"{options.lease}s")
        await office.make()
        tasks = await office.submit(options.attempts)
        chaos = Chaos(office, server, options.workers, options.concurrency, chance)
        began = time.monotonic()
        try:
            turns = await _strikes(chaos, options, began)
        finally:
            office.close()
        took = time.monotonic() - began
        await _one_more(office)
        end = await ending(office, tasks, options.calls)
        async with office.home() as home:
            left = [f"row of worker {worker.id}" for worker in await listed(home.store.database)]
    left += _left_over(folder, before)
    print(f"{options.attempts} attempts of {options.calls} calls on {options.database}, {options.workers} workers")
    again = office.words.count(" goes on turn=")
    rows = {"seconds": round(took), **dict(sorted(chaos.done.items())), "turns begun again": again}
    rows |= {f"turns {status}": count for status, count in Counter(turn.status for turn in turns).items()}
    rows |= {"finished": end.finished, "pull requests": end.requests, "faults": len(end.faults), "left over": len(left)}
    for name, count in rows.items():
        print(f"  {name:24} {count}")
    for line in (*end.faults, *left):
        print(f"  ! {line}")
    right = end.finished == end.requests == options.attempts and not end.faults and not left
    if not right:
        print(f"the workers' words are in {folder / 'workers.log'}")
    return 0 if right else 1


def _left_over(folder: Path, before: leftovers.Leftovers) -> list[str]:
    """What is there still of boxes and their folders, and was not before."""
    after = leftovers.find()
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [
        *(f"process {pid}" for pid in set(after.processes) - set(before.processes)),
        *(f"control group {group}" for group in set(after.groups) - set(before.groups)),
        *(f"mount {place}" for place in mounts if place.startswith(str(folder))),
        *(f"folder {path}" for path in (folder / "state/midwatch/attempts").glob("*")),
        *(f"worker {pid}" for pid in _with_environment(f"XDG_STATE_HOME={folder / 'state'}")),
    ]


def _with_environment(setting: str) -> list[str]:
    """The processes, but this one, that have it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if setting.encode() in path.read_bytes().split(b"\0"):
                found.append(path.parent.name)
    return found


async def _strikes(chaos: Chaos, options: argparse.Namespace, began: float) -> Sequence[Turn]:
    """Until all is done. After the limit nothing is struck any more, and what is left has as long again."""
    while True:
        await asyncio.to_thread(chaos.hire)
        await asyncio.sleep(options.every * (0.5 + chaos.chance.random()))
        turns = await chaos.office.turns()
        if ended(turns) or time.monotonic() - began > 2 * options.limit:
            return turns
        if time.monotonic() - began < options.limit:
            await asyncio.to_thread(chaos.strike)
        else:
            chaos.calm()


async def _one_more(office: Office) -> None:
    """A worker that is not killed clears up what the last ones left."""
    last = office.worker()
    try:
        await office.kept(last)
        await asyncio.sleep(2)
        last.terminate()
        await asyncio.to_thread(last.wait, 60)
    finally:
        office.close()


def main() -> int:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--attempts", type=int, default=40)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two strikes, on average")
    parser.add_argument("--lease", type=int, default=6)
    parser.add_argument(
        "--limit", type=float, default=1800, help="seconds of strikes; what is left then has as long again"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="midwatch-chaos-"))
    folder.chmod(0o755)
    code = asyncio.run(run(options, folder))
    if code == 0:
        shutil.rmtree(folder)
    return code


if __name__ == "__main__":
    sys.exit(main())
