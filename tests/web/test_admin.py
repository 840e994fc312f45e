"""The pages of administration and Insight, in a real browser: each shows what there is, and does what it says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.people import People
from midwatch.engine.accounts.repositories import Repositories
from midwatch.engine.insight.outcomes import Due, Outcome, Outcomes, note, plain
from tests.support.api import HASH, PASSWORD
from tests.support.browser import Site, tab
from tests.support.place import make_repository

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = "<img src=x onerror=alert(1)>\u202egnp.exe"
PLACES = {"/settings/webhooks": "Webhooks", "/admin/workers": "Workers", "/admin/settings": "Settings"}
"""Pages on which the tests do nothing else."""


class Seen:
    """A page, and what tests do with it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def to(self, path: str, heading: str) -> None:
        """Go there, and wait for what the page is called and for what it shows."""
        await self.page.goto(path)
        await expect(self.page.locator("h1")).to_have_text(heading)
        await expect(self.page.locator(".skeleton, .trouble")).to_have_count(0)

    async def says(self, text: str) -> None:
        """Wait for a word in the corner."""
        await expect(self.page.locator(".toasts")).to_contain_text(text)

    async def press(self, name: str) -> None:
        """A button by its name; of several the last, which is the one of a dialog."""
        await self.page.get_by_role("button", name=name, exact=True).last.click()

    async def fill(self, label: str, value: str) -> None:
        """A field by its label; of several the last."""
        await self.page.get_by_label(label, exact=True).last.fill(value)


@asynccontextmanager
async def signed_in(chromium: Browser, site: Site, name: str, password: str = PASSWORD) -> AsyncIterator[Seen]:
    """A person's browser. Whatever it complains of fails the test."""
    options = {"accept_downloads": True, "timezone_id": "Europe/Berlin", "locale": "en-GB"}
    async with tab(chromium, site.url, **options) as found:
        await found.sign_in(name, password)
        yield Seen(found.page)
        await found.require_clean()


async def figures(site: Site, location: Path) -> None:
    """Three tasks of today, two of which came to pull requests."""
    database = site.home.store.database
    now = int(await database.read(lambda db: db.execute(f"SELECT {db.clock}").fetchone()[0]))
    one = Outcome(
        task="a", repository=plain(str(location)), person="ada", model="repair", created=now - 60, queued=5,
        ended=now, status="done", cause="", detail="", verdict="passed", cost=1_500_000, state="merged",
        proposed=now - 30, settled=now - 10,
    )  # fmt: skip
    rows = (
        one,
        replace(one, task="b", state="open", settled=None, model=HOSTILE),
        replace(one, task="c", state="", proposed=None, settled=None, cause="no change", detail=HOSTILE),
    )
    for row in rows:
        await Outcomes(database).keep(Due(row.task, 0), row, ["gpu"])
    await database.write(lambda db: note(db, "0" * 12))
    while await Outcomes(database).due():
        await asyncio.sleep(0.1)


async def test_every_page_of_administration_shows_itself_and_does_what_it_says(
    chromium: Browser, site: Site, tmp_path: Path
) -> None:
    location = make_repository(tmp_path / "calc", {"a.txt": "a\n"})
    async with signed_in(chromium, site, site.admin.name, site.admin.password) as seen:
        for path, heading in PLACES.items():
            await seen.to(path, heading)
        for doing in (_people, _organisation, _account, _spending, _forge):
            await doing(seen)
        await _repository(seen, location)
        await _audit(seen)


async def _repository(seen: Seen, location: Path) -> None:
    """Registered with the keyboard alone, renamed; its people, a webhook of it, taken from the list."""
    page = seen.page
    await seen.to("/repositories", "Repositories")
    await page.keyboard.press("n")
    await expect(page.locator("dialog[open]")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("dialog[open]")).to_have_count(0)
    await page.keyboard.press("n")
    await seen.fill("Name", "team/calc")
    await seen.fill("Location", "no/path")
    await page.keyboard.press("Enter")
    await expect(page.locator("dialog .trouble")).to_contain_text("absolute path")
    await seen.fill("Location", str(location))
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="team/calc").click()
    await expect(page.locator("h1")).to_have_text("team/calc")
    await seen.fill("Name", "calc")
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("calc")

    await page.get_by_role("tab", name="People").click()
    await seen.fill("User", "admin")
    await page.locator("main").get_by_label("Role", exact=True).select_option("maintainer")
    await seen.press("Give the role")
    row = page.get_by_role("table", name="Roles on calc").get_by_role("row", name="admin")
    await expect(row).to_be_visible()
    await row.get_by_role("button", name=re.compile("Take the role")).click()
    await page.locator("dialog[open]").get_by_role("button", name="Take it back").click()
    await expect(page.locator(".empty")).to_contain_text("Nobody has a role")

    await page.get_by_role("tab", name="Webhooks").click()
    await seen.press("New webhook")
    await seen.fill("Address", "https://hooks.example/x")
    await seen.press("Make it")
    await expect(page.locator("dialog .admin-secret code")).to_contain_text("mwh_")
    await seen.press("Done")
    await seen.press("Ping")
    await seen.press("Deliveries")
    table = page.get_by_role("table", name="Deliveries")
    await expect(table.get_by_role("row", name=re.compile("ping"))).to_be_visible()
    await table.get_by_role("button", name="Show").click()
    await expect(page.locator("dialog pre")).to_contain_text('"event": "ping"')
    await page.keyboard.press("Escape")
    await seen.press("Delete")
    await seen.press("Delete it")
    await expect(page.locator(".empty")).to_contain_text("No webhooks")


