"""`midwatch env`: the real program on a real repository."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import subprocess
import time
import tomllib
from pathlib import Path

import pytest

from midwatch.workspace.recipe import FILE, parse
from tests.cli.conftest import Program
from tests.sandbox.boxes import alive, token, until

RECIPE = """\
setup = ["mkdir -p build; echo made > build/out; echo '\\u001b[31mred'"]
checks = ["true"]
"""


def recipe(program: Program, text: str = RECIPE) -> None:
    """Commit a recipe."""
    path = program.repo / FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    (program.repo / ".gitignore").write_text("build/\n")
    program.git("add", "--all")
    program.git("commit", "--quiet", "--message=Recipe")


def failing(program: Program, *arguments: str, code: int) -> str:
    done = program(*arguments)
    assert done.returncode == code, done.stdout.decode() + done.stderr.decode()
    return done.stderr.decode()


def test_init_finds_the_ecosystem_writes_a_recipe_and_keeps_one_that_is_there(program: Program) -> None:
    (program.repo / "requirements.txt").write_text("pytest\n")
    (program.repo / "package.json").write_text("{}")
    (program.repo / "package-lock.json").write_text("{}")
    program.git("add", "--all")
    program.git("commit", "--quiet", "--message=More")
    said = program("env", "init").stdout.decode()
    assert "Python with pip: requirements.txt" in said
    assert "Node with npm: package-lock.json" in said
    text = (program.repo / FILE).read_text()
    read = parse(text.encode())
    assert read.setup == ("python3 -m venv .venv", ".venv/bin/pip install -r requirements.txt", "npm ci")
    assert read.network.setup == ("preset:python", "preset:node")
    assert "is there already" in failing(program, "env", "init", code=2)
    assert (program.repo / FILE).read_text() == text
    assert program.json("env", "init", "--force")["setup"] == list(read.setup)


def test_a_recipe_of_init_is_read_whatever_is_in_the_repository(program: Program) -> None:
    assert "nothing that is known" in program("env", "init").stdout.decode()
    assert tomllib.loads((program.repo / FILE).read_text()) == {"variables": {}, "network": {}}


def test_init_does_not_follow_a_link(program: Program) -> None:
    (program.repo / ".midwatch").mkdir()
    (program.repo / FILE).symlink_to(program.folder / "elsewhere")
    failing(program, "env", "init", code=2)
    assert program("env", "init", "--force").returncode == 0
    assert not (program.folder / "elsewhere").exists()
    assert not (program.repo / FILE).is_symlink()


def test_show_says_what_is_understood_and_what_is_missing(program: Program) -> None:
    recipe(program, RECIPE + 'network.setup = ["pypi.org"]\nsecrets.TOKEN = { host = "pypi.org" }\n')
    said = program("env", "show").stdout.decode()
    for word in ("mkdir -p build", "pypi.org", "not trusted by your settings", "MIDWATCH_SECRET_TOKEN", "not yet"):
        assert word in said
    program.environ["MIDWATCH_SECRET_TOKEN"] = "hush-hush"
    told = program.json("env", "show")
    assert told["secrets"] == {"TOKEN": "the variable MIDWATCH_SECRET_TOKEN"}
    assert (told["cached"], told["trusted"], told["record"]) == (False, False, None)
    assert "hush-hush" not in json.dumps(told)


def test_build_shows_the_log_as_it_comes_and_keeps_what_the_setup_leaves(program: Program) -> None:
    recipe(program)
    done = program("env", "build")
    assert done.returncode == 0, done.stderr.decode()
    said = done.stdout.decode()
    assert "running the setup of the environment" in said
    assert "  red\n" in said
    assert "\x1b" not in said
    shown = program.json("env", "show")
    assert shown["cached"]
    assert shown["record"]["files"] >= 1
    assert "# exit 0" in Path(shown["log"]).read_text()
    again = program.json("env", "build")
    assert (again["built"], again["key"]) == (False, shown["key"])
    assert program.json("env", "build", "--no-cache")["built"]


def test_a_setup_that_fails_is_shown_with_its_output_and_its_log(program: Program) -> None:
    recipe(program, 'setup = ["echo first; echo no such package; exit 3"]\n')
    said = failing(program, "env", "build", code=1)
    assert "the setup command failed" in said
    assert "| no such package" in said
    log = Path(said.split("the whole log is ")[1].split(";")[0])
    assert "first\nno such package" in log.read_text()
    error = json.loads(program("env", "build", "--json").stdout)
    assert (error["exit_code"], error["detail"]) == (1, "first\nno such package")


def test_a_recipe_with_hosts_is_not_built_before_it_is_trusted(program: Program) -> None:
    recipe(program, RECIPE + 'network.setup = ["pypi.org"]\n')
    said = failing(program, "env", "build", code=2)
    assert "hosts for setup (pypi.org)" in said
    assert "--trust-recipe" in said
    assert not program.json("env", "show")["cached"]


def test_a_recipe_without_a_setup_has_nothing_to_build(program: Program) -> None:
    assert "nothing to make" in program("env", "build").stdout.decode()


def test_gc_deletes_what_it_is_told_to(program: Program) -> None:
    recipe(program)
    program.json("env", "build")
    kept = program.json("env", "gc")
    assert (len(kept["removed"]), len(kept["kept"])) == (0, 1)
    assert len(program.json("env", "gc", "--older-than", "1", "--keep-gib", "0.5")["removed"]) == 0
    removed = program.json("env", "gc", "--all")
    assert (len(removed["removed"]), removed["kept"]) == (1, [])
    assert not program.json("env", "show")["cached"]
    assert "not a number" in failing(program, "env", "gc", "--keep-gib", "few", code=2)


def test_the_group_alone_lists_its_commands(program: Program) -> None:
    said = program("env").stdout.decode()
    for name in ("env init", "env show", "env build", "env shell", "env gc"):
        assert name in said
    assert "pr merge" not in said


def test_a_shell_needs_a_terminal(program: Program) -> None:
    assert "needs a terminal" in failing(program, "env", "shell", code=2)


class Terminal:
    """The program on a terminal of its own, and what it shows there."""

    def __init__(self, program: Program, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            program.argv(*arguments), cwd=program.repo, env=program.env({"TERM": "xterm"}), stdin=slave, stdout=slave,
            stderr=slave, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.shown = b""

    def until(self, word: bytes, seconds: float = 40.0) -> None:
        """Read until the word is there."""
        end = time.monotonic() + seconds
        while word not in self.shown:
            assert time.monotonic() < end, self.shown.decode("utf-8", "replace")
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.shown += os.read(self.master, 65536)
                except OSError:
                    break
        assert word in self.shown, self.shown.decode("utf-8", "replace")

    def type(self, text: str) -> None:
        """Type it."""
        os.write(self.master, text.encode())

    def end(self) -> int:
        """Read all that comes; the exit code."""
        with contextlib.suppress(OSError):
            while piece := os.read(self.master, 65536):
                self.shown += piece
        os.close(self.master)
        return self.process.wait(60)


@pytest.fixture(params=["bubblewrap", "process"])
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_shell_is_a_box_on_the_persons_terminal_and_nothing_of_it_is_kept(program: Program, driver: str) -> None:
    recipe(program)
    terminal = Terminal(program, "env", "shell", "--sandbox", driver)
    terminal.until(b"nothing that is done here is kept")
    terminal.type("cat build/out; echo x > kept; stty size; tty -s && echo on a $((40+2)) terminal\n")
    terminal.until(b"on a 42 terminal")
    assert b"made" in terminal.shown
    assert b"24 80" in terminal.shown
    terminal.type("sleep 600\n")
    time.sleep(0.3)
    terminal.type("\x03")
    terminal.type("exit 7\n")
    assert terminal.end() == 7
    assert b"the box is closed" in terminal.shown
    assert program.git("status", "--porcelain") == ""
    assert os.listdir(program.folder / "state/midwatch/shells") == []


async def test_a_build_that_is_killed_takes_its_box_along_and_leaves_nothing_that_is_not_collected(
    program: Program,
) -> None:
    seconds = token()
    recipe(program, f'setup = ["mkdir -p build; echo x > build/x; sleep {seconds}"]\n')
    process = subprocess.Popen(program.argv("env", "build"), cwd=program.repo, env=program.env())
    await until(lambda: alive(seconds), "the setup runs")
    process.kill()
    process.wait()
    await until(lambda: not alive(seconds), "the box has ended")
    assert not program.json("env", "show")["cached"]
    folder = program.folder / "state/midwatch/environments"
    assert list(folder.glob("building-*"))
    program.json("env", "gc")
    assert [path.name for path in folder.iterdir() if not path.name.endswith(".lock")] == []
