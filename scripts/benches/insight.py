"""How long the figures of Insight take with many tasks, on both databases."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from midwatch.engine.database.address import opened
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.insight.counted import count, names
from midwatch.engine.insight.days import Span
from midwatch.engine.insight.figures import By, Only
from midwatch.engine.insight.outcomes import place
from tests.support import postgresql

_FIELDS = (
    "task, repository, person, model, created, queued, ended, status, cause, detail, verdict, cost, state, proposed, "
    "settled"
)
_STATES = ("merged", "merged", "merged", "merged", "closed", "open", "")
_BYS: tuple[By, ...] = ("repository", "model", "label", "person")


async def fill(database: Database, number: int, seed: int) -> None:
    """So many tasks over a year, of fifty repositories."""
    chance, now = random.Random(seed), int(datetime.now(UTC).timestamp())
    rows, labels = [], []
    for n in range(number):
        created = now - chance.randrange(365 * 86400)
        state = chance.choice(_STATES)
        proposed = created + chance.randrange(60, 7200) if state else None
        settled = proposed + chance.randrange(60, 7 * 86400) if proposed and state != "open" else None
        cause = "" if state else chance.choice(("no change", "cancelled", "error", "limit: turns"))
        about = (
            f"{n:012}",
            place(f"/srv/{chance.randrange(50)}"),
            f"u{chance.randrange(40)}",
            f"m{chance.randrange(6)}",
        )
        rows.append((*about, created, chance.randrange(600), created + 1, "done", cause, "", "passed",
                     chance.randrange(3_000_000), state, proposed, settled))  # fmt: skip
        labels += [(f"{n:012}", "gpu")] if n % 3 == 0 else []

    def work(db: Connection) -> None:
        db.executemany(f"INSERT INTO outcome ({_FIELDS}) VALUES ({', '.join('?' * 15)})", rows)
        db.executemany("INSERT INTO outcome_label (task, label) VALUES (?, ?)", labels)

    await database.write(work)


async def run(options: argparse.Namespace, folder: Path) -> int:
    """Fill, then look."""
    server = postgresql.server() if options.database == "postgresql" else nullcontext(None)
    with server as running:
        url = running.database() if running is not None else ""
        database = opened(url, folder)
        await database.migrate()
        await fill(database, options.tasks, options.seed)
        today = date.today()
        print(f"{options.tasks} tasks of a year on {options.database}; milliseconds, the best of 5")
        for days in (30, 365):
            span = Span(today - timedelta(days=days - 1), today, ZoneInfo("Europe/Berlin"))
            for title, only in (("all", Only()), ("10 of 50 repositories", Only([f"/srv/{n}" for n in range(10)]))):
                times = [await timed(database, span, only, by) for by in _BYS]
                told = ", ".join(f"{by} {ms:.0f}" for by, ms in zip(_BYS, times, strict=True))
                print(f"  {days:3} days, {title}: {told}")
        began = time.perf_counter()
        await names(database, None, "person")
        print(f"  choices of one kind: {1000 * (time.perf_counter() - began):.0f}")
        await database.close()
    return 0


async def timed(database: Database, span: Span, only: Only, by: By) -> float:
    """Milliseconds."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        await count(database, span, only, by)
        times.append(1000 * (time.perf_counter() - began))
    return min(times)


def main() -> int:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="midwatch-insight-") as folder:
        Path(folder).chmod(0o755)
        return asyncio.run(run(options, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