async def _people(seen: Seen) -> None:
    """Made, given a role on every repository, given a password, disabled."""
    page = seen.page
    await seen.to("/admin/people", "People")
    await seen.press("New user")
    await seen.fill("Name", "bob")
    await seen.press("Make the user")
    await page.get_by_role("link", name="bob").click()
    await expect(page.locator("h1")).to_have_text("bob")
    await seen.press("Give the role")
    await expect(page.get_by_role("table", name="Roles").get_by_role("row", name="every repository")).to_be_visible()
    await seen.fill("New password", "short")
    await seen.press("Set the password")
    await expect(page.locator(".trouble")).to_contain_text("12")
    await seen.fill("New password", "long enough for all of them")
    await seen.press("Set the password")
    await seen.says("The new password holds")
    await seen.press("Disable")
    await page.locator("dialog[open]").get_by_role("button", name="Disable").click()
    await expect(page.locator('[data-state="disabled"]')).to_be_visible()


async def _organisation(seen: Seen) -> None:
    page = seen.page
    await seen.to("/admin/organisations", "Organisations")
    await seen.press("New organisation")
    await seen.fill("Name", "works")
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="works").click()
    await expect(page.locator("h1")).to_have_text("works")
    await seen.fill("Name", "works2")
    await seen.press("Rename")
    await expect(page.locator("h1")).to_have_text("works2")
    await seen.press("Remove the organisation")
    await seen.press("Remove it")
    await expect(page.locator("h1")).to_have_text("Organisations")
    await expect(page.locator(".empty")).to_contain_text("No organisations")


async def _account(seen: Seen) -> None:
    """A token is shown once."""
    page = seen.page
    await seen.to("/settings/account", "My account")
    await seen.press("New token")
    await seen.fill("What it is for", HOSTILE)
    await seen.press("Make it")
    secret = await page.locator("dialog .admin-secret code").inner_text()
    assert secret.startswith("mw_")
    await seen.press("Done")
    row = page.get_by_role("table", name="Tokens").get_by_role("row").nth(1)
    await expect(row).to_contain_text("<img src=x onerror=alert(1)>⟨U+202E⟩gnp.exe")
    assert secret not in await page.content()
    await row.get_by_role("button", name="Revoke").click()
    await seen.press("Revoke it")
    await expect(page.locator(".empty")).to_contain_text("No tokens")
    await expect(page.get_by_role("table", name="Sessions").get_by_text("this one")).to_be_visible()


async def _spending(seen: Seen) -> None:
    page = seen.page
    await seen.to("/settings/budgets", "Budgets and limits")
    await seen.fill("Which", "example")
    await seen.fill("US dollars", "2.50")
    await seen.press("Set the budget")
    table = page.get_by_role("table", name="Budgets")
    await expect(table.get_by_role("row", name=re.compile("repository"))).to_contain_text("$0.00 of $2.50")
    await table.get_by_role("button", name=re.compile("Take the budget")).click()
    await seen.press("Take it away")
    await expect(page.locator(".empty")).to_contain_text("No budgets")
    await page.get_by_role("tab", name="Budgets").press("ArrowRight")
    await expect(page.get_by_role("tab", name="Limits")).to_be_focused()
    await seen.fill("At a time", "3")
    await seen.press("Set the limit")
    limits = page.get_by_role("table", name="Limits")
    await expect(limits.get_by_role("row", name=re.compile("each repository"))).to_contain_text("3")
    await limits.get_by_role("button", name=re.compile("Take the limit")).click()
    await seen.press("Take it away")
    await expect(page.locator(".empty")).to_contain_text("No limits")


