"""The same night at a GitHub: docs/images/page/github-N-NAME.png, with a scripted model and the tests' fake GitHub.

From the prompt on a private repository to the pull request there, a remark, a follow-up that brings it up to date,
and the merge, seen on the page and at the forge. Fails where any of it does not come to be.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.async_api import Page, expect

from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.identity import new_id
from midwatch.engine.forges.connections import Connection, Secrets
from midwatch.forges.where import api_of
from scripts.benches.taking import Series, pose, run
from tests.support.browser import PATIENCE, Site, browser, site, tab
from tests.support.forge_github import GitHubDialect
from tests.support.forge_server import ForgeServer
from tests.support.forge_server import serving as serving_forge
from tests.support.forge_state import Hosted
from tests.support.model_server import Step, calls, says
from tests.support.model_server import serving as serving_models

SLUG, BOT = "ann/shelf", "midwatch-bot"
FEES = "def late_fee(days):\n    return days * 20\n"
TEST = """import unittest

from fees import late_fee


class Fees(unittest.TestCase):
    def test_a_fee_ends_at_ten_euros(self):
        self.assertEqual(late_fee(90), 1000)
"""


def patch(old: str, new: str) -> Step:
    """A call that changes a line of the fees."""
    return calls("apply_patch", patch=f"*** Begin Patch\n*** Update File: fees.py\n@@\n-{old}\n+{new}\n*** End Patch")


SCRIPT = [
    calls(
        "update_plan",
        plan=[{"step": "See what fails", "status": "in_progress"}, {"step": "Cap it", "status": "pending"}],
    ),
    calls("shell", command="sleep 8; python3 -m unittest -v"),
    patch("    return days * 20", "    return min(days * 20, 1000)"),
    calls("shell", command="python3 -m unittest -v"),
    says("Cap the late fee at ten euros\n\nThe test failed in cmd 1, and passes in cmd 2, lines 1-5."),
    patch("    return min(days * 20, 1000)", "    return min(days * 20, MOST)"),
    patch("def late_fee(days):", "MOST = 1000  # cents\n+\n+\n+def late_fee(days):"),
    calls("shell", command="python3 -m unittest -v"),
    says("Cap the late fee at ten euros\n\nThe cap has a name now; the tests pass in cmd 3."),
]


async def connected(where: Site, server: ForgeServer, token: str) -> None:
    """The server knows the forge and the repository there."""
    made = Connection(new_id(), "github", "github", server.web, api_of("github", server.web, ""), "token", login=BOT)
    await where.home.connected.kept.add(made, Secrets(token, "mwf_night"), Deed(SERVER, "forge.create", made.id))
    await where.registered("shelf", server.url(SLUG))


async def night(page: Page, hosted: Hosted, series: Series) -> None:
    """The whole path."""
    await page.get_by_label("What is to be done").fill("A late fee must never be more than ten euros")
    await page.get_by_role("form", name="New task").get_by_label("Repository").select_option(label="shelf")
    await series.take("prompt")
    await page.get_by_role("button", name="Start", exact=True).click()
    await page.locator(".task-row a").first.click()
    await page.locator(".call.running").first.wait_for(timeout=PATIENCE)
    await series.take("live")
    assert await page.locator(".call.running").count(), "it was over before the picture was taken"
    await page.locator(".task-head [data-state=open]").wait_for(timeout=PATIENCE)
    await page.locator(".task-head [data-state=done]").wait_for(timeout=PATIENCE)
    (pull,) = hosted.pulls
    assert pull.title == "Cap the late fee at ten euros", pull.title
    await page.get_by_role("link", name="cmd 2, lines 1-5").click()
    await expect(page.locator(".log-line.linked")).to_have_count(5)
    await series.take("citation")
    await page.keyboard.press("Escape")
    await page.get_by_role("tab", name="Changes").click()
    await page.locator(".diff-line.added [role=button]").first.click()
    await page.locator(".remark textarea").fill("Give the ten euros a name.")
    await series.take("remark")
    await page.keyboard.press("Control+Enter")
    first = pull.head_commit
    await page.get_by_role("button", name="Send with 1 remark").click()
    await page.get_by_role("tab", name="Conversation").click()
    await page.get_by_text("The cap has a name now").first.wait_for(timeout=PATIENCE)
    await expect(page.locator(".note.good:not(.entry)")).to_have_count(2, timeout=PATIENCE)
    await page.locator(".task-head [data-state=done]").wait_for(timeout=PATIENCE)
    assert pull.head_commit != first, "the pull request has the follow-up"
    await page.get_by_role("tab", name="Changes").click()
    await page.get_by_text("MOST = 1000").wait_for()
    await series.take("updated")
    await page.get_by_role("tab", name="Pull request").click()
    await page.get_by_role("button", name="Merge").click()
    await page.locator(".pull-request [data-state=merged]").wait_for()
    await page.evaluate("scrollTo(0, 0)")
    await series.take("merged")
    assert "MOST" in hosted.git("show", "main:fees.py"), "it is merged at the forge"


async def _made(target: Path) -> None:
    with tempfile.TemporaryDirectory() as name, serving_models() as models:
        folder = Path(name)
        with serving_forge(folder / "forge", GitHubDialect()) as server:
            bot = server.forge.person(BOT)
            server.forge.person("ann")
            hosted = server.forge.repository(SLUG, **{BOT: "admin", "ann": "write"})
            server.forge.write(hosted, "main", {"fees.py": FEES, "test_fees.py": TEST})
            config = f'model = "night/owl"\n[providers.night]\nbase_url = "{models.script(*SCRIPT)}"\n'
            async with (
                site(folder, config=config) as where,
                browser() as chromium,
                tab(chromium, where.url) as found,
            ):
                await connected(where, server, bot.token)
                await pose(found.page, dark=True)
                await found.sign_in(where.admin.name, where.admin.password)
                await night(found.page, hosted, Series(found.page, target, "github"))
                await found.require_clean()


if __name__ == "__main__":
    run(__doc__, _made)
