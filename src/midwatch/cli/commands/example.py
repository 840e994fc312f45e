"""`midwatch example`: a small repository with a bug in it."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
from argparse import Namespace
from importlib.resources import files
from pathlib import Path

from midwatch.cli import arguments, words
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError, OperationError
from midwatch.server.example import PROMPT

USAGE = "midwatch example DEST [--json]"

_NAME, _EMAIL, _DATE = "Midwatch example", "example@localhost", "2026-01-05T09:00:00Z"


def add_arguments(parser: arguments.Parser) -> None:
    """Where to."""
    parser.add_argument("dest", metavar="DEST", help="a folder that does not exist yet, or is empty")


async def execute(options: Namespace, screen: Screen) -> int:
    """Write the files and commit them."""
    target = Path.cwd() / options.dest
    commit = await asyncio.to_thread(write_example, target)
    command = f"midwatch run {shlex.quote(PROMPT)} --repo {shlex.quote(options.dest)}"
    if screen.json:
        screen.emit({"type": "example", "path": str(target), "commit": commit, "command": command})
        return 0
    look = screen.look()
    screen.say(f"{look.mark(True)} an example repository is in {words.line(options.dest)}: two of its tests fail")
    screen.say(["now let Midwatch work on it:", "", f"  {look.command(words.line(command))}", ""])
    return 0


def write_example(target: Path) -> str:
    """The repository at `target`, with one commit whose id is returned. Raises InputError when there is something."""
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise InputError(f"{target} exists and is not an empty folder", "give a folder that does not exist yet")
    source = Path(str(files("midwatch"))) / "example" / "files"
    if not source.is_dir():
        raise OperationError(
            f"the example's files are missing from this installation ({source})", "install Midwatch again"
        )
    try:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    except (OSError, shutil.Error) as error:
        raise OperationError(f"{target} cannot be written: {error}", "choose another folder") from error
    _git(target, "init", "--quiet", "--initial-branch=main", ".")
    _git(target, "add", "--all", "--force")
    _git(target, "commit", "--quiet", "--no-verify", "--message=A small package with a failing test")
    return _git(target, "rev-parse", "HEAD").strip()


def _git(folder: Path, *arguments: str) -> str:
    # Nothing of the person's own git settings: the same commit on every machine.
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    fixed = {
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TEMPLATE_DIR": "",
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        "GIT_AUTHOR_NAME": _NAME,
        "GIT_AUTHOR_EMAIL": _EMAIL,
        "GIT_AUTHOR_DATE": _DATE,
        "GIT_COMMITTER_NAME": _NAME,
        "GIT_COMMITTER_EMAIL": _EMAIL,
        "GIT_COMMITTER_DATE": _DATE,
    }
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, env=kept | fixed, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise OperationError(
            "git is not installed", "install git 2.38 or newer (Debian: apt-get install git)"
        ) from None
    if done.returncode != 0:
        raise OperationError(f"git {arguments[0]} failed: {words.line(done.stderr)}", "`midwatch doctor` looks at git")
    return done.stdout
