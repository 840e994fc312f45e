"""Killed before and after every append, resumed: the same tree, the same results, exactly one pull request."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from midwatch.domain.events import Checked, Proposed, ToolFinished
from midwatch.engine.database.address import VARIABLE, opened
from midwatch.engine.store.sql import SqlStore
from midwatch.forges.local import LocalForge
from tests.crash.sampling import one_of

ROOT = Path(__file__).parents[2]

APPENDS = 23
"""Of an undisturbed run; `test_an_undisturbed_run…` says when this is no longer so."""
BESIDE_APPENDS = 22
"""The same, of the script with a session and with calls beside each other."""


@dataclass(frozen=True)
class Place:
    """A state folder and a repository of one test."""

    state: Path
    repository: Path
    task_file: Path
    url: str = ""
    """Of the database; empty for the file in the state folder."""

    @property
    def environ(self) -> Mapping[str, str]:
        """What the driver sees."""
        return dict(os.environ) | {VARIABLE: self.url}

    def drive(self, *kill: str, script: str = "steps", driver: str = "driver") -> subprocess.CompletedProcess[str]:
        """Run the driver to its end or its death."""
        arguments = [str(self.state), str(self.repository), str(self.task_file), script, *kill]
        return subprocess.run(
            [sys.executable, "-m", f"tests.crash.{driver}", *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=ROOT,
            env=self.environ,
            check=False,
        )


@dataclass(frozen=True)
class Ending:
    """What a finished task left."""

    tree: str
    results: tuple[tuple[str, bool, str, str], ...]
    requests: int
    branches: tuple[str, ...]
    faults: tuple[str, ...]
    proposals: int


def _git(repository: Path, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *who, "-C", str(repository), *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    repository = tmp_path / "repo"
    repository.mkdir()
    _git(repository, "init", "-q", "-b", "main")
    (repository / "count.txt").write_text("zero\n")
    (repository / "keep.txt").write_text("kept\n")
    _git(repository, "add", "-A")
    _git(repository, "commit", "-q", "-m", "Begin")
    return Place(tmp_path / "state", repository, tmp_path / "task")


async def _ending(place: Place) -> Ending:
    store = SqlStore(opened(place.url, place.state))
    try:
        attempt = f"{place.task_file.read_text()}.1"
        events = await store.read(attempt)
        faults = tuple(await store.verify(attempt))
    finally:
        await store.close()
    bodies = [event.body for event in events]
    results = tuple(
        (b.call_id, b.ok, _without_time(b.output), b.checkpoint.tree) for b in bodies if isinstance(b, ToolFinished)
    )
    tree = next(b.evidence.tree for b in bodies if isinstance(b, Checked))
    requests = await LocalForge(place.state).list()
    branches = tuple(_git(place.repository, "for-each-ref", "--format=%(refname)", "refs/heads").split())
    return Ending(tree, results, len(requests), branches, faults, sum(isinstance(b, Proposed) for b in bodies))


def _without_time(output: str) -> str:
    first, _, rest = output.partition("\n")
    return f"{first.partition(' · ')[0]}\n{rest}"


EXPECTED_COUNT = "zero\npatched\none\ntwo\nthree"


def test_an_undisturbed_run_appends_as_often_as_the_kill_test_believes(place: Place) -> None:
    done = place.drive()
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"appends {APPENDS}"


def test_an_undisturbed_run_with_a_session_too(place: Place) -> None:
    done = place.drive(script="beside")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"appends {BESIDE_APPENDS}"
    results = asyncio.run(_ending(place)).results
    assert results[6][2].startswith("session 1 runs\n")


@pytest.mark.parametrize(
    ("number", "when"),
    [
        *((number, "before") for number in one_of(4, range(1, APPENDS + 1))),
        *((number, "after") for number in one_of(6, range(1, APPENDS + 1))),
    ],
)
def test_killed_at_any_append_the_task_goes_on_as_if_nothing_had_happened(place: Place, number: int, when: str) -> None:
    kill_and_resume(place, number, when)


def kill_and_resume(place: Place, number: int, when: str) -> None:
    """Kill it there, let it go on, and see that it ended as if nothing had happened."""
    killed = place.drive(str(number), when)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed = place.drive()
    assert resumed.returncode == 0, resumed.stderr
    again = place.drive()
    assert again.stdout.strip() == "appends 0"
    ending = asyncio.run(_ending(place))
    task = place.task_file.read_text()
    branch = f"midwatch/count-further-{task}"
    assert _git(place.repository, "show", f"{branch}:count.txt") == EXPECTED_COUNT
    assert _git(place.repository, "rev-parse", f"{branch}^{{tree}}") == ending.tree
    assert _git(place.repository, "ls-tree", "-r", "--name-only", branch).split() == ["count.txt", "new/file.txt"]
    assert ending.branches == ("refs/heads/main", f"refs/heads/{branch}")
    assert (ending.requests, ending.proposals, ending.faults) == (1, 1, ())
    assert [(name, ok) for name, ok, _, _ in ending.results] == [
        ("call_1", True), ("call_2", True), ("call_3", True), ("call_4", False), ("call_5", True), ("call_6", False),
    ]  # fmt: skip
    assert "2 lines" in ending.results[0][2]
    assert ending.results[5][2].endswith(f"{EXPECTED_COUNT}\nhello\n")
    assert _git(place.repository, "status", "--porcelain") == ""
    assert not list((place.state / "attempts").iterdir())


@pytest.mark.parametrize(
    ("number", "when"), one_of(7, [(n, when) for n in range(4, BESIDE_APPENDS - 2) for when in ("before", "after")])
)
def test_killed_with_a_session_running_and_calls_beside_each_other(place: Place, number: int, when: str) -> None:
    killed = place.drive(str(number), when, script="beside")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed = place.drive(script="beside")
    assert resumed.returncode == 0, resumed.stderr
    ending = asyncio.run(_ending(place))
    branch = f"midwatch/count-further-{place.task_file.read_text()}"
    assert _git(place.repository, "show", f"{branch}:count.txt") == "zero\nthree"
    assert _git(place.repository, "rev-parse", f"{branch}^{{tree}}") == ending.tree
    assert (ending.requests, ending.proposals, ending.faults) == (1, 1, ())
    assert [name for name, _, _, _ in ending.results] == [f"call_{n}" for n in range(1, 9)]
    said = [output.partition("]\n")[2] if output.startswith("[") else output for _, _, output, _ in ending.results]
    assert [text.split("\n", 1)[1] for text in said[1:6]] == ["zero\n", "1\n", "2\n", "(no output)", "three\n"]
    assert said[0].startswith("session 1 runs; ")
    assert said[6].startswith(("session 1 runs\n", "Session 1 (while read -r line"))
    assert len({tree for _, _, _, tree in ending.results[1:4]}) == 1
