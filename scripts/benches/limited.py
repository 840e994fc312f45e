"""A limit of turns at a time while workers are killed: whether it ever was too many, and whether all came to an end."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.database.address import opened
from midwatch.engine.limits import Limit, Limits
from midwatch.engine.turns import Turn
from tests.support import postgresql
from tests.support.model_server import serving
from tests.support.office import Office, ended, ending, serving_counts

CALLS = 4


def has_place(turn: Turn) -> bool:
    """It is worked on, or next."""
    return turn.status == "running" or (turn.status == "queued" and turn.round in (turn.admitted, turn.handed))


async def run(options: argparse.Namespace, folder: Path) -> int:
    """Submit, kill, look all the time."""
    chance = random.Random(options.seed)
    durable = postgresql.server(durable=True) if options.database == "postgresql" else nullcontext(None)
    with serving() as models, durable as server:
        url = server.database() if server is not None else f"sqlite:///{folder / 'state' / 'midwatch' / 'state.db'}"
        office = Office(folder, url, serving_counts(models, CALLS, seconds=0.2))
        await office.make()
        database = opened(url, folder / "state" / "midwatch")
        limit = Limit("repository", "", options.at_once)
        await Limits(database).put(limit, Deed(SERVER, "limit.set", "repository"))
        tasks = await office.submit(options.tasks)
        most = looks = kills = 0
        began = last = time.monotonic()
        try:
            while not ended(turns := await office.turns()) and time.monotonic() - began < options.seconds:
                most, looks = max(most, sum(map(has_place, turns))), looks + 1
                if time.monotonic() - last > options.every and office.workers:
                    last, kills = time.monotonic(), kills + 1
                    victim = office.workers.pop(chance.randrange(len(office.workers)))
                    victim.kill()
                    victim.wait()
                while len(office.workers) < options.workers:
                    office.worker()
                await asyncio.sleep(0.1)
        finally:
            office.close()
            await database.close()
        end = await ending(office, tasks, CALLS)
    print(f"{options.tasks} tasks, {options.at_once} at a time, on {options.database}, {options.workers} workers")
    print(f"  most at a time {most} in {looks} looks, {kills} workers killed, {time.monotonic() - began:.0f} s")
    print(f"  finished {end.finished}, pull requests {end.requests}, faults {len(end.faults)}")
    for fault in end.faults:
        print(f"  ! {fault}")
    right = most <= options.at_once and end.finished == end.requests == options.tasks and not end.faults
    return 0 if right else 1


def main() -> int:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--every", type=float, default=12.0, help="seconds between two kills")
    parser.add_argument("--seconds", type=float, default=600, help="after which it has failed")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="midwatch-limited-") as folder:
        Path(folder).chmod(0o755)
        return asyncio.run(run(options, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
