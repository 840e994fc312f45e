"""The pictures of the page in the docs: docs/images/page/NAME.png, by Chromium over a server with the example.

A page's author adds a picture to PICTURES: a name, and what leads to it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Page

from scripts.benches.taking import pose, run, take
from scripts.benches.team import team
from tests.support.browser import PATIENCE, Site, browser, site, tab

Way = Callable[[Page, Site], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Picture:
    """One of them; each goes on where the one before has ended."""

    name: str
    way: Way
    dark: bool = False
    phone: bool = False


async def _nothing(page: Page, _: Site) -> None:
    await page.get_by_role("button", name="Sign in").wait_for()


async def _first(page: Page, where: Site) -> None:
    await page.get_by_label("Name").fill(where.admin.name)
    await page.get_by_label("Password").fill(where.admin.password)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("button", name="Start “").wait_for()


async def _listed(page: Page, _: Site) -> None:
    await page.get_by_role("button", name="Start “").click()
    await page.goto("/")
    words = page.get_by_label("What is to be done")
    for prompt in ("Explain how the late fee is computed", "Which tests fail, and since when?"):
        await words.fill(prompt)
        await page.get_by_role("radio", name="Ask").check(force=True)
        await page.get_by_role("button", name="Ask", exact=True).click()
        await page.locator(".task-row").filter(has_text=prompt).wait_for()
    await page.locator('.task-request [data-state="open"]').wait_for(timeout=PATIENCE)
    await page.locator(".diffstat").wait_for(timeout=PATIENCE)
    await page.locator('.task-row [data-state="answered"]').nth(1).wait_for(timeout=PATIENCE)
    await page.get_by_role("radio", name="Code").check(force=True)
    await page.locator(".toast").first.wait_for(state="detached", timeout=PATIENCE)


async def _options(page: Page, _: Site) -> None:
    await page.get_by_label("What is to be done").fill("Members of the library get a day more before a fee is due")
    await page.get_by_role("button", name="Options").click()


async def _phone(page: Page, _: Site) -> None:
    await page.get_by_role("button", name="Options").click()


def _at(path: str, heading: str) -> Way:
    """A page as it is when it has all that it shows."""

    async def way(page: Page, _: Site) -> None:
        await page.goto(path)
        await page.get_by_role("heading", level=1, name=heading).wait_for()
        await page.locator(".skeleton").first.wait_for(state="detached")

    return way


async def _counted(page: Page, where: Site) -> None:
    """With the figures of a month of a team, since an example's one pull request is no chart."""
    await team(where.home.store.database)
    await _at("/insight", "Insight")(page, where)
    await page.locator(".insight-chart canvas").wait_for()


async def _one_repository(page: Page, _: Site) -> None:
    await page.goto("/repositories")
    await page.get_by_role("link", name="example").first.click()
    await page.get_by_role("tab", name="People").click()
    await page.get_by_role("button", name="Give the role").wait_for()


_RECIPE = """\
# what the shelf needs
setup = [
  "python3 -m venv .venv",
  "python3 -c 'import sys; print(sys.version)'",
  "test -e requirements.lock",
]

[network]
setup = ["preset:common"]
"""


async def _recipe(page: Page, where: Site) -> None:
    await page.goto("/environments")
    await page.get_by_role("link", name="example", exact=True).click()
    await page.get_by_label("Text of the recipe").fill(_RECIPE)
    await page.get_by_role("button", name="Keep this recipe here").click()
    await page.get_by_text("Version 1").wait_for()
    await page.locator(".toast").first.wait_for(state="detached", timeout=PATIENCE)


async def _build(page: Page, _: Site) -> None:
    await page.get_by_role("tab", name="Build and cache").click()
    await page.get_by_role("button", name="Run the setup").click()
    await page.get_by_text("Command 3 of setup failed").wait_for(timeout=PATIENCE)


async def _terminal(page: Page, _: Site) -> None:
    await page.get_by_role("tab", name="Recipe").click()
    await page.get_by_label("Text of the recipe").fill('checks = ["python3 -m unittest discover -s tests -t ."]\n')
    await page.get_by_role("button", name="Keep this recipe here").click()
    await page.get_by_text("Version 2").wait_for()
    await page.get_by_role("tab", name="Terminal").click()
    await page.get_by_role("button", name="Open a terminal").click()
    glass = page.locator(".environments-terminal pre")
    await glass.get_by_text("$ ").first.wait_for(timeout=PATIENCE)
    await page.keyboard.type("ls --color=always; python3 -m unittest discover -s tests -t . 2>&1 | tail -3\n")
    await glass.get_by_text("FAILED").first.wait_for(timeout=PATIENCE)
    await page.locator(".toast").first.wait_for(state="detached", timeout=PATIENCE)


PICTURES: list[Picture] = [
    Picture("sign-in", _nothing),
    Picture("first-start", _first),
    Picture("tasks", _listed),
    Picture("composer", _options, dark=True),
    Picture("phone", _phone, phone=True),
    Picture("insight", _counted),
    Picture("repository", _one_repository),
    Picture("account", _at("/settings/account", "My account")),
    Picture("budgets", _at("/settings/budgets", "Budgets and limits")),
    Picture("audit", _at("/settings/audit", "Audit log")),
    Picture("people", _at("/admin/people", "People")),
    Picture("workers", _at("/admin/workers", "Workers"), dark=True),
    Picture("settings", _at("/admin/settings", "Settings")),
    Picture("recipe", _recipe),
    Picture("build", _build),
    Picture("terminal", _terminal, dark=True),
]


async def _made(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            site(Path(folder), {"MIDWATCH_SANDBOX": "bubblewrap"}) as where,
            browser() as chromium,
            tab(chromium, where.url) as found,
        ):
            for picture in PICTURES:
                await pose(found.page, dark=picture.dark, phone=picture.phone)
                await picture.way(found.page, where)
                await take(found.page, target / f"{picture.name}.png")
            await found.require_clean()


if __name__ == "__main__":
    run(__doc__, _made)
