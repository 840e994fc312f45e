"""The environment of a task, made in real boxes on a real repository."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, OperationError
from midwatch.domain.limits import Limits
from midwatch.domain.observer import Silent
from midwatch.domain.task import Task
from midwatch.sandbox import workers
from midwatch.sandbox.base import Box, BoxSpec, Protections, Sandbox
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.sandbox.process import Process
from midwatch.workflows.environment import Environment, EnvironmentParts, Wanted, environment_layers
from midwatch.workflows.plan import Means
from midwatch.workflows.shell import looking_around
from midwatch.workflows.start import Request, Surroundings, make_task
from midwatch.workspace.config import EnvironmentSettings
from midwatch.workspace.layers.cache import Cache
from midwatch.workspace.recipe import FILE
from midwatch.workspace.repository import Repository
from tests.support.place import git, make_repository

IGNORE = ".venv/\nbuild/\n"
SETUP = """\
setup = [
  "mkdir -p build .venv/bin; echo run >> build/count",
  "printf '#!/bin/sh\\necho tool $1\\n' > .venv/bin/tool; chmod 755 .venv/bin/tool",
  "echo in the home > ~/note; echo changed >> app.txt; rm lock/package-lock.json; touch $MARK",
]
variables = { MARK = "build/marked" }
"""


class Copying(Bubblewrap):
    """Bubblewrap where overlayfs cannot be had."""

    async def probe(self) -> Protections:
        return replace(await super().probe(), overlay=False)


class Watching(Silent):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.said = b""

    def output(self, chunk: bytes) -> None:
        self.said += chunk

    def phase(self, text: str) -> None:
        self.phases.append(text)


@dataclass
class Lab:
    """A repository with a recipe, and a state folder."""

    root: Path
    sandbox: Sandbox = field(default_factory=Bubblewrap)
    settings: EnvironmentSettings = field(default_factory=EnvironmentSettings)
    observer: Watching = field(default_factory=Watching)

    @property
    def repo(self) -> Path:
        return self.root / "repo"

    @property
    def cache(self) -> Cache:
        return Cache(self.root / "state")

    def make(self, recipe: str, **files: str) -> None:
        """Make the repository."""
        named = {name.replace("__", "/"): text for name, text in files.items()}
        first = {
            FILE: recipe,
            ".gitignore": IGNORE,
            "app.txt": "app\n",
            "build/.keep": "",
            "lock/package-lock.json": "1",
        }
        make_repository(self.repo, first | named)

    def commit(self, files: Mapping[str, str]) -> None:
        """One commit more."""
        for name, text in files.items():
            (self.repo / name).parent.mkdir(parents=True, exist_ok=True)
            (self.repo / name).write_text(text)
        git(self.repo, "add", "-A")
        git(self.repo, "commit", "-q", "-m", "More")

    async def task(self) -> Task:
        """A task at the newest commit."""
        means = self.means
        around = Surroundings("fake", self.sandbox.name, (), means, Limits())
        repository = await Repository.open(means.state, str(self.repo))
        return await make_task(Request("Do it", trust_recipe=True), repository, around)

    @property
    def means(self) -> Means:
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(self.root)}
        return Means(self.root / "state", environ, self.settings)

    async def parts(self) -> EnvironmentParts:
        repository = await Repository.open(self.root / "state", str(self.repo))
        overlay = (await self.sandbox.probe()).overlay
        return EnvironmentParts(self.means, repository, self.sandbox, overlay, self.observer)

    @contextlib.asynccontextmanager
    async def environment(self) -> AsyncIterator[Environment]:
        """The environment of a task at the newest commit."""
        async with environment_layers(Wanted.by(await self.task()), await self.parts()) as environment:
            yield environment

    async def look(self, command: str) -> str:
        """What a command says in a box that has the environment."""
        async with looking_around(Wanted.by(await self.task()), await self.parts()) as (box, _):
            return await said(box, command)


async def said(box: Box, command: str) -> str:
    pieces: list[bytes] = []
    await box.exec(("/bin/sh", "-c", command), timeout=60, output_bytes=1 << 20, sink=pieces.append)
    return b"".join(pieces).decode()


@pytest.fixture(params=[Bubblewrap, Copying], ids=["overlay", "copy"])
async def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Lab:
    sandbox: Sandbox = request.param()
    if request.param is Bubblewrap and not (await sandbox.probe()).overlay:
        pytest.skip("overlayfs cannot be had here")
    return Lab(tmp_path, sandbox)


async def test_what_a_setup_leaves_is_in_the_box_and_the_repositorys_own_files_are_as_committed(lab: Lab) -> None:
    lab.make(SETUP)
    look = "cat build/count ~/note app.txt lock/package-lock.json; ls build; tool here; git status --porcelain"
    assert await lab.look(look) == "run\nin the home\napp\n1count\nmarked\ntool here\n"
    log = lab.cache.kept()[0][0].log.read_text()
    assert log.startswith("$ mkdir -p build .venv/bin; echo run")
    assert "# exit 0, " in log
    assert "# not kept: app.txt: changed, but it is the repository's own" in log


async def test_a_second_box_and_another_commit_use_what_is_kept(lab: Lab) -> None:
    lab.make(SETUP)
    first = await lab.task()
    assert await lab.look("cat build/count; echo mine > ~/note; rm build/count") == "run\n"
    lab.commit({"other.txt": "newer\n"})
    assert await lab.look("cat build/count ~/note other.txt") == "run\nin the home\nnewer\n"
    assert len(lab.cache.kept()) == 1
    assert (await lab.task()).terms.layers == first.terms.layers
    lab.commit({"lock/package-lock.json": "2"})
    assert (await lab.task()).terms.layers != first.terms.layers


async def test_fifty_attempts_that_begin_at_once_cause_one_setup(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.make("setup = ['sleep 0.3; mkdir -p build; echo run >> build/count']")
    wanted, parts = Wanted.by(await lab.task()), await lab.parts()

    async def attempt() -> str:
        async with environment_layers(wanted, parts) as environment:
            return (environment.workspace[0] / "build/count").read_text()

    assert await asyncio.gather(*(attempt() for _ in range(50))) == ["run\n"] * 50
    assert lab.observer.phases.count("running the setup of the environment") == 1


async def test_a_failing_setup_shows_the_command_the_end_of_its_output_and_where_the_log_is(lab: Lab) -> None:
    lab.make("setup = ['echo fine', 'for n in $(seq 100); do echo line $n; done; echo no such package >&2; exit 7']")
    with pytest.raises(OperationError) as caught:
        async with lab.environment():
            pass
    error = caught.value
    assert error.message.startswith("setup command 2 of 2 failed: `for n in")
    assert error.message.endswith("ended with exit 7")
    assert error.detail.splitlines()[-2:] == ["line 100", "no such package"]
    log = Path(error.mend.split("the whole log is ")[1].split(";")[0])
    assert log.read_text().startswith("$ echo fine\nfine\n# exit 0")
    assert "line 1\n" in log.read_text()
    assert lab.cache.kept() == []
    assert not list(lab.cache.folder.glob("building-*"))


async def test_a_command_of_a_setup_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.make("setup = ['sleep 600']\nlimits = { setup_seconds = 1 }")
    with pytest.raises(OperationError, match="time limit of 1 s"):
        async with lab.environment():
            pass


async def test_a_setup_reaches_nothing_when_the_recipe_allows_no_hosts(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.make("setup = ['cat /proc/net/dev > ~/devices']")
    assert "eth" not in await lab.look("cat ~/devices")


async def test_maintenance_runs_for_another_commit_and_not_for_the_first(lab: Lab) -> None:
    lab.make(
        "setup = ['mkdir -p build; echo old > build/made; echo gone > build/away; echo s > ~/s']\n"
        "maintenance = ['cp app.txt build/made; rm build/away; echo m > ~/m; echo x >> app.txt']"
    )
    look = "cat build/made; ls build ~; cat app.txt"
    assert await lab.look(look) == "old\n/home/agent:\ns\n\nbuild:\naway\nmade\napp\n"
    lab.commit({"app.txt": "second\n"})
    expected = "second\n/home/agent:\nm\ns\n\nbuild:\nmade\nsecond\n"
    assert await lab.look(look) == expected
    assert await lab.look(look) == expected
    assert lab.observer.phases.count("running the maintenance of the environment") == 1
    assert lab.observer.phases.count("running the setup of the environment") == 1


async def test_maintenance_that_fails_is_told_and_the_environment_is_used_without_it(lab: Lab) -> None:
    lab.make("setup = ['mkdir -p build; echo old > build/made']\nmaintenance = ['echo new > build/made; false']")
    async with lab.environment() as environment:
        assert environment.notes == ()
    lab.commit({"app.txt": "second\n"})
    for _ in range(2):
        async with lab.environment() as environment:
            (note,) = environment.notes
            assert "the maintenance command failed: `echo new > build/made; false`" in note
            log = Path(note.split("The log is ")[1])
            assert "# exit 1" in log.read_text()
    assert await lab.look("cat build/made") == "old\n"
    assert lab.observer.phases.count("running the maintenance of the environment") == 1


async def test_layers_stay_while_a_task_uses_them(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.make(SETUP)
    async with lab.environment() as environment:
        assert await lab.cache.collect(0, 0) == []
        assert (environment.workspace[0] / "build/count").exists()
    assert len(await lab.cache.collect(0, 0)) == 1


async def test_layers_that_were_deleted_are_made_again_for_a_task_that_goes_on(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.make(SETUP)
    task = await lab.task()
    for _ in range(2):
        async with environment_layers(Wanted.by(task), await lab.parts()) as environment:
            assert (environment.workspace[0] / "build/count").read_text() == "run\n"
        await lab.cache.collect(0, 0)


async def test_a_repository_without_a_recipe_needs_no_box_and_no_process(tmp_path: Path) -> None:
    class Nothing(Bubblewrap):
        def open(self, spec: BoxSpec) -> contextlib.AbstractAsyncContextManager[Box]:
            raise AssertionError("no box is needed")

        async def probe(self) -> Protections:
            return Protections((), overlay=True)

    lab = Lab(tmp_path, Nothing())
    make_repository(lab.repo, {"a.txt": "x"})
    async with lab.environment() as environment:
        assert environment == Environment()


async def test_a_recipe_lowers_the_caps_of_a_box_and_never_raises_them(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.make("limits = { memory_mib = 100, processes = 100000, cpus = 0.5, disk_mib = 10 }")
    async with lab.environment() as environment:
        assert environment.limits.memory_bytes == 100 << 20
        assert environment.limits.disk_bytes == 10 << 20
        assert (environment.limits.processes, environment.limits.cpus) == (512, 0.5)


async def test_without_isolation_the_setup_runs_in_each_box_and_nothing_is_kept(tmp_path: Path) -> None:
    lab = Lab(tmp_path, Process())
    lab.make("setup = ['mkdir -p build; echo run >> build/count']")
    assert await lab.look("cat build/count") == "run\n"
    assert lab.cache.kept() == []
    lab.commit({FILE: "setup = ['echo trouble; false']"})
    with pytest.raises(OperationError, match="the setup command failed") as caught:
        await lab.look("true")
    assert caught.value.detail == "trouble"


async def test_nothing_of_a_look_around_is_left(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.make(SETUP)
    assert await lab.look("echo x > new; cat new") == "x\n"
    assert await lab.look("ls new 2>&1 >/dev/null | wc -l") == "1\n"
    assert os.listdir(tmp_path / "state/shells") == []


async def test_what_a_look_around_that_was_killed_has_left_goes_with_the_next(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.make("")
    shells = tmp_path / "state" / "shells"
    dead, alive = workers.me().split("-"), f"shell-{workers.me()}-x"
    dead[1] = "1"
    for name in (f"shell-{'-'.join(dead)}-x", alive):
        (shells / name / "upper").mkdir(parents=True)
    assert await lab.look("cat app.txt") == "app\n"
    assert [path.name for path in shells.iterdir()] == [alive]


async def test_hosts_that_a_driver_cannot_let_through_are_said(tmp_path: Path) -> None:
    class Closed(Bubblewrap):
        async def probe(self) -> Protections:
            return replace(await super().probe(), network=False)

    lab = Lab(tmp_path, Closed())
    lab.make("setup = ['true']\nnetwork.setup = ['pypi.org']")
    with pytest.raises(InputError, match="cannot let them through"):
        async with lab.environment():
            pass


async def test_a_network_for_the_agent_has_the_hosts_and_the_secrets_of_its_own_hosts(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.make(
        "network.setup = ['a.example.com']\nnetwork.agent = ['b.example.com']\n"
        "secrets.A = { host = 'a.example.com' }\nsecrets.B = { host = 'b.example.com' }\n"
    )
    task = replace(await _with_secrets(lab), terms=(await _with_secrets(lab)).terms)
    means = replace(lab.means, environ={**lab.means.environ, **SECRETS})
    async with environment_layers(Wanted.by(task), replace(await lab.parts(), means=means)) as environment:
        network = environment.network
        assert network is not None
        assert [rule.host for rule in network.rules] == ["b.example.com"]
        assert [(header.host, header.value) for header in network.headers] == [("b.example.com", "two")]
    with pytest.raises(InputError, match="secret B"):
        async with environment_layers(Wanted.by(task), await lab.parts()):
            pass


SECRETS = {"MIDWATCH_SECRET_A": "one", "MIDWATCH_SECRET_B": "two"}


async def _with_secrets(lab: Lab) -> Task:
    means = replace(lab.means, environ={**lab.means.environ, **SECRETS})
    repository = await Repository.open(means.state, str(lab.repo))
    around = Surroundings("fake", lab.sandbox.name, (), means, Limits())
    return await make_task(Request("Do it", trust_recipe=True), repository, around)
