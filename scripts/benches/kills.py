"""One attempt on a worker, killed before and after everything that it makes durable: what is lost or done twice."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from tests.crash.killing import Kill, Outcome, Stage, compared, kills
from tests.support import postgresql
from tests.support.model_server import ModelServer, serving

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_COLUMNS = (
    "database", "killed at", "steps", "kills", "finished", "same tree and results", "pull requests", "done twice",
    "logs verify",
)  # fmt: skip


async def run(database: str, options: argparse.Namespace, folder: Path, models: ModelServer) -> list[str]:
    """All kills over one database, each once; prints its rows, and returns what was wrong."""
    began = time.monotonic()
    with postgresql.server() if database == "postgresql" else nullcontext(None) as server:
        stage = Stage(folder / database, models, server)
        await stage.make()
        undisturbed = await stage.run()
        planned = kills(undisturbed)[options.first - 1 :: options.every]
        outcomes = await _all(stage, planned, options.beside)
    wrong = [f"undisturbed: {fault}" for fault in undisturbed.faults]
    for outcome in outcomes:
        wrong += [f"{_words(outcome.kill)}: {fault}" for fault in compared(outcome, undisturbed)]
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(_group(outcome.kill), []).append(outcome)
    for name, some in groups.items():
        print(_row(NAMES[database], name, some, undisturbed))
    print(_row(NAMES[database], "all", outcomes, undisturbed), flush=True)
    if options.steps:
        for role, step in undisturbed.steps:
            print(f"  {role:8} {step}")
    print(f"  {len(outcomes)} kills in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return [f"{NAMES[database]}: {line}" for line in wrong]


async def _all(stage: Stage, planned: Sequence[Kill], beside: int) -> list[Outcome]:
    slots = asyncio.Semaphore(beside)

    async def one(kill: Kill) -> Outcome:
        async with slots:
            outcome = await stage.run(kill)
        print(f"  {_words(kill)}{''.join(f'; {fault}' for fault in outcome.faults)}", file=sys.stderr, flush=True)
        return outcome

    return list(await asyncio.gather(*map(one, planned)))


def _group(kill: Kill | None) -> str:
    """What kind of step it is."""
    step = kill.step if kill is not None else ""
    if step.startswith("append "):
        return "appends to the log"
    if step.startswith(("forge: ", "git: ", "store: ")):
        return "git and the forge"
    return "the durable engine" if step.startswith("engine: ") else "turns, messages, money, leases"


def _row(database: str, name: str, outcomes: Sequence[Outcome], undisturbed: Outcome) -> str:
    steps = {(o.kill.role, o.kill.step, o.kill.number) for o in outcomes if o.kill is not None}
    same = sum((o.tree, o.results) == (undisturbed.tree, undisturbed.results) for o in outcomes)
    twice = sum(o.twice for o in outcomes)
    counts = (
        len(steps), sum(o.happened for o in outcomes), sum(o.finished for o in outcomes), same,
        sum(o.requests for o in outcomes), twice, sum(o.verified for o in outcomes),
    )  # fmt: skip
    return f"| {database} | {name} | {' | '.join(map(str, counts))} |"


def _words(kill: Kill | None) -> str:
    return f"{kill.role}, {kill.when} {kill.step!r} ({kill.number})" if kill is not None else ""


async def main(options: argparse.Namespace, folder: Path) -> int:
    """Both databases, or one."""
    print(f"| {' | '.join(_COLUMNS)} |\n{'|---' * len(_COLUMNS)}|")
    wrong: list[str] = []
    with serving() as models:
        for database in NAMES if options.database == "both" else (options.database,):
            wrong += await run(database, options, folder, models)
    for line in wrong:
        print(f"  ! {line}")
    if wrong:
        print(f"what is wrong lies in {folder}")
    return 1 if wrong else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=(*NAMES, "both"), default="both")
    parser.add_argument("--beside", type=int, default=4, help="runs at the same time")
    parser.add_argument("--first", type=int, default=1, help="begin with this kill")
    parser.add_argument("--every", type=int, default=1, help="and leave out all but each so manieth")
    parser.add_argument("--steps", action="store_true", help="also list the steps")
    place = Path(tempfile.mkdtemp(prefix="midwatch-kills-"))
    place.chmod(0o755)
    code = asyncio.run(main(parser.parse_args(), place))
    if code == 0:
        shutil.rmtree(place)
    sys.exit(code)
