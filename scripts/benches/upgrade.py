"""Attempts whose workers and server are replaced by another build, and back again: what fails, repeats, is refused."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from midwatch.engine.turns import Turn
from midwatch.server.serving import Address, listener
from scripts.benches.upgrade_build import MARK, other_build
from scripts.benches.upgrade_prober import Prober
from tests.support import postgresql
from tests.support.model_server import ModelServer, serving
from tests.support.office import FILE, Ending, Office, children, ended, ending, serving_counts

_NUMBER = re.compile(rb"Count, as task (\d+)\.")
Calls = dict[int, list[tuple[int, bool]]]
"""The model's calls by the number of the task: which turn of the script, and whether the other build asked."""
PATIENCE = 180
"""Seconds for a process to begin or to end."""


@dataclass
class Desk(Office):
    """An office of two builds, and a server on a socket that is kept open for it."""

    first: str = ""
    """Goes first on the path of programs: the other build's folder, or nothing."""
    drained: list[float] = field(default_factory=list)
    """Seconds from SIGTERM to the end of each worker that was replaced."""
    codes: list[int] = field(default_factory=list)
    """With which they and the servers ended."""

    @property
    def environ(self) -> Mapping[str, str]:
        """See `Office.environ`."""
        known = dict(super().environ)
        if self.first:
            known["PYTHONPATH"] = os.pathsep.join([self.first, known["PYTHONPATH"]])
        return known

    def serve(self, heard: socket.socket) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
        """A server on that socket, once it answers; what it said."""
        number = heard.fileno()
        command = [sys.executable, "-m", "midwatch", "serve", "--no-worker", "--fd", str(number), "--json"]
        with (self.folder / "server.log").open("ab") as log:
            process = subprocess.Popen(
                command, env=self.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                cwd=self.folder, pass_fds=(number,),
            )  # fmt: skip
        self.workers.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError((self.folder / "server.log").read_text())
        return process, json.loads(line)

    def end(self, process: subprocess.Popen[bytes]) -> float:
        """SIGTERM, and wait; how many seconds it took."""
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        self.codes.append(process.wait(PATIENCE))
        self.workers.remove(process)
        return time.monotonic() - began

    def hire(self, concurrency: int) -> subprocess.Popen[bytes]:
        """A worker, once it takes turns."""
        process = self.worker(concurrency=concurrency)
        limit = time.monotonic() + PATIENCE
        while not any(f":{pid}-" in self.words for pid in children(process)):  # its keeper has another number
            if process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(self.words)
            time.sleep(0.1)
        return process

    def migrate(self) -> str:
        """`midwatch migrate` of the build that is the first now."""
        command = [sys.executable, "-m", "midwatch", "migrate"]
        done = subprocess.run(command, env=self.environ, cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()


@dataclass
class Upgrade:
    """The order of things."""

    desk: Desk
    options: argparse.Namespace
    models: ModelServer
    heard: socket.socket
    other: Path
    rows: dict[str, object] = field(default_factory=dict)
    """What is told in the end."""
    _calls: Calls = field(default_factory=dict)
    _looked: int = 0

    async def run(self) -> Prober:
        """Submit, work, replace all there and back; until everything has ended."""
        desk, options = self.desk, self.options
        server, said = await asyncio.to_thread(desk.serve, self.heard)
        asked = {
            "repository": "count",
            "model": "openai/scripted",
            "sandbox": "bubblewrap",
            "checks": [f"test $(wc -l < {FILE}) -gt 1"],
        }
        prober = Prober(said["url"], options.every, options.submit_every, asked)
        async with prober.signed_in(said["password"]) as client:
            there = {"name": "count", "location": str(desk.folder / "repo")}
            (await client.post("/api/v1/repositories", json=there)).raise_for_status()
            for _ in range(options.attempts):
                await prober.submit(client)
            probing = asyncio.create_task(prober.probe(client, options.follow))
            room = -(-options.attempts // options.workers) + 2
            staff = [await asyncio.to_thread(desk.hire, room) for _ in range(options.workers)]
            await self._until("all begun", lambda turns: len(self.calls()) >= options.attempts)

            desk.first = str(self.other)
            print("  " + await asyncio.to_thread(desk.migrate), flush=True)
            await self._asked("before", 0, options.attempts // 2)  # the build before goes on in the schema after it
            server = await self._over(server)
            staff = await self._replaced(staff, room)
            await self._asked("with the other build", 1, options.attempts)

            desk.first = ""
            server = await self._back(server)
            staff = await self._replaced(staff, room)
            self.rows["unfinished after the way back"] = sum(not ended([turn]) for turn in await desk.turns())

            await self._until("the rest", lambda turns: ended(turns[-options.attempts :]))
            prober.end()
            await probing
            await self._until("what was submitted meanwhile", ended)
        return prober

    async def _over(self, server: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        """The next server answers beside the one before, then that one ends."""
        after, _ = await asyncio.to_thread(self.desk.serve, self.heard)
        await asyncio.to_thread(self.desk.end, server)
        return after

    async def _back(self, server: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        """One ends, then the next one begins: whoever comes in between waits at the socket."""
        await asyncio.to_thread(self.desk.end, server)
        return (await asyncio.to_thread(self.desk.serve, self.heard))[0]

    async def _replaced(self, staff: Sequence[subprocess.Popen[bytes]], room: int) -> list[subprocess.Popen[bytes]]:
        """One by one: told to stop, and when it has ended, the next one begins."""
        made = []
        for worker in staff:
            self.desk.drained.append(await asyncio.to_thread(self.desk.end, worker))
            made.append(await asyncio.to_thread(self.desk.hire, room))
        return made

    def calls(self) -> Calls:
        """All so far; each request is looked at once."""
        new = self.models.requests[self._looked :]
        self._looked += len(new)
        for request in new:
            if match := _NUMBER.search(request.raw):
                self._calls.setdefault(int(match[1]), []).append((request.turn, MARK.encode() in request.raw))
        return self._calls

    def builds(self) -> tuple[int, int]:
        """How many calls the one and the other build have made."""
        all_ = [other for calls in self.calls().values() for _, other in calls]
        return len(all_) - sum(all_), sum(all_)

    async def _asked(self, what: str, build: int, more: int) -> None:
        """Until that build has asked the model so much more."""
        least = self.builds()[build] + more
        await self._until(what, lambda turns: ended(turns) or self.builds()[build] >= least)

    async def _until(self, what: str, true: Callable[[Sequence[Turn]], bool]) -> None:
        began = time.monotonic()
        while not true(turns := await self.desk.turns()):
            if time.monotonic() > began + self.options.limit:
                raise RuntimeError(f"{what}: {Counter(turn.status for turn in turns)}\n{self.desk.words[-5000:]}")
            await asyncio.sleep(1)
        states = ", ".join(f"{count} {status}" for status, count in Counter(turn.status for turn in turns).items())
        print(f"  {what}: {time.monotonic() - began:.0f} s ({states})", flush=True)


def counted(upgrade: Upgrade, prober: Prober, turns: Sequence[Turn], end: Ending) -> dict[str, object]:
    """The rows of the table."""
    desk, calls = upgrade.desk, upgrade.calls()
    order = ["".join(dict.fromkeys("ab"[other] for _, other in sorted_)) for sorted_ in calls.values()]
    switches = [sum(a[1] != b[1] for a, b in itertools.pairwise(c)) for c in calls.values()]
    repeated = sum(len(asked) - len({turn for turn, _ in asked}) for asked in calls.values())
    words = desk.words
    return {
        **upgrade.rows,
        "tasks": len(prober.tasks),
        "model calls by the one, the other": upgrade.builds(),
        "attempts by both builds": sum(len(set(both)) > 1 for both in order),
        "there and back": sum(count > 1 for count in switches),
        "turns handed over": sum(turn.round - 1 for turn in turns),
        "in the middle of a move": words.count("in the middle of a move"),
        "model calls made again": repeated,
        "turns not done": sum(turn.status != "done" for turn in turns),
        "tries that failed": words.count("could not go on") + words.count(" failed: "),
        "workers lost": sum(turn.losses for turn in turns),
        "finished": end.finished,
        "pull requests": end.requests,
        "faults": len(end.faults),
        "processes that ended badly": sum(code != 0 for code in desk.codes),
        "seconds to drain": " ".join(f"{seconds:.1f}" for seconds in desk.drained),
        "requests": f"{prober.answered.total()} ({', '.join(f'{c} {k}' for k, c in sorted(prober.answered.items()))})",
        "answered by build": ", ".join(f"{count} by {build}" for build, count in prober.builds.items()),
        "refused": len(prober.refused),
        "slowest answer, s": f"{prober.slowest:.1f}",
        "streams opened": prober.streams,
        "gaps in streams": len(prober.gaps),
    }


async def run(options: argparse.Namespace, folder: Path) -> int:
    """All of it; 0 when nothing has failed, been repeated or refused."""
    other = other_build(folder / "other")
    durable = postgresql.server(durable=True) if options.database == "postgresql" else nullcontext(None)
    with serving() as models, durable as server, listener(Address(port=0)) as heard:
        url = server.database() if server is not None else f"sqlite:///{folder / 'state' / 'midwatch' / 'state.db'}"
        model = serving_counts(models, options.calls)
        models.latency = options.latency
        desk = Desk(folder, url, model, sandbox="bubblewrap", lease=f"{options.lease}s")
        await desk.make()
        print(f"{options.attempts} attempts of {options.calls} calls on {options.database}, {options.workers} workers")
        upgrade = Upgrade(desk, options, models, heard, other)
        began = time.monotonic()
        try:
            prober = await upgrade.run()
        finally:
            desk.close()
        upgrade.rows["seconds"] = round(time.monotonic() - began)
        turns = await desk.turns()
        async with desk.home() as home:
            tasks = [(await home.store.find(task)).task for task in prober.tasks]
        end = await ending(desk, tasks, options.calls)
        rows = counted(upgrade, prober, turns, end)
    for name, count in rows.items():
        print(f"  {name:34} {count}")
    for line in (*end.faults, *prober.refused[:20], *prober.gaps[:20]):
        print(f"  ! {line}")
    good = end.finished == end.requests == len(prober.tasks) and not end.faults and not prober.refused
    wrong = ("turns not done", "tries that failed", "model calls made again", "processes that ended badly")
    right = good and not prober.gaps and not any(rows[name] for name in wrong)
    if not right:
        print(f"the workers' words are in {folder / 'workers.log'}")
    return 0 if right else 1


def main() -> int:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--attempts", type=int, default=100)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--latency", type=float, default=1.0, help="seconds that the model takes for an answer")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--lease", type=int, default=30, help="a third of it is there for a move to end")
    parser.add_argument("--every", type=float, default=0.25, help="seconds between two requests of a kind")
    parser.add_argument("--submit-every", type=float, default=5.0, help="seconds between two more tasks")
    parser.add_argument("--follow", type=int, default=5, help="attempts whose events are followed live")
    parser.add_argument("--limit", type=float, default=1800, help="seconds for each part of it")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="midwatch-upgrade-"))
    folder.chmod(0o755)
    code = asyncio.run(run(options, folder))
    if code == 0:
        shutil.rmtree(folder)
    return code


if __name__ == "__main__":
    sys.exit(main())
