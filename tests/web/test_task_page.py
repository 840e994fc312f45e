"""The page of a task in a real Chromium: from the prompt to the merged pull request, whatever was written in it."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Page, expect

from tests.support import browser
from tests.support.browser import Site, tab
from tests.support.harmless import require_fits, require_harmless
from tests.support.model_server import Step, calls, says
from tests.support.model_server import serving as serving_models
from tests.support.place import git, make_repository
from tests.support.signed import Signed

pytestmark = pytest.mark.asyncio(loop_scope="module")
IMG = "<img src=x onerror=alert(1)>"
SVG = "<svg onload=alert(2)>"
BIDI = "\u202egnp.exe\u2066"
FILES = {"calc.py": "def add(a, b):\n    return a - b\n", "docs/about.md": "About\n"}
CHECK = "python3 -c 'import calc; assert calc.add(2, 3) == 5; print(\"it adds\")'"


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE: FilePayload = {"name": "dot.png", "mimeType": "image/png", "buffer": base64.b64decode(PNG)}
DROP = """(area, data) => {
  const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0)), carried = new DataTransfer();
  carried.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
  area.dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true }));
}"""


def patch(path: str, old: str, new: str) -> Step:
    """A call that changes a line."""
    return calls("apply_patch", patch=f"*** Begin Patch\n*** Update File: {path}\n@@\n-{old}\n+{new}\n*** End Patch")


LONG = ("`" * 20_000, f"# {' ' * 20_000}x", f"```{' ' * 20_000}`", f"a|b\n{' ' * 20_000}x-", "**a *b [c " * 2_000)
"""What takes a careless pattern minutes to read."""

NIGHT = [
    calls("update_plan", plan=[{"step": "Look", "status": "in_progress"}, {"step": "Mend", "status": "pending"}]),
    calls("shell", command="sleep 2; seq 1 3000"),
    patch("calc.py", "    return a - b", "    return a + b"),
    says("Mend the sum\n\nIt adds now: cmd 1, lines 120-122 has nothing against it."),
    patch("calc.py", "    return a + b", "    return b + a"),
    says("Mend the sum\n\nThe order is the other one now."),
]
PLANNED = [
    calls("update_plan", plan=[{"step": "The first way", "status": "in_progress"}]),
    says("It is this one."),
    calls("update_plan", plan=[{"step": "The other way", "status": "in_progress"}]),
    says("It is the other one."),
]
PLANTED = [
    calls("update_plan", plan=[{"step": f"Plan {IMG}{BIDI}", "status": "pending"}], explanation=SVG),
    calls(
        "shell",
        command="printf '\\033]8;;javascript:alert(3)\\007link\\033]8;;\\007 \\033[31mred\\033[0m "
        f"{IMG} \\033]0;t\\007\\033[2J\\342\\200\\256rev\\n'; "
        f"printf '%s\\n' '{SVG}' '</pre><script>alert(4)</script>'; touch '{IMG}.txt' 'docs/{BIDI}.md'",
    ),
    calls(
        "apply_patch",
        patch=f"*** Begin Patch\n*** Add File: docs/{IMG}.html\n+<script>alert(5)</script>{BIDI}\n+{SVG}\n"
        f"*** Update File: calc.py\n@@\n-    return a - b\n+    return a + b  # {IMG}{BIDI}\n*** End Patch",
    ),
    calls("no_such_tool", evil=IMG),
    says(
        f"Title {IMG}\n\n{SVG} {BIDI} [here](javascript:alert(6)) [there](data:text/html,<script>alert(7)</script>) "
        f"![{IMG}](https://evil.example/x.png) <iframe src=javascript:alert(8)></iframe> "
        "<style>*{display:none}</style>\n\n"
        f"```html\n{IMG}\n```\n\n| {IMG} | b |\n|---|---|\n| {SVG} | <https://evil.example> |\n\n"
        f"<details><summary>{IMG}</summary>\n\n{SVG}\n\n</details>\n\n[fine](https://example.com/a)\n\n"
        + "\n\n".join(LONG)
    ),
]
GROWN = [
    calls(
        "shell",
        command="for n in $(seq 1 13); do for l in $(seq 1 385); do "
        'echo "def f$l(a): return a + $l  # file $n"; done > grown$n.py; done',
    ),
    says("Grow\n\nThere are 5,005 lines more."),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """With two repositories, and models that play scripts."""
    folder = tmp_path_factory.mktemp("site")
    with serving_models() as models:
        scripts = {"night": NIGHT, "planned": PLANNED, "planted": PLANTED, "grown": GROWN}
        parts = [f'[providers.{name}]\nbase_url = "{models.script(*steps)}"\n' for name, steps in scripts.items()]
        for name in ("night", "other"):
            make_repository(folder / name, FILES)
        async with browser.site(folder, config="\n".join(parts)) as found, Signed(found) as admin:
            for name in ("night", "other"):
                answer = await admin.post("/repositories", json={"name": name, "location": str(folder / name)})
                assert answer.status_code == 201, answer.text
            yield found


async def to(page: Page, name: str) -> None:
    """Go to a part of the task."""
    await page.get_by_role("tab", name=name).click()


async def test_a_task_is_followed_live_remarked_on_changed_and_merged(site: Site, chromium: Browser) -> None:
    async with Signed(site) as admin, tab(chromium, site.url, color_scheme="dark") as found:
        page = found.page
        await found.sign_in(site.admin.name, site.admin.password)
        asked = {"prompt": "add() subtracts\nMend it.", "repository": "night", "model": "night/m", "checks": [CHECK]}
        task = await admin.submitted(**asked)
        missing: list[str] = []
        page.on("response", lambda answer: missing.append(answer.url) if answer.status == 404 else None)
        await page.goto(f"/tasks/{task}")
        await page.get_by_role("heading", level=1, name="add() subtracts").wait_for()
        await page.get_by_text("sleep 2; seq 1 3000").wait_for()  # it came live
        await expect(page.locator(".bubble").first).to_contain_text(site.admin.name)
        for connection in list(site.server.server_state.connections):
            connection.transport.abort()
        await page.locator(".entry.reply").get_by_text("It adds now").wait_for()
        await expect(page.locator(".task-head [data-state=done]")).to_be_visible()
        await expect(page.locator(".entry.call")).to_have_count(2)  # each is shown once; the plan's call is the plan
        await cited(page)
        await to(page, "Evidence: passed")
        await page.get_by_role("button", name="Verify the record").click()
        await page.get_by_text("All is as it was written").wait_for()
        await remark(page)
        await follow_up(page, admin, task)
        await to(page, "Pull request: open")
        await page.get_by_role("button", name="Merge").click()
        await expect(page.locator(".pull-request [data-state=merged]")).to_be_visible()
        location = (await admin.get(f"/tasks/{task}")).json()["location"]
        assert git(Path(location), "show", "main:calc.py") == "def add(a, b):\n    return b + a"
        assert missing == []  # what is not there yet was not asked for
        await require_harmless(page)
        await found.require_clean()


async def cited(page: Page) -> None:
    """A citation leads to its lines, and the log is searched."""
    await page.get_by_role("link", name="cmd 1, lines 120-122").click()
    linked = page.locator(".log-line.linked code")
    await expect(linked).to_have_text(["120", "121", "122"])
    assert page.url.endswith("#log=cmd:1:120-122")
    await page.get_by_label("Search in the log").fill("2999")
    await expect(page.locator(".log-line.current code")).to_have_text("2999")
    await page.keyboard.press("Escape")
    await expect(page.locator(".log")).to_have_count(0)


async def remark(page: Page) -> None:
    """By the keyboard alone: to the added line, a remark on it; it outlives loading the page again."""
    await page.keyboard.press("2")
    await page.locator(".diff-line.added").wait_for()
    for _ in range(3):
        await page.keyboard.press("j")
    await page.keyboard.press("c")
    await page.get_by_label("Remark on calc.py:2").fill("Put b first.")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".diff .remark")).to_contain_text("Put b first.")
    await page.get_by_label("Message to the agent").fill("Thank you, but:")
    await page.reload()
    await expect(page.get_by_label("Message to the agent")).to_have_value("Thank you, but:")


async def attached(page: Page) -> None:
    """Pictures are chosen or dropped, seen, and taken away again; what is none is refused by its name."""
    hostile: FilePayload = {"name": f"{IMG}.svg", "mimeType": "image/svg+xml", "buffer": SVG.encode()}
    broken: FilePayload = {"name": "broken.png", "mimeType": "image/png", "buffer": b"no picture"}
    await page.get_by_label("Pictures", exact=True).set_input_files([hostile, broken, PICTURE])
    wrong = f"{IMG}.svg is no PNG, JPEG, GIF or WebP; broken.png cannot be read as a picture"
    await page.get_by_role("alert").get_by_text(wrong).wait_for()
    await page.get_by_label("Message to the agent").evaluate(DROP, base64.b64encode(PICTURE["buffer"]).decode())
    waiting = page.get_by_role("list", name="Pictures that are sent with it")
    await expect(waiting.get_by_role("img")).to_have_count(2)
    await waiting.get_by_role("button", name="Remove dot.png").click()
    await expect(waiting.get_by_role("button")).to_be_focused()
    await expect(waiting.get_by_role("img")).to_have_js_property("naturalWidth", 1)


async def follow_up(page: Page, admin: Signed, task: str) -> None:
    """Both are sent as one message, and the same pull request is brought up to date."""
    before = (await admin.get(f"/tasks/{task}/pull-request")).json()
    await attached(page)
    await page.get_by_role("button", name="Send with 1 remark").click()
    await expect(page.get_by_label("Message to the agent")).to_have_value("")
    await to(page, "Conversation")
    said = page.locator(".entry.said .bubble").last
    for part in ("calc.py:2", "+    return a + b", "Put b first."):
        await expect(said).to_contain_text(part)
    await page.get_by_text("The order is the other one now.").wait_for()
    await expect(said.get_by_alt_text("A picture of the task")).to_have_js_property("naturalWidth", 1)
    assert await admin.ended(task) == "done"
    after = (await admin.get(f"/tasks/{task}/pull-request")).json()
    assert (after["number"], after["commit"] == before["commit"]) == (before["number"], False)


async def test_nothing_that_a_model_a_repository_a_file_name_or_a_terminal_supplies_becomes_markup(
    site: Site, chromium: Browser
) -> None:
    async with Signed(site) as admin, tab(chromium, site.url) as found:
        check = f"echo '{IMG}'; printf '\\033[32mgreen {SVG} \\342\\200\\256rev\\n'; true"
        asked = {"prompt": f"Prompt {IMG} {BIDI}\n{SVG}", "repository": "other", "model": "planted/m", "attempts": 2}
        task = await admin.submitted(**asked, checks=[check])
        assert await admin.ended(task) == "done"
        page = found.page
        page.on("dialog", lambda dialog: found.faults.append(f"a dialog: {dialog.message}"))
        await found.sign_in(site.admin.name, site.admin.password)
        await page.set_viewport_size({"width": 390, "height": 844})
        await page.goto(f"/tasks/{task}?attempt=1")
        await page.locator(".entry.reply").wait_for()
        for folded in (".entry .fold-head[aria-expanded=false]", ".entry details:not([open]) > summary"):
            while await page.locator(folded).count():
                await page.locator(folded).first.click()
        await expect(page.locator(".entry.reply")).to_contain_text(f"Title {IMG}")
        await expect(page.locator(".terminal").first).to_contain_text(IMG)
        links = [await link.get_attribute("href") for link in await page.locator(".entry.reply a").all()]
        assert links == ["https://evil.example/x.png", "https://evil.example", "https://example.com/a"]
        await require_harmless(page)
        await require_fits(page, "the conversation")
        await parts(page, task)
        await logs(page, task)
        await found.require_clean()


async def parts(page: Page, task: str) -> None:
    """All tabs show the words as they are."""
    seen = {"changes": ".diff-line", "evidence": ".checks", "attempts": ".beside .diff-line", "request": ".markdown"}
    for name, first in seen.items():
        await page.goto(f"/tasks/{task}?attempt=1&tab={name}")
        await page.locator(first).first.wait_for()
        assert IMG in await page.locator(".task-body").inner_text(), name
        await require_harmless(page)
        await require_fits(page, name)


async def logs(page: Page, task: str) -> None:
    """Colours are there, and nothing else of what a terminal would do."""
    for place, colour in (("cmd:1", ".ansi-f1"), ("check:1", ".ansi-f2")):
        await page.goto(f"/tasks/{task}?attempt=1#log={place}")
        await page.locator(".log-line", has_text=SVG).first.wait_for()
        await expect(page.locator(f".log-line {colour}").first).to_contain_text(re.compile("red|green"))
        await require_harmless(page)
        await page.get_by_role("button", name="Raw").click()
        await expect(page.locator(".log-line .mark").first).to_have_text("␛")
        await require_harmless(page)


async def test_the_plan_that_stands_beside_the_conversation_is_that_of_what_was_not_undone(
    site: Site, chromium: Browser
) -> None:
    async with Signed(site) as admin, tab(chromium, site.url) as found:
        task = await admin.submitted(prompt="Which way?", repository="other", model="planned/m", mode="read-only")
        await admin.ended(task)
        replied = (await admin.get(f"/attempts/{task}.1/events")).json()["events"][-2]["seq"]
        await admin.post(f"/tasks/{task}/messages", json={"text": "The other one"})
        await admin.ended(task)
        page = found.page
        await found.sign_in(site.admin.name, site.admin.password)
        await page.goto(f"/tasks/{task}")
        plan = page.locator(".facts .plan")
        await expect(plan).to_contain_text("The other way")
        answer = await admin.post(f"/tasks/{task}/undo", json={"step": str(replied)})
        assert answer.status_code == 200, answer.text
        await expect(plan).to_contain_text("The first way")
        await found.require_clean()


async def test_a_diff_of_5000_lines_is_in_the_page_only_where_it_is_seen(site: Site, chromium: Browser) -> None:
    async with Signed(site) as admin, tab(chromium, site.url) as found:
        task = await admin.submitted(prompt="Grow", repository="other", model="grown/m", checks=["true"])
        assert await admin.ended(task) == "done"
        page = found.page
        await found.sign_in(site.admin.name, site.admin.password)
        await page.goto(f"/tasks/{task}?tab=changes")
        await page.locator(".diff-line.added").first.wait_for()
        rows, most = page.locator(".diff-rows"), 0
        for part in range(11):
            await rows.evaluate("(one, part) => { one.scrollTop = one.scrollHeight * part / 10 }", part)
            await page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            most = max(most, await page.evaluate("document.querySelectorAll('*').length"))
        assert most < 5000, most
        await expect(rows.get_by_text("def f385(a): return a + 385  # file 9", exact=True)).to_be_visible()
        await page.get_by_role("button", name="grown13.py").click()
        await page.keyboard.press("j")
        await page.keyboard.press("j")
        await expect(rows.locator(".diff-line:focus")).to_contain_text("# file 13")
        await page.keyboard.press("[")
        await expect(rows.locator(".file-head:focus")).to_contain_text("grown12.py")
        await page.get_by_label("Filter files").fill("n7.")
        await expect(page.locator(".file-link")).to_have_count(1)
        await found.require_clean()
