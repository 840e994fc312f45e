"""Debian's Chromium over a real server with a worker in the same process."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from midwatch import wiring, working
from midwatch.cli.examples import with_example
from midwatch.engine.accounts.repositories import Repositories
from midwatch.engine.workers import Terms
from midwatch.sandbox.slots import Slots
from midwatch.server.accounts.codes import Codes
from midwatch.server.accounts.first import First, first_admin
from midwatch.server.app import make_app
from midwatch.server.embedded import Embedded
from midwatch.server.serving import Address, Server, listener
from tests.support.api import register

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
PATIENCE = 60_000
"""Milliseconds that something may take which only a broken program does not do."""
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


@dataclass
class Site:
    """A server, and who may do everything on it."""

    home: wiring.Home
    url: str
    admin: First
    server: Server
    codes: Codes
    """Of links that sign in."""

    async def registered(self, name: str, location: Path | str) -> str:
        """A repository that is registered; its id."""
        return await register(Repositories(self.home.store.database), name, location)


@asynccontextmanager
async def site(folder: Path, more: Mapping[str, str] | None = None, config: str = "") -> AsyncIterator[Site]:
    """As `midwatch serve` on a new state folder, until the context ends; `config` is the text of its settings."""
    if config:
        settings = folder / ".config" / "midwatch" / "config.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text(config)
    environ = {
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "PATH": os.environ["PATH"],
        "MIDWATCH_SANDBOX": "process",
        **(more or {}),
    }
    async with wiring.home(environ) as home:
        engine = working.engine_of(home)
        await home.store.database.migrate()
        await engine.migrate()
        app = make_app(home, engine)
        admin = await first_admin(home.store.database)
        assert admin is not None
        await with_example(home)
        heard, listening = listener(Address(port=0)), asyncio.Event()
        server = Server(app, Address(port=0), listening.set)
        running = asyncio.create_task(server.serve([heard]))
        worker = Embedded(environ, 2, Slots(2), Terms(30, 5))
        try:
            await listening.wait()
            worker.start()
            yield Site(home, f"http://127.0.0.1:{heard.getsockname()[1]}", admin, server, app.state.accounts.codes)
        finally:
            await worker.stop()
            server.should_exit = True
            await running
            heard.close()
            await engine.close()


@dataclass
class Tab:
    """A page, and what it complained of."""

    page: Page
    context: BrowserContext
    faults: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Write down what goes wrong in it."""
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("console", self._said)

    def _said(self, message: ConsoleMessage) -> None:
        # the browser itself says of every answer that is an error that it is one
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(message.text)

    async def require_clean(self) -> None:
        """Nothing was refused by the policy, and nothing has failed."""
        refused = await self.page.evaluate("window.violations")
        assert (refused, self.faults) == ([], [])

    async def sign_in(self, name: str, password: str) -> None:
        """By the form."""
        await self.page.get_by_label("Name").fill(name)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.get_by_role("navigation", name="Pages").wait_for(state="attached")


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Without a window; it writes nothing outside of a folder that is removed."""
    async with async_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield launched
        finally:
            await launched.close()


@asynccontextmanager
async def tab(within: Browser, url: str, **options: Any) -> AsyncIterator[Tab]:
    """A new one, of a person of its own, at the server's first page."""
    context = await within.new_context(base_url=url, **options)
    context.set_default_timeout(PATIENCE)
    await context.add_init_script(WATCH)
    found = Tab(await context.new_page(), context)
    found.watch()
    try:
        await found.page.goto("/")
        yield found
    finally:
        await context.close()
