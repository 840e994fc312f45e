"""The real program, run in processes of its own with its own state folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.model_server import ModelServer, Step, calls, calls_all, says, serving

CALC = """\
def total(values):
    result = 0
    for i in range(len(values) - 1):
        result += values[i]
    return result
"""

CHECK = f"""{sys.executable} -c "import calc; assert calc.total([1, 2, 3]) == 6; print('six')" """.strip()

PATCH = """\
*** Begin Patch
*** Update File: calc.py
@@
-    for i in range(len(values) - 1):
+    for i in range(len(values)):
*** End Patch
"""

PLAN = {"plan": [{"step": "mend the loop", "status": "in_progress"}, {"step": "check", "status": "pending"}]}


def mending(before: str = "cat calc.py") -> list[Step]:
    """A model that runs a command, mends the loop and says so."""
    return [
        calls_all(("update_plan", PLAN), ("shell", {"command": before})),
        calls("apply_patch", input=PATCH),
        says("Sum the last value too\n\nThe loop left it out. \x1b[31m\u202e"),
    ]


@dataclass
class Program:
    """Runs `midwatch` with a state folder, a repository and a scripted model of its own."""

    folder: Path
    base_url: str = ""
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def repo(self) -> Path:
        """The repository of the user."""
        return self.folder / "repo"

    def env(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """What the program sees of the environment."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return {
            **kept,
            "HOME": str(self.folder / "home"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "PYTHONUTF8": "1",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": self.base_url,
            **self.environ,
            **(more or {}),
        }

    def argv(self, *arguments: str) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "midwatch", *arguments]

    def __call__(
        self, *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end."""
        return subprocess.run(
            self.argv(*arguments),
            cwd=cwd or self.repo,
            env=self.env(env),
            input=stdin,
            capture_output=True,
            check=False,
        )

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What a command prints with `--json`."""
        done = self(*arguments, "--json")
        assert done.returncode == code, done.stderr.decode()
        return json.loads(done.stdout)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """`midwatch run` with the scripted model and without isolation."""
        return self("run", "Mend the sum", *self.run_options, *arguments)

    @property
    def run_options(self) -> tuple[str, ...]:
        """What every run of these tests has."""
        return ("--model", "openai/scripted", "--sandbox", "process", "--check", CHECK)

    def git(self, *arguments: str) -> str:
        """git in the repository."""
        done = subprocess.run(
            ["git", "-c", "user.name=Dev", "-c", "user.email=dev@localhost", *arguments],
            cwd=self.repo, env=self.env(), capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout


def make_program(folder: Path) -> Program:
    """A program with a repository that has one commit with a bug."""
    program = Program(folder)
    program.repo.mkdir()
    (program.repo / "calc.py").write_text(CALC)
    program.git("init", "--quiet", "--initial-branch=main")
    program.git("add", "--all")
    program.git("commit", "--quiet", "--message=First")
    return program


@pytest.fixture(scope="session")
def server() -> Iterator[ModelServer]:
    """The model endpoint of all tests; conversations are apart."""
    with serving() as running:
        yield running


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """See `Program`; no model yet."""
    return make_program(tmp_path)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, server: ModelServer) -> tuple[Program, str, bytes]:
    """A program after one run that went well: it, the task's id, what the run printed."""
    program = make_program(tmp_path_factory.mktemp("done"))
    program.base_url = server.script(*mending())
    ran = program.run()
    assert ran.returncode == 0, ran.stdout.decode() + ran.stderr.decode()
    return program, program.json("list")[0]["id"], ran.stdout
