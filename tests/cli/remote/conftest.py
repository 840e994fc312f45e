"""Commands in the test's own process, against the real app on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from midwatch.cli import program
from midwatch.cli.screen import Screen
from midwatch.domain.errors import MidwatchError
from tests.cli.conftest import CALC, mending
from tests.support.api import Api, serving
from tests.support.model_server import ModelServer, says
from tests.support.place import make_repository

CHECK = """python3 -c "import calc; assert calc.total([1, 2, 3]) == 6; print('six')" """.strip()
ASKED = ("Mend the sum", "--repo", "calc", "--check", CHECK, "--model", "openai/scripted")


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """What was printed with `--json`."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class Shell:
    """Runs commands, with an environment of its own and without a terminal."""

    environ: dict[str, str]
    capture: pytest.CaptureFixture[str]

    async def __call__(self, *given: str, **environ: str) -> Ran:
        """A command to its end."""
        self.capture.readouterr()
        screen = Screen(json_wanted="--json" in given, environ={**self.environ, **environ})
        try:
            name, rest = program.split(given)
            code = await program.load(name).execute(program.parser_of(name).read(rest), screen)
        except MidwatchError as error:
            program._complain(error, screen)
            code = error.exit_code
        said = self.capture.readouterr()
        return Ran(code, said.out, said.err)


@dataclass
class World:
    """A server with a repository, and somebody who is a maintainer of it and has a token."""

    api: Api
    run: Shell
    folder: Path
    repository: str
    token: str = field(repr=False)

    @property
    def config(self) -> Path:
        """The folder of the settings."""
        return self.folder / "config/midwatch"

    async def submitted(self, *more: str) -> str:
        """A task that was submitted just now; its id."""
        ran = await self.run("submit", *ASKED, "--json", *more)
        assert ran.code == 0, ran.err
        return str(ran.lines[0]["id"])

    async def worked(self, *more: str) -> str:
        """A task that was submitted and done."""
        task = await self.submitted(*more)
        await self.api.work(task)
        return task

    def task_soon(self, task: str) -> asyncio.Task[None]:
        """A worker takes the task in a moment."""
        return asyncio.create_task(self.api.work(task))


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """No server, no token."""
    return Shell({"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"),
                  "XDG_STATE_HOME": str(tmp_path / "mine")}, capsys)  # fmt: skip


@pytest.fixture
async def world(tmp_path: Path, shell: Shell, server: ModelServer) -> AsyncIterator[World]:
    """The server is named by the variable, the token too."""
    around = {"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path / "state"), "OPENAI_API_KEY": "sk-test",
              "OPENAI_BASE_URL": server.script(*mending(), says("Nothing more."))}  # fmt: skip
    async with serving(tmp_path, around) as api:
        repository = await api.registered("calc", make_repository(tmp_path / "calc", {"calc.py": CALC}))
        async with api.as_user("ada", {repository: "maintainer"}) as ada:
            made = await ada.post("/tokens", json={"name": "test"})
        shell.environ |= {"MIDWATCH_SERVER": api.url, "MIDWATCH_TOKEN": made.json()["secret"]}
        yield World(api, shell, tmp_path, repository, made.json()["secret"])
