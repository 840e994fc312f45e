"""A night's work in pictures: docs/images/page/night-N-NAME.png, by Chromium over a server with the example.

From the prompt to the merged pull request, with the offline model. Fails where any of it does not come to be.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Page, expect

from tests.support.browser import PATIENCE, Site, browser, site, tab

TARGET = Path(__file__).parents[2] / "docs" / "images" / "page"
SIZE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 800}
REMARK = "Say in the docstring that the last day of grace costs nothing."


class Series:
    """Pictures with running numbers."""

    def __init__(self, page: Page, target: Path, name: str) -> None:
        self._page, self._target, self._name, self._number = page, target, name, 0

    async def take(self, what: str) -> None:
        """The window as it is now."""
        self._number += 1
        path = self._target / f"{self._name}-{self._number}-{what}.png"
        await self._page.locator(".toast").first.wait_for(state="detached", timeout=PATIENCE)
        await self._page.screenshot(path=path)
        print(f"{path.stem}: {path.stat().st_size >> 10} KiB")


async def night(page: Page, where: Site, series: Series) -> None:
    """With the offline model on the example."""
    await page.get_by_label("Name").fill(where.admin.name)
    await page.get_by_label("Password").fill(where.admin.password)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("button", name="Start “").wait_for()
    await series.take("prompt")
    await page.get_by_role("button", name="Start “").click()
    await page.locator(".entry.call").first.wait_for(timeout=PATIENCE)
    await series.take("live")
    await page.locator(".task-head [data-state=open]").wait_for(timeout=PATIENCE)
    await page.locator(".steps-end").scroll_into_view_if_needed()
    await series.take("done")
    await page.get_by_role("tab", name="Changes").click()
    await page.locator(".diff-line.added").first.wait_for()
    await page.locator(".diff-line.added [role=button]").first.click()
    await page.locator(".remark textarea").fill(REMARK)
    await series.take("remark")
    await page.get_by_role("button", name="Add remark").click()
    await page.get_by_label("Message to the agent").fill("Good; one thing more.")
    await series.take("follow-up")
    await page.get_by_role("button", name="Send with 1 remark").click()
    await page.get_by_role("tab", name="Conversation").click()
    await expect(page.locator(".entry.note.good, .note.good")).to_have_count(2, timeout=PATIENCE)
    await page.locator(".task-head [data-state=done]").wait_for(timeout=PATIENCE)
    await page.locator(".steps-end").scroll_into_view_if_needed()
    await series.take("updated")
    await page.get_by_role("tab", name="Evidence").click()
    await page.get_by_role("button", name="Verify the record").click()
    await page.get_by_text("All is as it was written").wait_for()
    await series.take("evidence")
    await page.get_by_role("tab", name="Pull request").click()
    await page.get_by_role("button", name="Merge").click()
    await page.locator(".pull-request [data-state=merged]").wait_for()
    await page.evaluate("scrollTo(0, 0)")
    await series.take("merged")


async def _made(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with site(Path(folder)) as where, browser() as chromium, tab(chromium, where.url) as found:
            await found.page.set_viewport_size(SIZE)  # type: ignore[arg-type]
            await found.page.emulate_media(color_scheme="light", reduced_motion="reduce")
            await night(found.page, where, Series(found.page, target, "night"))
            await found.require_clean()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", type=Path, default=TARGET)
    given = parser.parse_args()
    given.target.mkdir(parents=True, exist_ok=True)
    asyncio.run(_made(given.target))
