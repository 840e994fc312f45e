"""The page of a task in a real Chromium: from the prompt to the merged pull request, whatever was written in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import Served, chromium, serving, signed_in
from tests.support.model_server import Step, calls, says
from tests.support.model_server import serving as serving_models
from tests.support.place import git, make_repository
from tests.support.relay import relayed

IMG = "<img src=x onerror=alert(1)>"
SVG = "<svg onload=alert(2)>"
BIDI = "\u202egnp.exe\u2066"
FILES = {"calc.py": "def add(a, b):\n    return a - b\n", "docs/about.md": "About\n"}
CHECK = "python3 -c 'import calc; assert calc.add(2, 3) == 5; print(\"it adds\")'"


def patch(path: str, old: str, new: str) -> Step:
    """A call that changes a line."""
    return calls("apply_patch", patch=f"*** Begin Patch\n*** Update File: {path}\n@@\n-{old}\n+{new}\n*** End Patch")


NIGHT = [
    calls("update_plan", plan=[{"step": "Look", "status": "in_progress"}, {"step": "Mend", "status": "pending"}]),
    calls("shell", command="sleep 2; seq 1 3000"),
    patch("calc.py", "    return a - b", "    return a + b"),
    says("Mend the sum\n\nIt adds now: cmd 1, lines 120-122 has nothing against it."),
    patch("calc.py", "    return a + b", "    return b + a"),
    says("Mend the sum\n\nThe order is the other one now."),
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
        f"<details><summary>{IMG}</summary>\n\n{SVG}\n\n</details>\n\n[fine](https://example.com/a)"
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


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("page")
    with serving_models() as models:
        scripts = {"night": NIGHT, "planted": PLANTED, "grown": GROWN}
        providers = {name: models.script(*steps) for name, steps in scripts.items()}
        with serving(folder, providers) as found:
            for name in ("night", "other"):
                found.registered(name, make_repository(folder / name, FILES))
            yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def tab(page: Page, name: str) -> None:
    """Go to a part of the task."""
    page.get_by_role("tab", name=name).click()


def test_a_task_is_followed_live_remarked_on_changed_and_merged(browser: Browser, served: Served) -> None:
    with (
        relayed(urlsplit(served.url).port or 0) as relay,
        signed_in(browser, served, f"http://127.0.0.1:{relay.port}", color_scheme="dark") as watched,
    ):
        page = watched.page
        task = served.submitted(prompt="add() subtracts\nMend it.", repository="night", model="night/m", checks=[CHECK])
        page.goto(f"http://127.0.0.1:{relay.port}/tasks/{task}")
        page.get_by_role("heading", level=1, name="add() subtracts").wait_for()
        page.get_by_text("sleep 2; seq 1 3000").wait_for()  # it came live
        relay.cut()  # the connection is gone while the rest happens
        assert served.ended(task) == "done"
        expect(page.locator(".offline")).to_contain_text("Not connected")
        relay.mend()
        page.locator(".entry.reply").get_by_text("It adds now").wait_for()
        expect(page.locator(".task-head [data-state=done]")).to_be_visible()
        assert page.locator(".entry.call").count() == 2, "each event is shown once; the plan's call is the plan"

        page.get_by_role("link", name="cmd 1, lines 120-122").click()
        expect(page.locator(".log-line.linked")).to_have_count(3)
        assert page.locator(".log-line.linked code").all_inner_texts() == ["120", "121", "122"]
        assert page.url.endswith("#log=cmd:1:120-122")
        page.get_by_label("Search in the log").fill("2999")
        expect(page.locator(".log-line.current code")).to_have_text("2999")
        page.keyboard.press("Escape")
        expect(page.locator(".log")).to_have_count(0)

        tab(page, "Evidence: passed")
        page.get_by_role("button", name="Verify the record").click()
        page.get_by_text("All is as it was written").wait_for()
        remark(page)
        follow_up(page, served, task)
        tab(page, "Pull request: open")
        page.get_by_role("button", name="Merge").click()
        expect(page.locator(".pull-request [data-state=merged]")).to_be_visible()
        assert git(served.folder / "night", "show", "main:calc.py") == "def add(a, b):\n    return b + a"
        watched.harmless()


def remark(page: Page) -> None:
    """By the keyboard alone: to the added line, a remark on it; it outlives loading the page again."""
    page.keyboard.press("2")
    page.locator(".diff-line.added").wait_for()
    for _ in range(3):
        page.keyboard.press("j")
    page.keyboard.press("c")
    page.get_by_label("Remark on calc.py:2").fill("Put b first.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".diff .remark")).to_contain_text("Put b first.")
    page.get_by_label("Message to the agent").fill("Thank you, but:")
    page.reload()
    expect(page.get_by_label("Message to the agent")).to_have_value("Thank you, but:")


def follow_up(page: Page, served: Served, task: str) -> None:
    """Both are sent as one message, and the same pull request is brought up to date."""
    before = served.client.get(f"/tasks/{task}/pull-request").json()
    page.get_by_role("button", name="Send with 1 remark").click()
    expect(page.get_by_label("Message to the agent")).to_have_value("")
    tab(page, "Conversation")
    said = page.locator(".entry.said .bubble").last
    expect(said).to_contain_text("calc.py:2")
    expect(said).to_contain_text("+    return a + b")
    expect(said).to_contain_text("Put b first.")
    page.get_by_text("The order is the other one now.").wait_for()
    assert served.ended(task) == "done"
    after = served.client.get(f"/tasks/{task}/pull-request").json()
    assert (after["number"], after["commit"] == before["commit"]) == (before["number"], False)


def test_nothing_that_a_model_a_repository_a_file_name_or_a_terminal_supplies_becomes_markup(
    browser: Browser, served: Served
) -> None:
    check = f"echo '{IMG}'; printf '\\033[32mgreen {SVG} \\342\\200\\256rev\\n'; true"
    task = served.submitted(
        prompt=f"Prompt {IMG} {BIDI}\n{SVG}", repository="other", model="planted/m", checks=[check], attempts=2
    )
    assert served.ended(task) == "done"
    with signed_in(browser, served, viewport={"width": 390, "height": 844}) as watched:
        page = watched.page
        page.goto(f"{served.url}/tasks/{task}?attempt=1")
        page.locator(".entry.reply").wait_for()
        for folded in (".entry .fold-head[aria-expanded=false]", ".entry details:not([open]) > summary"):
            while page.locator(folded).count():
                page.locator(folded).first.click()
        expect(page.locator(".entry.reply")).to_contain_text(f"Title {IMG}")
        expect(page.locator(".terminal").first).to_contain_text(IMG)
        links = [link.get_attribute("href") for link in page.locator(".entry.reply a").all()]
        assert sorted(links) == ["https://evil.example", "https://evil.example/x.png", "https://example.com/a"]
        watched.harmless()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it fits on a phone"
        parts = {
            "changes": ".diff-line", "evidence": ".checks", "attempts": ".beside .diff-line", "request": ".markdown",
        }  # fmt: skip
        for name, seen in parts.items():
            page.goto(f"{served.url}/tasks/{task}?attempt=1&tab={name}")
            page.locator(seen).first.wait_for()
            assert IMG in page.locator(".task-body").inner_text(), name
            watched.harmless()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} fits on a phone"
        for place, colour in (("cmd:1", ".ansi-f1"), ("check:1", ".ansi-f2")):
            page.goto(f"{served.url}/tasks/{task}?attempt=1#log={place}")
            page.locator(".log-line", has_text=SVG).first.wait_for()
            expect(page.locator(f".log-line {colour}").first).to_contain_text(re.compile("red|green"))
            watched.harmless()
            page.get_by_role("button", name="Raw").click()
            watched.harmless()


def test_a_diff_of_5000_lines_is_in_the_page_only_where_it_is_seen(browser: Browser, served: Served) -> None:
    task = served.submitted(prompt="Grow", repository="other", model="grown/m", checks=["true"])
    assert served.ended(task) == "done"
    with signed_in(browser, served) as watched:
        page = watched.page
        page.goto(f"{served.url}/tasks/{task}?tab=changes")
        page.locator(".diff-line.added").first.wait_for()
        rows = page.locator(".diff-rows")
        most = 0
        for part in range(11):
            rows.evaluate("(one, part) => { one.scrollTop = one.scrollHeight * part / 10 }", part)
            page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            most = max(most, page.evaluate("document.querySelectorAll('*').length"))
        assert most < 5000, most
        expect(rows.get_by_text("def f385(a): return a + 385  # file 9", exact=True)).to_be_visible()
        page.get_by_role("button", name="grown13.py").click()
        page.keyboard.press("j")
        page.keyboard.press("j")
        expect(rows.locator(".diff-line:focus")).to_contain_text("# file 13")
        page.keyboard.press("[")
        expect(rows.locator(".file-head:focus")).to_contain_text("grown12.py")
        page.get_by_label("Filter files").fill("n7.")
        expect(page.locator(".file-link")).to_have_count(1)
        watched.harmless()
