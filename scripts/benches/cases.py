"""Evaluation cases for the benches: a folder with `manifest.jsonl` and its `check_cases.py`, given by --cases."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def load_cases(folder: Path, tier: str, names: list[str]) -> tuple[Any, list[dict[str, Any]]]:
    """The module that lays cases out and grades them, and the cases of a tier (or those named)."""
    spec = importlib.util.spec_from_file_location("check_cases", folder / "check_cases.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    every = [case for case in module.cases().values() if case["tier"] == tier]
    return module, [case for case in every if not names or case["instance_id"] in names]


@dataclass
class Ended:
    """What one `midwatch run` came to."""

    exit_code: int
    seconds: float
    result: dict[str, Any]
    events: list[dict[str, Any]] = field(default_factory=list)
    stderr: str = ""

    @property
    def verdict(self) -> dict[str, Any]:
        """What the offline model says of its search."""
        for event in reversed(self.events):
            for item in event.get("body", {}).get("items", []):
                if item.get("type") == "verdict":
                    return dict(item)
        return {}


def check_command(module: Any, case: dict[str, Any]) -> str:
    """The case's own test command, with the interpreter of its virtual environment."""
    python = module.venv(case["requirements"]) / "bin/python"
    path = case["python_path"]
    # absolute, as the cases' own grader has it: some tests change the folder and start Python again
    command = str(case["test_command"]).replace(f"PYTHONPATH={path} ", f'PYTHONPATH="$PWD/{path}" ')
    return command.replace("python -m", f"{python} -m")


def midwatch(repository: Path, state: Path, *arguments: str, environ: dict[str, str] | None = None) -> Ended:
    """One whole run, as a person starts it."""
    env = {**os.environ, "XDG_STATE_HOME": str(state), "XDG_CONFIG_HOME": str(state / "config"), **(environ or {})}
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "midwatch", "run", "--json", "--repo", str(repository), *arguments],
        capture_output=True, text=True, env=env, cwd=ROOT, check=False,
    )  # fmt: skip
    seconds = time.monotonic() - began
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    result: dict[str, Any] = next((line for line in reversed(lines) if line["type"] == "result"), {})
    return Ended(done.returncode, seconds, result, [x for x in lines if x["type"] == "event"], done.stderr)


@contextmanager
def laid_out(module: Any, case: dict[str, Any], with_tests: bool = False) -> Iterator[tuple[Path, Path]]:
    """A repository as the case describes it, and a state folder; both gone afterwards."""
    with TemporaryDirectory(prefix="case-") as name:
        repository = Path(name, "repo")
        module.lay_out(case, repository)
        if with_tests:
            module.put_tests(case, repository)
            git(repository, "add", "-A")
            git(repository, "commit", "-q", "--allow-empty", "-m", "The tests of the next release")
        yield repository, Path(name, "state")


def git(repository: Path, *arguments: str) -> str:
    """git in a repository of a case."""
    who = ["-c", "user.name=case", "-c", "user.email=case@localhost", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", "-C", str(repository), *who, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def branch_tree(repository: Path, into: Path) -> Path | None:
    """The offered branch, checked out; None when there is none."""
    names = git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads/midwatch").split()
    if not names:
        return None
    shutil.rmtree(into, ignore_errors=True)
    git(repository, "worktree", "add", "-q", "--detach", str(into), names[0])
    return into
