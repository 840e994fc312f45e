"""`midwatch serve` as a process: from a submission to a pull request, also when it is killed on the way."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from midwatch.engine.database.address import VARIABLE
from tests.support.api import messages, numbers
from tests.support.model_server import ModelServer
from tests.support.model_server import serving as serving_models
from tests.support.office import FILE, Ending, Office, counting, ending
from tests.support.postgresql import Server
from tests.support.repositories import UserRepository

STREAM = {"Accept": "text/event-stream"}


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    with serving_models() as server:
        yield server


class Served:
    """A server that may be ended and started again on the same state folder."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.password = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.url = self.link = ""

    async def start(self, *more: str) -> None:
        """Until it listens."""
        command = [sys.executable, "-m", "midwatch", "serve", "--port", "0", "--lease", "2s", "--json", *more]
        with (self.office.folder / "workers.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.office.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                cwd=self.office.folder,
            )  # fmt: skip
        self.office.workers.append(self.process)
        assert self.process.stdout is not None
        line = await asyncio.to_thread(self.process.stdout.readline)
        assert line, self.office.words
        said = json.loads(line)
        self.url, self.password = said["url"], said.get("password", self.password)
        self.link = said.get("link", "")

    def end(self, number: signal.Signals) -> int:
        """Send it a signal; how it ended."""
        assert self.process is not None
        self.process.send_signal(number)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(60)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx2.AsyncClient]:
        """The first administrator."""
        async with httpx2.AsyncClient(
            base_url=f"{self.url}/api/v1", headers={"X-Midwatch": "1"}, timeout=120
        ) as client:
            known = await client.post("/session", json={"name": "admin", "password": self.password})
            assert known.status_code == 200, known.text
            yield client


@pytest.fixture
async def served(tmp_path: Path, models: ModelServer) -> AsyncIterator[Served]:
    """Not started yet; its model adds four lines, each after a while."""
    office = Office(tmp_path / "office", "", models.script(*counting(4, seconds=0.3)))
    office.folder.mkdir()
    UserRepository.make(office.folder / "repo", count__txt="zero\n")
    yield Served(office)
    office.close()


async def submitted(client: httpx2.AsyncClient, office: Office) -> str:
    """The id of a new task, whose repository is registered before it."""
    there = {"name": "count", "location": str(office.folder / "repo")}
    assert (await client.post("/repositories", json=there)).status_code == 201
    asked = {"prompt": "Count", "repository": "count", "model": "openai/scripted", "checks": [f"grep -q 4 {FILE}"]}
    made = await client.post("/tasks", json=asked)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def followed(client: httpx2.AsyncClient, attempt: str, after: int = 0, most: int = 10**6) -> list[Any]:
    """The messages of a stream."""
    headers = {**STREAM, **({"Last-Event-ID": str(after)} if after else {})}
    async with client.stream("GET", f"/attempts/{attempt}/events", headers=headers) as answer:
        return await messages(answer, most)


async def test_a_server_that_is_killed_goes_on_when_it_is_started_again(served: Served) -> None:
    office = served.office
    await served.start()
    code = served.link.removeprefix(f"{served.url}/#code=")
    async with served.client() as admin:
        assert (await admin.post("/session/code", json={"code": code})).json()["name"] == "admin"
        assert (await admin.get("/choices")).json()["example"]["model"] == "repair"
        name = await submitted(admin, office)
        seen = await followed(admin, f"{name}.1", most=8)
    served.end(signal.SIGKILL)
    await served.start()
    assert served.link == ""
    async with served.client() as admin:
        rest = await followed(admin, f"{name}.1", after=seen[-1][1])
        assert rest[-1][2] == {"attempt": f"{name}.1", "status": "done"}, office.words
        assert numbers([*seen, *rest]) == list(range(1, rest[-1][1] + 1))
        assert "+line 4\n" in (await admin.get(f"/tasks/{name}/diff")).text
        assert (await admin.get(f"/tasks/{name}/evidence")).json()["verdict"] == "passed"
        assert (await admin.get(f"/tasks/{name}/pull-request")).json()["state"] == "open"
        (worker,) = (await admin.get("/workers")).json()["workers"]
        assert worker["fresh"]
    assert served.end(signal.SIGTERM) == 0
    async with office.home() as home:
        task = (await home.store.find(name)).task
    assert await ending(office, [task], 4) == Ending(1, 1, ())


async def test_a_server_that_is_told_to_end_lets_streams_go_and_hands_over_what_it_works_on(
    served: Served, postgresql_server: Server
) -> None:
    office = served.office
    office.url = postgresql_server.database()
    command = [sys.executable, "-m", "midwatch", "migrate", "--database-url", office.url]
    without = {name: value for name, value in office.environ.items() if name != VARIABLE}
    done = await asyncio.to_thread(subprocess.run, command, env=without, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "up to date" in done.stdout
    await served.start()
    async with served.client() as admin:
        name = await submitted(admin, office)
        following = asyncio.create_task(followed(admin, f"{name}.1"))
        await followed(admin, f"{name}.1", most=6)
        assert served.end(signal.SIGTERM) == 0
        seen = await following
    assert all(kind == "event" for kind, _, _ in seen)
    (turn,) = await office.turns()
    assert (turn.status, turn.worker, turn.losses) == ("queued", "", 0)
