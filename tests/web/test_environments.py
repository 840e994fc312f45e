"""The pages of environments in a real browser, with a worker that runs real boxes."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import Page, expect

from tests.support.api import PASSWORD, Api, serving
from tests.support.browser import browser, tab
from tests.support.place import make_repository
from tests.support.sittings import worker

SETUP = 'setup = [\n  "mkdir -p build; echo made > build/made",\n  "test -e b.txt",\n]\n'


async def write_recipe(page: Page) -> None:
    """By the text and by the form, one after the other without waiting for either."""
    text = page.get_by_label("Text of the recipe")
    await text.fill(f"{SETUP}colour = 1\n")
    await expect(page.get_by_text("Line 5: unknown key 'colour'")).to_be_visible()
    await text.fill(f"# mine\n{SETUP}")
    await page.get_by_role("radiogroup", name="The agent reaches").get_by_text("Custom hosts").click()
    await page.get_by_role("group", name="The agent reaches").get_by_role("textbox").fill("docs.example.org")
    await page.get_by_label("Checks").fill("test -e build/made")
    await page.get_by_label("Maintenance").focus()
    await expect(text).to_have_value(re.compile(r'agent = \["docs\.example\.org"\]'))
    await expect(text).to_have_value(re.compile(r'# mine\n(.|\n)*checks = \["test -e build/made"\]'))
    await page.get_by_role("button", name="Keep this recipe here").click()
    await expect(page.get_by_text("Version 1: kept by mai")).to_be_visible()


async def build(page: Page) -> None:
    """The setup fails, is mended at the line that is marked, and builds."""
    await page.get_by_role("tab", name="Build and cache").click()
    await page.get_by_role("button", name="Run the setup").click()
    await expect(page.get_by_text("Command 2 of setup failed, at line 4 of the recipe")).to_be_visible()
    await expect(page.locator(".environments-failing .bad")).to_contain_text('"test -e b.txt"')
    await expect(page.get_by_role("log")).to_contain_text("$ mkdir -p build")
    await page.get_by_role("tab", name="Recipe").click()
    await page.get_by_label("Setup", exact=True).fill("mkdir -p build; echo made > build/made")
    await page.get_by_role("button", name="Keep this recipe here").click()
    await page.get_by_text("Version 2: kept by mai").wait_for()
    await page.get_by_role("tab", name="Build and cache").click()
    await page.get_by_role("button", name="Run the setup").click()
    await expect(page.get_by_text("built and kept", exact=True)).to_be_visible()


async def keep_secrets(page: Page) -> None:
    """What was typed is seen no more; a variable is."""
    await page.get_by_role("tab", name="Secrets and variables").click()
    for title, value in (("Secrets", "hunter-two"), ("Variables", "verbose")):
        section = page.locator("section", has=page.get_by_role("heading", name=title))
        await section.get_by_label("Name").fill("npm_token")
        await section.get_by_label("Value").fill(value)
        await section.get_by_role("button", name="Set").click()
        row = section.get_by_role("row", name="NPM_TOKEN")
        await expect(row).to_contain_text("mai")
        await expect(row).to_contain_text("•••" if title == "Secrets" else value)
    await expect(page.locator("body")).not_to_contain_text("hunter-two")


async def look_around(page: Page) -> None:
    """In a terminal, with colours, what looks like HTML, a program that fills the screen, and Ctrl-C."""
    await page.get_by_role("tab", name="Terminal").click()
    await page.get_by_role("button", name="Open a terminal").click()
    glass = page.locator(".environments-terminal pre")
    await expect(glass).to_contain_text("$ ")
    await page.keyboard.type("cat a.txt build/made; printf '\\033[31mred\\033[0m <b>no</b>\\n'\n")
    await expect(glass).to_contain_text("from the commit\nmade")
    await expect(glass.locator(".ansi-f1")).to_have_text("red")
    await expect(glass).to_contain_text("<b>no</b>")
    await page.keyboard.type("printf '\\033[?1049h\\033[2;3Hwhole'; sleep 99\n")
    await expect(glass).to_contain_text("whole")
    await expect(glass).not_to_contain_text("<b>no</b>")
    await page.keyboard.press("Control+c")
    await page.keyboard.type("printf '\\033[?1049l'; echo $NPM_TOKEN\n")
    await expect(glass).to_contain_text("\nverbose\n")
    await expect(glass).to_contain_text("<b>no</b>")
    await page.keyboard.type("exit 5\n")
    await expect(page.get_by_text("The terminal is closed: the shell has ended (exit 5)")).to_be_visible()


async def test_a_maintainer_writes_a_recipe_sees_its_setup_fail_mends_it_and_looks_around(tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path / "state")}
    async with serving(tmp_path, environ) as api:
        await one_person(api, tmp_path)


async def one_person(api: Api, folder: Path) -> None:
    """All that they do, in one tab."""
    one = await api.registered("one", make_repository(folder / "one", {"a.txt": "from the commit\n"}))
    async with (
        worker(api),
        api.as_user("mai", {one: "maintainer"}),
        browser() as started,
        tab(started, api.url) as seen,
    ):
        await seen.sign_in("mai", PASSWORD)
        await seen.page.get_by_role("link", name="Environments").click()
        await seen.page.get_by_role("link", name="one", exact=True).click()
        await write_recipe(seen.page)
        await build(seen.page)
        await keep_secrets(seen.page)
        await look_around(seen.page)
        await seen.require_clean()