async def _forge(seen: Seen) -> None:
    """Connected, and no secret comes back."""
    page = seen.page
    await seen.to("/admin/forges", "Forge connections")
    await seen.press("Connect to a forge")
    await seen.fill("Name", "hub")
    await seen.fill("Token", "ghp_planted")
    await seen.press("Connect")
    row = page.get_by_role("table", name="Forge connections").get_by_role("row", name=re.compile("hub"))
    await expect(row).to_contain_text("https://github.com")
    assert "ghp_planted" not in await page.content()
    await row.get_by_role("button", name=re.compile("^Remove")).click()
    await seen.press("Remove it")
    await expect(page.locator(".empty")).to_contain_text("No connections")


async def _audit(seen: Seen) -> None:
    """What was done above is there, narrowed down, and as a table."""
    page = seen.page
    await seen.to("/settings/audit?action=repository", "Audit log")
    table = page.get_by_role("table", name="Audit log")
    await expect(table.get_by_role("row", name=re.compile("repository.rename"))).to_contain_text("team/calc → calc")
    await expect(table.get_by_role("row", name=re.compile("user.create"))).to_have_count(0)
    async with page.expect_download() as file:
        await seen.press("Save as CSV")
    kept = await (await file.value).path()
    assert "repository.rename" in Path(kept).read_text()


async def test_insight_shows_figures_beside_their_chart_under_the_policy(
    chromium: Browser, site: Site, tmp_path: Path
) -> None:
    location = make_repository(tmp_path / "sums", {"a.txt": "a\n"})
    sums = await site.registered("sums", location)
    await figures(site, location)
    async with signed_in(chromium, site, site.admin.name, site.admin.password) as seen:
        page = seen.page
        await page.keyboard.press("g")
        await page.keyboard.press("i")
        await expect(page.locator("h1")).to_have_text("Insight")
        groups = page.get_by_role("table", name="Figures by repository")
        await expect(groups.get_by_role("row", name=re.compile("sums"))).to_contain_text("50.0 %")
        chart = page.locator(".insight-chart canvas")
        await expect(chart).to_be_visible()
        assert await chart.evaluate(
            "one => one.getContext('2d').getImageData(0, 0, one.width, one.height).data.some(v => v)"
        )
        width = await page.locator(".insight-chart .u-wrap").evaluate("one => one.getBoundingClientRect().width")
        assert width > 300, "its sizes are set through the CSSOM, which the policy lets"
        await page.get_by_role("tab", name="By model").click()
        models = page.get_by_role("table", name="Figures by model")
        await expect(models).to_contain_text("<img src=x onerror=alert(1)>⟨U+202E⟩gnp.exe")
        await expect(page.get_by_role("table", name="Causes")).to_contain_text("no change")
        await page.get_by_label("Repository", exact=True).select_option(sums)
        await page.get_by_label("Model", exact=True).select_option("repair")
        await expect(models.get_by_role("row")).to_have_count(2)
        assert "by=model" in page.url and f"repository={sums}" in page.url  # noqa: PT018 - one address
        async with page.expect_download() as file:
            await page.get_by_role("button", name="Save as CSV: What came of it").click()
        lines = Path(await (await file.value).path()).read_text().splitlines()
        assert lines[1].startswith("repair,2,1,1,0,1.0,3.0,0,3.0")


async def test_who_may_not_is_shown_nothing_of_it_and_refused_by_the_server(
    chromium: Browser, site: Site, tmp_path: Path
) -> None:
    plan = await site.registered("plan", make_repository(tmp_path / "plan", {"a.txt": "a\n"}))
    database = site.home.store.database
    ada = await People(database).create("ada", HASH, False, lambda made: Deed(SERVER, "user.create", made))
    await Repositories(database).give(ada.id, plan, "viewer", Deed(SERVER, "role.give", ada.id))
    async with signed_in(chromium, site, "ada") as seen:
        page = seen.page
        await seen.to("/repositories", "Repositories")
        await expect(page.get_by_role("navigation", name="Pages")).not_to_contain_text("Administration")
        await expect(page.get_by_role("button", name="Register a repository")).to_have_count(0)
        await page.get_by_role("link", name="plan").click()
        await expect(page.locator("h1")).to_have_text("plan")
        assert await page.get_by_role("tab").all_inner_texts() == ["About", "Budgets", "Limits", "Forge"]
        for forbidden in ("Save", "Take it from the list"):
            await expect(page.get_by_role("button", name=forbidden)).to_have_count(0)
        for path in ("/admin/workers", "/admin/people"):
            await page.goto(path)
            await expect(page.locator("main")).to_contain_text("There is nothing here")
        await page.set_viewport_size({"width": 390, "height": 800})
        for path in ("/repositories", "/insight", "/settings/budgets", "/settings/audit"):
            await page.goto(path)
            await expect(page.locator("h1")).to_be_visible()
            wide = await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
            assert not wide, f"{path} is wider than a phone"
