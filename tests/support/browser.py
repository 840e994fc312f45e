"""A server as people have it, and Debian's Chromium that looks at its page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.office import children

CHROMIUM = "/usr/bin/chromium"
HARMFUL = """() => {
    const all = [...document.querySelectorAll("*")];
    const named = "iframe, object, embed, base, form[action], style, meta[http-equiv], [srcdoc]";
    return [
        ...document.querySelectorAll(named),
        ...all.filter((one) => [...one.attributes].some((it) => /^on/i.test(it.name))),
        ...[...document.querySelectorAll("script")].filter((one) => !/^\\/assets\\//.test(one.getAttribute("src"))),
        ...[...document.querySelectorAll("img")].filter((one) => !/^(blob:|data:image\\/)/.test(one.src)),
        ...[...document.querySelectorAll("a[href]")].filter((one) => one.origin !== location.origin
            && !(/^https?:$/.test(one.protocol) && /noopener/.test(one.rel))),
    ].map((one) => one.outerHTML);
}"""
"""What must not be in the page, whatever anybody has written."""
UNSEEN = r"""() => [...document.body.innerText].filter((one) => /[\u0000-\u0008\u000b-\u001f\u200b\ufeff]/.test(one)
    || /[\u202a-\u202e\u2066-\u2069]/.test(one)).length"""


@dataclass
class Served:
    """A running `midwatch serve` with a worker in it, and a signed-in client of its first administrator."""

    folder: Path
    url: str
    password: str
    client: httpx2.Client
    process: subprocess.Popen[bytes]

    def registered(self, name: str, location: Path) -> None:
        """Have a repository known."""
        answer = self.client.post("/repositories", json={"name": name, "location": str(location)})
        assert answer.status_code == 201, answer.text

    def submitted(self, **asked: Any) -> str:
        """The id of a new task."""
        answer = self.client.post("/tasks", json=asked)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def ended(self, task: str) -> str:
        """How the task stands once nobody works on it."""
        with self.client.stream("GET", f"/attempts/{task}.1/events", headers={"Accept": "text/event-stream"}) as answer:
            for line in answer.iter_lines():
                if line == "event: end":
                    break
        return str(self.client.get(f"/tasks/{task}").json()["status"])


@contextmanager
def serving(folder: Path, providers: Mapping[str, str]) -> Iterator[Served]:
    """`providers`: base URLs of models, by the name of their provider. Until the context ends."""
    config = folder / "config" / "midwatch"
    config.mkdir(parents=True)
    parts = [f'[providers.{name}]\nbase_url = "{url}"\n' for name, url in providers.items()]
    (config / "config.toml").write_text("\n".join(parts))
    environ = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    environ |= {
        "HOME": str(folder / "home"), "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }  # fmt: skip
    (folder / "home").mkdir()
    command = [sys.executable, "-m", "midwatch", "serve", "--port", "0", "--lease", "3s", "--json"]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, cwd=folder
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (folder / "server.log").read_text()
        said = json.loads(line)
        with httpx2.Client(base_url=f"{said['url']}/api/v1", headers={"X-Midwatch": "1"}, timeout=120) as client:
            known = client.post("/session", json={"name": "admin", "password": said["password"]})
            assert known.status_code == 200, known.text
            yield Served(folder, said["url"], said["password"], client, process)
    finally:
        kept = children(process)
        process.terminate()
        assert process.stdout is not None
        process.stdout.close()
        process.wait(60)
        assert not kept, "a server with a worker in it has no processes beside it"


@dataclass
class Watched:
    """A page, and what was wrong in it so far."""

    page: Page
    faults: list[str] = field(default_factory=list)

    def harmless(self) -> None:
        """Nothing that somebody wrote has become markup, a script, or a style; nothing was kept back by the policy."""
        found = self.page.evaluate(HARMFUL)
        assert found == [], found
        assert self.page.evaluate(UNSEEN) == 0
        assert self.faults == [], self.faults


@contextmanager
def chromium() -> Iterator[Browser]:
    """Until the context ends."""
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def signed_in(browser: Browser, served: Served, url: str = "", **options: Any) -> Iterator[Watched]:
    """A window of its own on the first page, of the administrator. `url`: another way to the server; `options` as
    `Browser.new_context` takes them."""
    context = browser.new_context(**options)
    context.set_default_timeout(60_000)
    page = context.new_page()
    watched = Watched(page)
    page.on("pageerror", lambda error: watched.faults.append(f"an error in the page: {error}"))
    page.on("dialog", lambda dialog: (watched.faults.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
    page.on(
        "console",
        lambda said: watched.faults.append(said.text) if "Content Security Policy" in said.text else None,
    )
    try:
        page.goto(url or served.url)
        page.get_by_label("Name").fill("admin")
        page.get_by_label("Password").fill(served.password)
        page.keyboard.press("Enter")
        page.get_by_role("heading", level=1, name="Tasks").wait_for()
        yield watched
    finally:
        context.close()
