"""Many jobs of 12 turns in one process: jobs per second, processor time, memory; beside a floor and Codex's binary.

Ours are whole tasks, through the code of the command line: sandbox (bubblewrap), log (SQLite), checkpoints, evidence,
pull request. The floor has none of these; Codex has its sandbox and a log. The model answers at once, by HTTP.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from scripts.benches.jobs import PROMPT, environment, make_repository
from scripts.benches.jobs_model import model

TURNS = 12


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run of a row."""

    jobs: int
    wall: float
    own: float
    """Seconds of processor of the program itself."""
    others: float
    """Of all processes that it started."""
    memory: float = 0.0
    """Bytes for each attempt that ran beside others."""
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def shown(self) -> tuple[float, ...]:
        """Jobs per second; processor per job: own, others, together; memory in MiB; wall."""
        jobs = self.jobs
        return jobs / self.wall, self.own / jobs, self.others / jobs, (self.own + self.others) / jobs, self.wall


def ours(url: str, scratch: Path, jobs: int, parallel: int, turns: int = TURNS, **more: Any) -> Cost:
    """Jobs in one new process of Midwatch with a new state folder, after one that is not counted."""
    folder = Path(tempfile.mkdtemp(prefix="ours-", dir=scratch))
    settings = folder / "config" / "midwatch" / "config.toml"
    settings.parent.mkdir(parents=True)
    address = f"{url}/{turns}/{more.get('latency', 0)}/shell.command/v1"
    begin = f"{url}/{TURNS}/0/shell.command/v1"
    settings.write_text(
        "".join(
            f'[providers.{name}]\nbase_url = "{where}"\nwire = "responses"\nwindow = 4000000\n'
            for name, where in (("bench", address), ("begin", begin))
        )
    )
    asked = {"repository": str(make_repository(folder / "repository")), "jobs": jobs, "parallel": parallel}
    asked |= {"before": 1, "account": False, "limits": {"turns": turns + 10}} | more
    command = [sys.executable, "-c", "from scripts.benches.jobs_ours import main; main()"]
    done = subprocess.run(
        command, input=json.dumps(asked), stdout=subprocess.PIPE, env=environment(folder), text=True, check=True
    )
    found = json.loads(done.stdout)
    bad = [ended for ended in found["ended"] if not ended.endswith(" done")]
    if bad:
        raise SystemExit(f"not every job came to its pull request: {bad[:3]}")
    shutil.rmtree(folder, ignore_errors=True)
    return Cost(jobs, found["wall"], found["own"], found["others"], found["memory"] / parallel, found)


def floor(url: str, scratch: Path, jobs: int, parallel: int) -> Cost:
    """The same commands, nothing around them."""
    folders = [str(make_repository(Path(tempfile.mkdtemp(dir=scratch)))) for _ in range(jobs)]
    address = f"{url}/{TURNS}/0/bash.command/v1"
    command = [sys.executable, "-c", "from scripts.benches.jobs_floor import main; main()", address, str(parallel)]
    cost = _counted(lambda: subprocess.run([*command, *folders], check=True), jobs)
    for folder in folders:
        shutil.rmtree(folder)
    return cost


def codex(program: str, url: str, scratch: Path, jobs: int, parallel: int) -> Cost:
    """`codex exec`, a process for each job, as it is run without its app server."""
    home = scratch / "codex-home"
    home.mkdir(exist_ok=True)
    address = f"{url}/{TURNS}/0/exec_command.cmd/v1"
    provider = f'model_providers.m={{name="m", base_url="{address}", wire_api="responses", env_key="MOCK_KEY"}}'
    options = ["-c", provider, "-c", "model_provider=m", "-c", "analytics.enabled=false", "-m", "gpt-5.5"]
    around = environment(home, CODEX_HOME=str(home), MOCK_KEY="k")
    folders = [make_repository(Path(tempfile.mkdtemp(dir=scratch))) for _ in range(jobs)]

    def job(folder: Path) -> None:
        nowhere = subprocess.DEVNULL
        command = [program, "exec", "--json", *options, "-s", "workspace-write", "-C", str(folder), PROMPT]
        subprocess.run(command, env=around, stdin=nowhere, stdout=nowhere, stderr=nowhere, check=True)
        if "first + second" not in (folder / "goods" / "amounts.py").read_text():
            raise SystemExit(f"codex did not do the job in {folder}; does its sandbox work here?")

    def every() -> None:
        with ThreadPoolExecutor(parallel) as pool:
            list(pool.map(job, folders))

    cost = _counted(every, jobs)
    for folder in folders:
        shutil.rmtree(folder)
    return cost


