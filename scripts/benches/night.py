"""A night's work in pictures: docs/images/page/night-N-NAME.png, by Chromium over a server with the example.

From the prompt to the merged pull request, with the offline model. Fails where any of it does not come to be.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.async_api import Page, expect

from scripts.benches.taking import Series, pose, run
from tests.support.browser import PATIENCE, browser, site, tab

REMARK = "Say in the docstring that the last day of grace costs nothing."


async def night(page: Page, series: Series) -> None:
    """With the offline model on the example."""
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
            await pose(found.page)
            await found.sign_in(where.admin.name, where.admin.password)
            await night(found.page, Series(found.page, target, "night"))
            await found.require_clean()


if __name__ == "__main__":
    run(__doc__, _made)
