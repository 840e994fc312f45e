"""What a task tries in order to look better than it is: between its checks, and around the record of its requests."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.domain.errors import SandboxLost
from midwatch.domain.events import NetworkRequested
from midwatch.engine.blobs import Blobs
from midwatch.engine.store.sqlite import SqliteStore
from midwatch.models.fake import FakeModel, calls, says
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.sandbox.results import ExecResult
from midwatch.sandbox.served import ServedBox
from midwatch.tools.toolset import default_tools
from midwatch.workflows.solve import Parts, solve
from midwatch.workspace.config import EnvironmentSettings
from tests.sandbox.egress.ground import raw_serving
from tests.support.place import Place, make_repository
from tests.workflows.test_environment import Copying, Lab

ADD = calls("shell", command="echo one >> count.txt")
LINT = "#!/bin/sh\ngrep -q never count.txt\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, make_repository(tmp_path / "repo", {"count.txt": "zero\n", "lint.sh": LINT}))


PLANTS = {
    "too large": ("printf '#!/bin/sh\\nexit 0\\n' > lint.sh && truncate -s 2500M lint.sh", "sh lint.sh"),
    "a name of git's": ("mkdir git~1 && touch git~1/found", "find . | grep -q /found"),
    "too deep": (
        "deep=$(yes x | head -252 | tr '\\n' /); mkdir -p $deep && touch $deep/found",
        "find . | grep -q /found",
    ),
    "in git's folder": (
        "git rm -q --cached lint.sh && git config alias.x '!true'",
        "git x || ! git ls-files | grep -q lint.sh",
    ),
    "instead of git's folder": ("rm -r .git && ln -s /tmp .git", "test -L .git"),
    "no file": ("mkfifo found", "find . | grep -q /found"),
}


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("sandbox", [Bubblewrap, Copying])
async def test_a_check_cannot_leave_the_next_what_a_checkpoint_does_not_show(
    place: Place, plant: str, sandbox: type[Bubblewrap]
) -> None:
    place.sandbox = sandbox()
    task = await place.task(list(PLANTS[plant]))
    report = await place.solve(task, FakeModel([ADD, says("Done.")]))
    assert report.chosen.evidence is not None
    assert [run.passed for run in report.chosen.evidence.checks] == [True, False]


HOLD = """\
import os, socket, ssl
line = socket.create_connection(("127.0.0.1", 3128))
line.sendall(b"CONNECT registry.example.com:%d HTTP/1.1\\r\\nHost: registry.example.com:%d\\r\\n\\r\\n")
assert b" 200 " in line.recv(4096)
context = ssl.create_default_context()
incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
tls = context.wrap_bio(incoming, outgoing, server_hostname="registry.example.com")
try:
    tls.do_handshake()
except ssl.SSLWantReadError:
    line.sendall(outgoing.read())
line.recv(5)
"""


async def _solved(lab: Lab, model: FakeModel) -> list[NetworkRequested]:
    """The requests in the log of a task that was worked on."""
    task = replace(await lab.task(), checks=())
    store = SqliteStore(lab.root / "state" / "state.db")
    try:
        await store.create(task)
        place = Place(lab.root, lab.repo)
        made_with = await lab.parts()
        parts = Parts(
            state=lab.root / "state",
            store=store,
            blobs=Blobs(lab.root / "state" / "blobs"),
            repository=made_with.repository,
            sandbox=lab.sandbox,
            model=model,
            tools=default_tools(),
            forge=place.forge,
            observer=lab.observer,
            support=None,
            harness="midwatch test",
            means=lab.means,
        )
        with contextlib.suppress(SandboxLost):
            await solve(task, parts)
        bodies = [event.body for event in await store.read(f"{task.id}.1")]
        return [body for body in bodies if isinstance(body, NetworkRequested)]
    finally:
        await store.close()


async def _hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer something, and never close."""
    await reader.read(1)
    writer.write(b"hello")
    await asyncio.sleep(3600)


@pytest.mark.parametrize("lost", [False, True])
async def test_a_connection_that_outlives_the_last_command_is_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    if lost:
        there = ServedBox.exec

        async def and_lost(self: ServedBox, *arguments: object, **more: object) -> ExecResult:
            await there(self, *arguments, **more)  # type: ignore[arg-type]
            raise SandboxLost("the box is gone")

        monkeypatch.setattr(ServedBox, "exec", and_lost)
    lab = Lab(tmp_path / "lab")
    lab.root.mkdir()
    async with raw_serving(_hold) as server:
        lab.settings = EnvironmentSettings(addresses={"registry.example.com": "127.0.0.1"})
        lab.make(
            f"network.agent = ['registry.example.com:{server.port}']", **{"hold.py": HOLD % (server.port, server.port)}
        )
        requests = await _solved(lab, FakeModel([calls("shell", command="python3 hold.py"), says("Done.")]))
    assert [(one.phase, one.host, one.port, one.allowed) for one in requests] == [
        ("work", "registry.example.com", server.port, True)
    ]