def _counted(work: Callable[[], object], jobs: int) -> Cost:
    """The processor time of the processes that it waits for; what they are to each other is not known."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(jobs, wall, 0.0, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def _row(name: str, parallel: int, costs: Sequence[Cost]) -> None:
    middle = [statistics.median(values) for values in zip(*(cost.shown for cost in costs), strict=True)]
    rate, own, others, both, wall = middle
    memory = statistics.median(cost.memory for cost in costs) / (1 << 20)
    parts = f"{own:.3f} | {others:.3f}" if own else "– | –"
    kept = f"{memory:.2f}" if own else "–"
    print(f"| {name} | {parallel} | {rate:.2f} | {parts} | {both:.3f} | {kept} | {wall:.1f} |", flush=True)


def _account(cost: Cost) -> None:
    """What was started for each job, and what it used."""
    found = cost.more
    print("\n| started by the process itself | for each job | CPU-s for each job |\n|---|---|---|")
    for name, count in sorted(found["started"].items(), key=lambda pair: -found["seconds"].get(pair[0], 0.0)):
        print(f"| {name} | {count / cost.jobs:.1f} | {found['seconds'].get(name, 0.0) / cost.jobs:.4f} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=32, metavar="N", help="of each run; at least one for each beside")
    parser.add_argument("--parallel", default="1,8,32,128", metavar="N,…", help="how many at a time")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of each row, interleaved")
    parser.add_argument("--peers", action="store_true", help="measure the floor too, and Codex where it is named")
    parser.add_argument("--codex", default="", metavar="PATH", help="Codex's binary")
    parser.add_argument("--latency", type=int, default=0, metavar="MS", help="how long our model takes for an answer")
    parser.add_argument("--account", action="store_true", help="also count the processes that are started")
    parser.add_argument("--profile", default="", metavar="FILE", help="one run, its cProfile into this file")
    options = parser.parse_args()
    beside = [int(number) for number in options.parallel.split(",")]
    scratch = Path(tempfile.mkdtemp(prefix="midwatch-bench-"))
    scratch.chmod(0o755)
    print(f"load before: {os.getloadavg()[0]:.1f}")
    try:
        with model() as url:
            if options.profile:
                more = {"profile": options.profile, "latency": options.latency}
                ours(url, scratch, options.jobs, beside[0], **more)
                return
            _tables(options, beside, url, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _tables(options: argparse.Namespace, beside: Sequence[int], url: str, scratch: Path) -> None:
    head = "| | at a time | jobs/s | CPU-s per job: own | processes started | together | MiB per attempt | wall, s |"
    print(f"{head}\n{'|---' * 8}|")
    last = None
    for parallel in beside:
        jobs = max(options.jobs, parallel)
        more = {"latency": options.latency, "account": options.account}
        rows: dict[str, Callable[[], Cost]] = {"midwatch": partial(ours, url, scratch, jobs, parallel, **more)}
        if options.peers:
            rows["floor"] = partial(floor, url, scratch, jobs, parallel)
        if options.codex:
            rows["codex"] = partial(codex, options.codex, url, scratch, min(jobs, 16), min(16, parallel))
        costs: dict[str, list[Cost]] = {name: [] for name in rows}
        for _ in range(options.rounds):
            for name, row in rows.items():
                costs[name].append(row())
        for name, found in costs.items():
            _row(name, parallel, found)
        last = costs["midwatch"][-1]
    if options.account and last is not None:
        _account(last)


if __name__ == "__main__":
    main()
