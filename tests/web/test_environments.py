"""The pages of environments in a real browser, with a worker that runs real boxes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.server.test_environments import worker
from tests.support.api import PASSWORD, Api, serving
from tests.support.place import make_repository

CHROMIUM = "/usr/bin/chromium"
SETUP = 'setup = [\n  "mkdir -p build; echo made > build/made",\n  "test -e b.txt",\n]\n'


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(tmp_path, {"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path / "state")}) as found:
        yield found


@pytest.fixture
async def page(api: Api) -> AsyncIterator[Page]:
    async with async_playwright() as playing:
        browser = await playing.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        made = await (await browser.new_context(viewport={"width": 1280, "height": 900})).new_page()
        made.faults = []  # type: ignore[attr-defined]
        made.on("pageerror", lambda error: made.faults.append(str(error)))  # type: ignore[attr-defined]
        made.on("console", lambda said: made.faults.append(said.text) if "Policy" in said.text else None)  # type: ignore[attr-defined]
        yield made
        await browser.close()


async def test_a_maintainer_writes_a_recipe_sees_its_setup_fail_mends_it_and_looks_around(
    api: Api, page: Page, tmp_path: Path
) -> None:
    one = await api.registered("one", make_repository(tmp_path / "one", {"a.txt": "from the commit\n"}))
    async with worker(api), api.as_user("mai", {one: "maintainer"}):
        await page.goto(f"{api.url}/environments")
        await page.get_by_label("Name").fill("mai")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.get_by_role("link", name="one", exact=True).click()

        text = page.get_by_label("Text of the recipe")
        await text.fill(f"{SETUP}colour = 1\n")
        await expect(page.get_by_text("Line 5: unknown key 'colour'")).to_be_visible()
        await text.fill(f"# mine\n{SETUP}")
        reach = page.get_by_role("radiogroup", name="The agent reaches")
        await reach.get_by_text("Custom hosts").click()
        hosts = page.get_by_role("group", name="The agent reaches").get_by_role("textbox", name="Hosts")
        await hosts.fill("docs.example.org")
        await page.get_by_label("Checks").fill("test -e build/made")
        await page.get_by_label("Maintenance").focus()
        await expect(text).to_have_value(re.compile(r'agent = \["docs\.example\.org"\]'))
        await expect(text).to_have_value(re.compile(r'# mine\n(.|\n)*checks = \["test -e build/made"\]'))
        await page.get_by_role("button", name="Keep this recipe here").click()
        await expect(page.get_by_text("Version 1: kept by mai")).to_be_visible()

        await page.get_by_role("tab", name="Build and cache").click()
        await page.get_by_role("button", name="Run the setup").click()
        await expect(page.get_by_text("Command 2 of setup failed, at line 4 of the recipe")).to_be_visible(timeout=30000)
        await expect(page.locator(".environments-failing .bad")).to_contain_text('"test -e b.txt"')
        await expect(page.get_by_role("log")).to_contain_text("$ mkdir -p build")

        await page.get_by_role("tab", name="Recipe").click()
        await page.get_by_label("Setup", exact=True).fill("mkdir -p build; echo made > build/made")
        await page.get_by_label("Maintenance").focus()
        await expect(text).not_to_have_value(re.compile("b.txt"))
        await page.get_by_role("button", name="Keep this recipe here").click()
        await page.get_by_text("Version 2: kept by mai").wait_for()
        await page.get_by_role("tab", name="Build and cache").click()
        await page.get_by_role("button", name="Run the setup").click()
        await expect(page.get_by_text("built and kept", exact=True)).to_be_visible(timeout=30000)

        await page.get_by_role("tab", name="Terminal").click()
        await page.get_by_role("button", name="Open a terminal").click()
        glass = page.locator(".environments-terminal pre")
        await expect(glass).to_contain_text("$ ", timeout=30000)
        await page.keyboard.type("cat a.txt build/made; printf '\\033[31mred\\033[0m <b>no</b>\\n'\n")
        await expect(glass).to_contain_text("from the commit\nmade")
        await expect(glass.locator(".ansi-f1")).to_have_text("red")
        await expect(glass).to_contain_text("<b>no</b>")
        await page.keyboard.type("sleep 99\n")
        await page.keyboard.press("Control+c")
        await page.keyboard.type("stty size | cut -d ' ' -f 1 >/dev/null && exit\n")
        await expect(page.get_by_text("The terminal is closed: the shell has ended (exit")).to_be_visible()
        assert page.faults == []  # type: ignore[attr-defined]
