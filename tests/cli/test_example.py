"""The example repository."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Program


def test_the_example_is_a_repository_with_one_commit_on_main_and_nothing_left_over(program: Program) -> None:
    done = program("example", "../try it")
    assert done.returncode == 0, done.stderr.decode()
    target = program.folder / "try it"
    assert program.git("-C", str(target), "status", "--porcelain", "--ignored") == ""
    assert program.git("-C", str(target), "log", "--format=%an %s %D") == (
        "Midwatch example A small package with a failing test HEAD -> main\n"
    )
    assert list(target.rglob("*.pyc")) == []


def test_the_example_is_the_same_commit_for_everybody(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    config = program.folder / "home/.gitconfig"
    config.parent.mkdir()
    config.write_text("[core]\nautocrlf = true\n[user]\nname = Somebody\n[init]\ndefaultBranch = trunk\n")
    first = program.json("example", "one")
    config.unlink()
    second = program.json("example", "two")
    assert first["commit"] == second["commit"]
    assert first["path"] == str(program.repo / "one")


def test_the_command_that_is_printed_can_be_typed(program: Program) -> None:
    words = shlex.split(program.json("example", "it's here")["command"])
    assert words[:2] == ["midwatch", "run"]
    assert words[-2:] == ["--repo", "it's here"]
    assert any("midwatch run" in line for line in program("example", "second").stdout.decode().splitlines())


def test_the_example_has_a_failing_test(program: Program) -> None:
    program.json("example", "shop")
    import subprocess

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=program.repo / "shop", env=program.env(), capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout.decode()
    assert b" failed" in done.stdout


@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_is_there_already_is_left_alone(what: str, program: Program) -> None:
    target = program.repo / "there"
    if what == "folder":
        target.mkdir()
        (target / "mine.txt").write_text("mine")
    else:
        target.write_text("mine")
    done = program("example", "there")
    assert done.returncode == 2
    assert b"exists and is not an empty folder" in done.stderr
    kept = target / "mine.txt" if what == "folder" else target
    assert kept.read_text() == "mine"


def test_an_empty_folder_is_taken(program: Program) -> None:
    (program.repo / "empty").mkdir()
    assert program("example", "empty").returncode == 0
    assert Path(program.repo / "empty/.git").is_dir()
