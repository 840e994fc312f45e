"""The page in a browser: from signing in to the first pull request, and lists that follow."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from playwright.async_api import Browser, Dialog, Page, expect

from midwatch.server import branched
from tests.support.browser import Site, Tab, tab
from tests.support.place import git

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOSTILE = "<img src=x onerror=alert(1)> \u202eevil\u202c \x1b[31mred <script>alert(2)</script> &lt;b&gt;"


async def signed_in(within: Tab, site: Site) -> Page:
    await within.sign_in(site.admin.name, site.admin.password)
    return within.page


async def test_the_first_click_of_a_new_server_yields_a_pull_request_and_every_tab_sees_it_come_and_be_merged(
    site: Site, chromium: Browser
) -> None:
    async with tab(chromium, site.url) as one, tab(chromium, site.url) as other:
        page, watching = await signed_in(one, site), await signed_in(other, site)
        start = page.get_by_role("button", name="Start “The late fee is wrong: fix it”")
        await expect(start).to_be_visible()
        await watching.get_by_text("No tasks yet").wait_for()
        await start.click()
        # the list's style does not reach the page that comes after it
        await expect(page.locator("h1")).to_have_css("white-space", "normal")
        shown = watching.locator(".task-row")
        await expect(shown.locator('[data-state="done"]')).to_be_visible()
        await expect(shown.locator('.task-request [data-state="open"]')).to_be_visible()
        await expect(shown.locator(".diffstat")).to_have_text("+1 −1")
        task = await shown.get_attribute("data-task")
        merge = f"/api/v1/tasks/{task}/pull-request/merge"
        assert (await page.request.post(merge, headers={"X-Midwatch": "1"})).ok
        await expect(shown.locator('.task-request [data-state="merged"]')).to_be_visible()
        # a tab that comes back to the list has what happened meanwhile
        await page.get_by_role("link", name="Tasks").first.click()
        await expect(page.locator('.task-row [data-state="done"]')).to_be_visible()
        for each in (one, other):
            await each.require_clean()


async def test_a_list_goes_on_over_a_dropped_connection(site: Site, chromium: Browser) -> None:
    async with tab(chromium, site.url) as found:
        page = await signed_in(found, site)
        await page.get_by_label("What is to be done").wait_for()
        await page.keyboard.press("n")
        await page.keyboard.type("Count the books")
        await page.get_by_role("radio", name="Ask").check(force=True)
        await page.get_by_label("What is to be done").focus()
        await page.keyboard.press("Control+Enter")
        mine = page.locator(".task-row").filter(has_text="Count the books")
        await expect(mine).to_have_count(1)
        await expect(mine.locator('[data-state="answered"]')).to_be_visible()
        for connection in list(site.server.server_state.connections):
            connection.transport.abort()
        task = await mine.get_attribute("data-task")
        async with found.context.expect_page() as opened:
            await page.evaluate("window.open('/')")
        second = await opened.value
        await second.locator(".task-row").first.wait_for()
        await second.locator(f'.task-row[data-task="{task}"] input').check()
        await second.get_by_role("button", name="Archive", exact=True).click()
        await expect(mine).to_have_count(0)
        await page.goto("/?archived=1")
        await expect(mine).to_have_count(1)
        await found.require_clean()


async def test_a_branch_is_found_by_a_part_of_its_name_and_typed_where_none_can_be_listed(
    site: Site, chromium: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with tab(chromium, site.url) as found:
            page = await signed_in(found, site)
            example = (await (await page.request.get("/api/v1/repositories")).json())["repositories"][0]
            git(Path(example["location"]), "branch", "topic/one")
            asked = {"name": "silent", "location": f"http://127.0.0.1:{silent.getsockname()[1]}/x"}
            made = await page.request.post("/api/v1/repositories", data=asked, headers={"X-Midwatch": "1"})
            await page.reload()
            composer = page.get_by_role("form", name="New task")
            words = composer.get_by_label("What is to be done")
            branch = composer.get_by_role("combobox", name="Branch, tag or commit")
            await expect(composer.get_by_label("Repository")).to_have_value(example["id"])
            await words.fill("Look at the topic")
            await page.keyboard.press("Tab")
            await page.keyboard.press("Tab")
            await expect(branch).to_have_attribute("placeholder", "main")
            await page.keyboard.type("TOPIC")
            option = composer.get_by_role("listbox").get_by_role("option")
            await expect(option).to_have_text(["topic/one"])
            await page.keyboard.press("ArrowDown")
            await expect(option).to_have_attribute("aria-selected", "true")
            await page.keyboard.press("Enter")  # picks, and sends nothing
            await expect(branch).to_have_value("topic/one")
            await expect(option).to_have_count(0)
            await composer.get_by_role("button", name="Options").click()
            await expect(composer.get_by_text("Environment: no recipe")).to_be_visible()
            await branch.fill("none/such")
            await page.keyboard.press("Control+Enter")
            refused = composer.get_by_role("alert")
            await expect(refused).to_contain_text("no branch, tag or commit named none/such")
            await expect(words).to_have_value("Look at the topic")
            await expect(branch).to_have_value("none/such")

            monkeypatch.setattr(branched, "PATIENCE", 0.1)
            await composer.get_by_label("Repository").select_option("silent")
            await expect(refused).to_have_count(0)
            await branch.click()
            await expect(composer.get_by_role("status")).to_contain_text(["cannot be listed"])
            await page.keyboard.type("any")
            await expect(composer.get_by_text("the repository does not answer")).to_be_visible()
            await expect(branch).to_have_value("any")
            one = (await made.json())["id"]
            await page.request.delete(f"/api/v1/repositories/{one}", headers={"X-Midwatch": "1"})
            await found.require_clean()


async def test_words_of_others_are_shown_as_they_are_and_run_nothing(site: Site, chromium: Browser) -> None:
    async with tab(chromium, site.url) as found:
        page = await signed_in(found, site)
        asked: list[str] = []

        async def dismiss(dialog: Dialog) -> None:
            asked.append(dialog.message)
            await dialog.dismiss()

        page.on("dialog", dismiss)
        await page.get_by_label("What is to be done").fill(HOSTILE)
        await page.get_by_role("radio", name="Ask").check(force=True)
        await page.get_by_role("button", name="Ask", exact=True).click()
        title = page.locator(".task-row").filter(has_text="evil").locator(".task-title")
        await expect(title).to_have_text(
            "<img src=x onerror=alert(1)> ⟨U+202E⟩evil⟨U+202C⟩ ␛[31mred <script>alert(2)</script> &lt;b&gt;",
        )
        assert await page.locator(".task-row img, .task-row script").count() == 0
        assert asked == []
        await found.require_clean()


async def test_what_is_typed_and_how_it_looks_stay_over_a_reload_and_signing_out_ends_it(
    site: Site, chromium: Browser
) -> None:
    async with tab(chromium, site.url, color_scheme="light") as found:
        page = await signed_in(found, site)
        await page.get_by_label("What is to be done").fill("Half a thou")
        light = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        await page.get_by_role("button", name="Signed in as admin").click()
        await page.get_by_role("menuitemradio", name="Dark").click()
        await page.reload()
        await expect(page.get_by_label("What is to be done")).to_have_value("Half a thou")
        assert await page.evaluate("getComputedStyle(document.documentElement).backgroundColor") != light
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Write a new task")
        await page.keyboard.press("Escape")
        await page.goto("/nothing/of/this")
        assert (await page.request.get("/nothing/of/this")).status == 404
        await page.goto("/admin/nothing-of-this")
        await page.get_by_text("There is nothing here").wait_for()
        await page.get_by_role("button", name="Signed in as admin").click()
        await page.get_by_role("menuitem", name="Sign out").click()
        await page.get_by_role("button", name="Sign in").wait_for()
        # the link of the first start signs in once, and stands in no history
        code = site.codes.give(site.admin.account)
        await page.goto("about:blank")
        await page.goto(f"/#code={code}")
        await page.get_by_role("button", name="Signed in as admin").wait_for()
        assert code not in page.url
        assert site.codes.take(code) == ""
        await found.require_clean()
