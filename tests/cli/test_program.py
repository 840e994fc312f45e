"""The program as it is started: help, errors, exit codes, and what it imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from midwatch import __version__
from midwatch.cli.table import COMMANDS
from tests.cli.conftest import Program

HEAVY = (
    "midwatch.forges.connected",
    "rich",
    "pydantic",
    "httpx2",
    "genai_prices",
    "typer",
    "midwatch.models",
    "midwatch.sandbox",
)


def test_the_version_is_printed_and_nothing_else_is_loaded(program: Program) -> None:
    done = program("--version", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert (done.returncode, done.stdout) == (0, f"midwatch {__version__}\n".encode())
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}
    assert "midwatch.cli.main" in loaded
    assert loaded & {"argparse", "asyncio", "dataclasses", "midwatch.cli.program", "midwatch.wiring"} == set()


def test_list_loads_nothing_heavy_and_no_other_command(program: Program) -> None:
    script = (
        "import sys; from midwatch.cli.main import main\ntry: main(['list'])\nfinally: print(*sys.modules, sep='\\n')"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=program.repo, env=program.env(), capture_output=True, check=True)
    loaded = set(done.stdout.decode().splitlines())
    assert loaded & set(HEAVY) == set()
    commands = {name for name in loaded if name.startswith("midwatch.cli.commands.")}
    assert commands == {"midwatch.cli.commands.list"}


def test_help_names_every_command(program: Program) -> None:
    done = program("--help")
    assert done.returncode == 0
    for name, text in COMMANDS.items():
        assert f"  {name} " in done.stdout.decode()
        assert text.split(":")[0] in " ".join(done.stdout.decode().split())
    assert program("help", "run").stdout == program("run", "--help").stdout
    assert b"--max-cost USD" in program("run", "--help").stdout


def test_without_a_command_the_help_is_shown_and_the_exit_code_is_that_of_bad_usage(program: Program) -> None:
    done = program()
    assert done.returncode == 2
    assert b"midwatch COMMAND --help" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], "there is no command 'rnu'\n  → did you mean `midwatch run`?"),
        (["run"], "the following arguments are required: PROMPT\n  → `midwatch run --help` shows how it is used"),
        (["run", "x", "--max-time", "soon"], "argument --max-time: 'soon' is not a duration: write 90, 90s, 15m or 2h"),
        (["run", "  ", "--sandbox", "process"], "the prompt is empty"),
        (["run", "x", "--repo", "nowhere"], "nowhere"),
        (["run", "x", "--model", "nobody/x"], "nobody"),
        (["show", "zzz"], "there is no task 'zzz'\n  → `midwatch list` shows the tasks"),
        (["resume", "zzz"], "there is no task 'zzz'"),
        (["log", "zzz", "--cmd", "1", "--check", "1"], "not allowed with argument"),
        (["pr", "show", "7"], "there is no pull request #7\n  → `midwatch pr list --all` shows all of them"),
        (["pr", "merge", "zzz"], "'zzz' is no number of a pull request and no task's id"),
        (["apply", "zzz"], "there is no task 'zzz'"),
    ],
)
def test_bad_usage_is_one_clear_line_with_the_mend_and_exit_code_two(
    arguments: list[str], message: str, program: Program
) -> None:
    done = program(*arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.decode().startswith("midwatch: ")
    assert message in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def test_an_error_is_json_too_when_json_is_asked_for(program: Program) -> None:
    done = program("show", "zzz", "--json")
    error = json.loads(done.stdout)
    assert error == {
        "type": "error",
        "message": "there is no task 'zzz'",
        "mend": "`midwatch list` shows the tasks; --server URL is for those of a server",
        "exit_code": 2,
    }
    assert done.returncode == 2


def test_an_error_does_not_command_the_terminal(program: Program) -> None:
    done = program("show", "\x1b[31mx\u202e")
    assert b"\x1b" not in done.stderr
    assert "\u202e" not in done.stderr.decode()


def test_a_state_folder_that_cannot_be_made_is_an_error_of_the_machine(program: Program) -> None:
    (program.folder / "state").write_text("a file is in the way")
    done = program("list")
    assert done.returncode == 1
    assert b"midwatch: the state folder" in done.stderr


def test_a_damaged_state_database_is_said_and_kept(program: Program) -> None:
    database = program.folder / "state/midwatch/state.db"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"not a database at all, " * 500)
    done = program("list")
    assert done.returncode == 1
    assert b"damaged" in done.stderr
    assert b"Traceback" not in done.stderr
    assert database.read_bytes().startswith(b"not a database")


def test_a_reader_that_goes_away_is_no_error_message(program: Program) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            program.argv("list"),
            cwd=program.repo,
            env=program.env(),
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_terminal_that_knows_only_ascii_is_given_ascii(program: Program) -> None:
    done = program("show", "zzz", env={"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert done.stderr.isascii()
    assert b"  -> `midwatch list`" in done.stderr


def test_the_current_folder_may_be_gone(program: Program, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    shell = f'rmdir "{gone}" && exec "$@"'
    done = subprocess.run(
        ["/bin/sh", "-c", shell, "sh", *program.argv("list")],
        cwd=gone,
        env=program.env(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


def test_an_empty_list_says_how_to_begin(program: Program) -> None:
    assert b'midwatch run "what is to be done"' in program("list").stdout
    assert program.json("list") == []
    assert program.json("pr", "list", "--all") == []
