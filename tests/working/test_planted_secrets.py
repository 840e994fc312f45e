"""One task of a server, from a private repository to its pull request, with a secret planted wherever one is taken:
none of them is anywhere afterwards but where it belongs."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from midwatch.engine.vault import FILE as KEYS
from tests.server.test_serve import Served, followed
from tests.support.drivers import EVERY
from tests.support.forge_github import GitHubDialect
from tests.support.forge_server import ForgeServer
from tests.support.forge_server import serving as serving_forge
from tests.support.model_server import ModelServer, calls, says
from tests.support.model_server import serving as serving_models
from tests.support.office import Office

FORGE, HOOK, PROVIDER = "ghp_planted-forge", "planted-hook-secret", "sk-planted-provider"
PASSWORD, SECRET = "planted-password-1", "planted-environment"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nplanted-app-key\n-----END RSA PRIVATE KEY-----"
RECIPE = """\
checks = ["grep -q one a.txt"]
[network]
agent = ["registry.example.com"]
[secrets]
REGISTRY = { host = "registry.example.com" }
"""
LOOK = "env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'; echo four >> a.txt; git config --list"
GIT = '#!/bin/sh\nprintf "%s\\n" "$*" >> "{log}"\nexec {git} "$@"\n'


@dataclass
class Watched(Office):
    """An office whose git writes down what it was called with."""

    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        found = dict(super().environ)
        return {**found, **self.secrets, "PATH": f"{self.folder / 'bin'}:{found['PATH']}"}

    def watch(self) -> None:
        """Put it before the other one."""
        wrapper = self.folder / "bin/git"
        wrapper.parent.mkdir(parents=True)
        wrapper.write_text(GIT.format(log=self.folder / "git.calls", git=shutil.which("git")))
        wrapper.chmod(0o755)


@pytest.fixture
def models() -> Iterator[ModelServer]:
    with serving_models() as server:
        yield server


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[ForgeServer]:
    with serving_forge(tmp_path / "forge", GitHubDialect()) as server:
        server.forge.person("midwatch-bot", FORGE)
        hosted = server.forge.repository("ann/shelf", **{"midwatch-bot": "write"})
        hosted.public = False
        server.forge.write(hosted, "main", {".midwatch/environment.toml": RECIPE})
        yield server


def watching(forge: ForgeServer, seen: list[bytes]) -> None:
    """With each request of git, note the arguments of every process: whoever asks is running then."""
    answer = forge.answer

    def noting(*args: object) -> object:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.append(path.read_bytes())
            except OSError:
                continue  # it has ended
        return answer(*args)  # type: ignore[arg-type]

    forge.answer = noting  # type: ignore[method-assign,assignment]


async def told(client: httpx2.AsyncClient, ids: dict[str, str]) -> dict[str, str]:
    """Every GET route's answer."""
    paths = (await client.get("/openapi.json")).json()["paths"]
    found = []
    for path, operations in paths.items():
        names = re.findall(r"\{(\w+)\}", path)
        if "get" in operations and all(name in ids for name in names):
            url = str(client.base_url).removesuffix("/api/v1/") + path.format(**ids)
            found.append((path, (await client.get(url)).text))
    assert len(found) > 25
    return dict(found)


async def set_up(admin: httpx2.AsyncClient, forge: ForgeServer) -> tuple[dict[str, str], dict[str, str]]:
    """Ids, and secrets that the server has made."""

    async def made(path: str, body: object) -> dict[str, str]:
        answer = await admin.post(path, json=body, headers={"Idempotency-Key": path})
        assert answer.status_code == 201, answer.text
        found: dict[str, str] = answer.json()
        return found

    hub = {"name": "hub", "kind": "github", "web": forge.web, "token": FORGE, "webhook_secret": HOOK}
    one = await made("/forges", hub)
    app = {"name": "app", "kind": "github", "web": "https://hub.example", "app_id": "7", "private_key": PEM}
    assert (await admin.post("/forges", json=app)).status_code == 201
    repository = await made("/repositories", {"name": "shelf", "location": forge.url("ann/shelf")})
    put = await admin.put("/repositories/shelf/secrets/REGISTRY", json={"value": SECRET})
    assert put.status_code == 200, put.text
    await admin.put("/repositories/shelf/variables/LEVEL", json={"value": "visible-level"})
    user = await made("/users", {"name": "ada", "password": PASSWORD})
    token = await made("/tokens", {"name": "ci"})
    webhook = await made("/webhooks", {"url": "https://hooks.example/", "repository": "shelf"})
    ids = {
        "forge_id": one["id"], "repository_id": repository["id"], "user_id": user["id"], "token_id": token["id"],
        "webhook_id": webhook["id"], "name": "REGISTRY",
    }  # fmt: skip
    return ids, {"a user's token": token["secret"], "a webhook's secret": webhook["secret"]}


