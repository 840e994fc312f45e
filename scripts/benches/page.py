"""The page with 1,000 tasks: how long until it is drawn, until the list is there, and what the browser had to do.

Each load is in a browser of its own with nothing kept, over loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from midwatch import wiring
from midwatch.domain.ids import new_task_id
from midwatch.engine.turns import Turns
from midwatch.server.example import FOLDER
from midwatch.workflows.start import Request
from tests.support.browser import Site, browser, site, tab

_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
_SIZE = "performance.getEntriesByType('resource').reduce((sum, one) => sum + one.transferSize, 0)"
_COLUMNS = ("first paint ms", "list ms", "main thread ms", "nodes", "KiB")


async def _fill(where: Site, number: int) -> None:
    """So many ended tasks, each another's copy but for id and words."""
    home, turns = where.home, Turns(where.home.store.database)
    first = await wiring.start(home, Request("Task", str(home.state / FOLDER), model="repair", sandbox="process"))
    for count in range(number):
        task = replace(first, id=new_task_id(), prompt=f"Task {count}: mend what is wrong with the {count}th shelf")
        await turns.submit(task)
    query = "UPDATE turn SET status = 'cancelled'"
    await home.store.database.write(lambda db: db.execute(query).rowcount)


async def _loaded(where: Site, cookies: Any) -> tuple[float, ...]:
    async with browser() as chromium, tab(chromium, where.url) as found:
        await found.context.add_cookies(cookies)
        watch = await found.context.new_cdp_session(found.page)
        await watch.send("Performance.enable")
        began = time.perf_counter()
        await found.page.goto("/")
        await found.page.locator(".task-row").nth(20).wait_for()
        ready = (time.perf_counter() - began) * 1000
        metrics = {one["name"]: one["value"] for one in (await watch.send("Performance.getMetrics"))["metrics"]}
        paint, size = await found.page.evaluate(_PAINT), await found.page.evaluate(_SIZE)
        return paint, ready, metrics["TaskDuration"] * 1000, metrics["Nodes"], size / 1024


async def _measured(folder: Path, tasks: int, loads: int) -> None:
    async with site(folder) as where:
        await _fill(where, tasks)
        async with browser() as chromium, tab(chromium, where.url) as found:
            await found.sign_in(where.admin.name, where.admin.password)
            cookies = await found.context.cookies()
        found_all = [await _loaded(where, cookies) for _ in range(loads)]
    print(f"{tasks} tasks, {loads} loads: median (worst)")
    for column, values in zip(_COLUMNS, zip(*found_all, strict=True), strict=True):
        print(f"{column:>16}  {statistics.median(values):8.0f}  ({max(values):.0f})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--loads", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(_measured(Path(scratch), given.tasks, given.loads))
