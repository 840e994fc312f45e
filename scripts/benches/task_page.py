"""The task's page with much in it: a diff of 5,000 lines that is scrolled through, a conversation of 1,500 commands.

Said for each: how long until it is shown, how many elements are in the page, and for how long its main thread was busy.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from playwright.async_api import CDPSession, Page

from tests.support.browser import PATIENCE, Site, browser, site, tab
from tests.support.model_server import Step, calls, calls_all, says, serving
from tests.support.place import make_repository
from tests.support.signed import Signed

FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
MOST_NODES, MOST_BUSY = 5000, 1.0
"""Elements, and seconds of the main thread, for the diff: shown, and scrolled through in forty steps."""


def grown(lines: int) -> list[Step]:
    """A model that adds so many lines in thirteen files."""
    each = lines // 13
    write = f'for l in $(seq 1 {each}); do echo "def f$l(a): return a + $l  # file $n"; done > grown$n.py'
    return [calls("shell", command=f"for n in $(seq 1 13); do {write}; done"), says("Grow\n\nMany lines.")]


def busy(turns: int, each: int) -> list[Step]:
    """A model that runs many commands."""
    many = [("shell", {"command": f"echo step {n}"}) for n in range(each)]
    return [*[calls_all(*many) for _ in range(turns)], says("Done\n\nAll ran.")]


async def _measured(page: Page, session: CDPSession, do: Callable[[], Awaitable[None]]) -> tuple[int, float, float]:
    """Elements afterwards, seconds it took, and seconds of work of the main thread since the page was opened."""
    await page.goto("about:blank")  # the counts begin anew
    began = asyncio.get_running_loop().time()
    await do()
    took = asyncio.get_running_loop().time() - began
    found = {one["name"]: one["value"] for one in (await session.send("Performance.getMetrics"))["metrics"]}
    return int(await page.evaluate("document.querySelectorAll('*').length")), took, float(found["TaskDuration"])


async def _diff(page: Page, task: str) -> None:
    await page.goto(f"/tasks/{task}?tab=changes")
    await page.locator(".diff-line.added").first.wait_for(timeout=PATIENCE)
    rows = page.locator(".diff-rows")
    for part in range(41):
        await rows.evaluate("(one, part) => { one.scrollTop = one.scrollHeight * part / 40 }", part)
        await page.evaluate(FRAME)


async def _steps(page: Page, task: str) -> None:
    await page.goto(f"/tasks/{task}")
    await page.locator(".entry.reply").get_by_text("All ran.").wait_for(timeout=PATIENCE)
    for part in range(21):
        await page.evaluate("(part) => scrollTo(0, document.documentElement.scrollHeight * part / 20)", part)
        await page.evaluate(FRAME)


async def _submitted(where: Site, folder: Path, models: Sequence[str]) -> list[str]:
    await where.registered("small", make_repository(folder / "small", {"a.txt": "a\n"}))
    found = []
    async with Signed(where) as client:
        for model in models:
            task = await client.submitted(prompt=f"Be {model}", repository="small", model=f"{model}/m", checks=["true"])
            await client.ended(task)
            found.append(task)
    return found


async def _bench(lines: int, commands: int) -> bool:
    with tempfile.TemporaryDirectory() as name, serving() as models:
        folder, turns = Path(name), 75
        urls = {"grown": models.script(*grown(lines)), "busy": models.script(*busy(turns, commands // turns))}
        parts = [f'[providers.{provider}]\nbase_url = "{url}"\n' for provider, url in urls.items()]
        async with (
            site(folder, config="\n".join(parts)) as where,
            browser() as chromium,
            tab(chromium, where.url) as found,
        ):
            grown_task, busy_task = await _submitted(where, folder, ["grown", "busy"])
            await found.sign_in(where.admin.name, where.admin.password)
            session = await found.context.new_cdp_session(found.page)
            await session.send("Performance.enable", {"timeDomain": "threadTicks"})
            good = True
            for about, way, task in (("diff", _diff, grown_task), ("steps", _steps, busy_task)):
                nodes, took, main = await _measured(found.page, session, lambda w=way, t=task: w(found.page, t))  # type: ignore[misc]
                print(f"{about}: {nodes} elements, {took:.2f} s, main thread busy for {main:.2f} s")
                good &= about != "diff" or (nodes < MOST_NODES and main < MOST_BUSY)
            await found.require_clean()
    return good


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=5005)
    parser.add_argument("--commands", type=int, default=1500)
    given = parser.parse_args()
    raise SystemExit(0 if asyncio.run(_bench(given.lines, given.commands)) else 1)