async def worked(served: Served, forge: ForgeServer) -> tuple[dict[str, str], dict[str, str]]:
    """Do the task. The secrets that the server has made, and all of its answers afterwards."""
    office = served.office
    assert isinstance(office, Watched)
    office.watch()
    await served.start()
    try:
        async with served.client() as admin:
            ids, made = await set_up(admin, forge)
            asked = {"prompt": "Count", "repository": "shelf", "model": "openai/scripted", "trust_recipe": True}
            task = await admin.post("/tasks", json=asked)
            assert task.status_code == 201, task.text
            name = task.json()["id"]
            await followed(admin, f"{name}.1")
            request = (await admin.get(f"/tasks/{name}/pull-request")).json()
            assert request.get("state") == "open", (request, office.words)
            answers = await told(admin, ids | {"task": name, "attempt": f"{name}.1", "number": "1"})
        served.end(signal.SIGTERM)
    finally:
        office.close()
    return made, answers


async def test_no_secret_is_anywhere_but_where_it_belongs(
    tmp_path: Path, models: ModelServer, forge: ForgeServer
) -> None:
    EVERY[0].required()
    arguments: list[bytes] = []
    watching(forge, arguments)
    base = models.script(calls("shell", command=LOOK), says("Count\n\nIt counts."))
    office = Watched(tmp_path / "office", "", base, secrets={"OPENAI_API_KEY": PROVIDER})
    served = Served(office)
    made, answers = await worked(served, forge)
    planted = {
        "forge": FORGE, "hook": HOOK, "app": "planted-app-key", "provider": PROVIDER, "password": PASSWORD,
        "environment": SECRET, "first password": served.password, **made,
    }  # fmt: skip
    planted |= {f"key {n}": key for n, key in enumerate((office.folder / "state/midwatch" / KEYS).read_text().split())}
    thread = forge.forge.repositories["ann/shelf"].threads[1]
    assert thread.head.startswith("midwatch/")
    assert any("authorization" in one.headers for one in forge.asked("POST", "git-receive-pack"))
    places: dict[str, Callable[[], Iterator[tuple[str, bytes]]]] = {
        "files": lambda: files(tmp_path, but=KEYS),
        "git objects": lambda: objects(tmp_path),
        "answers": lambda: ((path, text.encode()) for path, text in answers.items()),
        "arguments": lambda: (("a process", one) for one in arguments),
        "asked of the forge": lambda: ((one.path, f"{one.query}".encode() + one.body) for one in forge.requests),
        "asked of the model": lambda: ((one.path, str(one.body).encode()) for one in models.requests),
    }
    seen = {where: list(look()) for where, look in places.items()}
    assert all(seen.values())
    assert any(b"visible-level" in text for _, text in seen["answers"]), "what is meant to be seen is seen"
    assert any(b"registry.example.com" in text for _, text in seen["git objects"])
    found = [
        (what, where, path)
        for where, texts in seen.items()
        for path, text in texts
        for what, value in planted.items()
        if value.encode() in text
    ]
    assert found == []


def files(top: Path, but: str) -> Iterator[tuple[str, bytes]]:
    """Every file, raw."""
    for path in sorted(top.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.name != but:
            yield str(path.relative_to(top)), path.read_bytes()


def objects(top: Path) -> Iterator[tuple[str, bytes]]:
    """Every object of every git folder, which on disk are compressed."""
    for head in sorted(top.rglob("HEAD")):
        if (head.parent / "objects").is_dir():
            command = ["git", "-c", "safe.directory=*", f"--git-dir={head.parent}", "cat-file", "--batch-all-objects"]
            done = subprocess.run([*command, "--batch"], capture_output=True, check=True)
            yield str(head.parent.relative_to(top)), done.stdout
