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
from tests.support.signed import Signed

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
    await page.get_by_text("Environment: no recipe").wait_for()


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


async def _peopled(page: Page, where: Site) -> None:
    """With somebody else, an organisation, a webhook and a connection, since empty lists show nothing."""
    async with Signed(where) as admin:
        for path, asked in (
            ("/users", {"name": "ada", "password": "a long night at sea"}),
            ("/organisations", {"name": "library"}),
            ("/webhooks", {"url": "https://chat.example.org/midwatch"}),
            (
                "/forges",
                {"name": "hub", "kind": "github", "token": "ghp_none", "webhook_secret": "keep-it-to-yourself"},
            ),
        ):
            answer = await admin.post(path, json=asked)
            assert answer.status_code == 201, answer.text
        answer = await admin.put("/organisations/library/roles/ada", json={"role": "maintainer"})
        assert answer.status_code < 300, answer.text
    await _at("/repositories", "Repositories")(page, where)


async def _person(page: Page, where: Site) -> None:
    await _at("/admin/people", "People")(page, where)
    await page.get_by_role("link", name="ada", exact=True).click()
    await page.get_by_role("heading", level=1, name="ada").wait_for()
    await page.locator(".skeleton").first.wait_for(state="detached")


async def _organisation(page: Page, where: Site) -> None:
    await _at("/admin/organisations", "Organisations")(page, where)
    await page.get_by_role("link", name="library", exact=True).click()
    await page.get_by_role("heading", level=1, name="library").wait_for()
    await page.locator(".skeleton").first.wait_for(state="detached")


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


async def _secrets(page: Page, where: Site) -> None:
    async with Signed(where) as admin:
        for path, value in (("secrets/PACKAGES_TOKEN", "not shown"), ("variables/TZ", "Europe/Lisbon")):
            answer = await admin.put(f"/repositories/example/{path}", json={"value": value})
            assert answer.status_code < 300, answer.text
    await page.get_by_role("tab", name="Secrets and variables").click()
    await page.get_by_text("PACKAGES_TOKEN").wait_for()


async def _attempts(page: Page, where: Site) -> None:
    async with Signed(where) as admin:
        task = await admin.submitted(prompt="The late fee is wrong: fix it", repository="example", attempts=2)
        await admin.ended(task)
    await page.goto(f"/tasks/{task}?tab=attempts")
    await page.locator(".task-head [data-state=done]").wait_for(timeout=PATIENCE)
    await page.locator(".diff-line.added").first.wait_for(timeout=PATIENCE)


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
    Picture("repositories", _peopled),
    Picture("people", _at("/admin/people", "People")),
    Picture("person", _person),
    Picture("organisations", _at("/admin/organisations", "Organisations")),
    Picture("organisation", _organisation),
    Picture("webhooks", _at("/settings/webhooks", "Webhooks")),
    Picture("connections", _at("/admin/forges", "Forge connections")),
    Picture("workers", _at("/admin/workers", "Workers"), dark=True),
    Picture("settings", _at("/admin/settings", "Settings")),
    Picture("recipe", _recipe),
    Picture("build", _build),
    Picture("terminal", _terminal, dark=True),
    Picture("secrets", _secrets),
    Picture("environments", _at("/environments", "Environments")),
    Picture("attempts", _attempts),
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
