"""Killed before and after every append of a run with subtasks, and of going back: nothing done twice or half."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path

import pytest

from midwatch.agent.log import History
from midwatch.domain.events import ToolFinished
from midwatch.domain.interventions import Delegated
from midwatch.engine.blobs import Blobs
from midwatch.engine.store.sqlite import SqliteStore
from midwatch.forges.local import LocalForge
from midwatch.workflows.verify import verify_task
from tests.crash.sampling import one_of
from tests.crash.test_kill import Place
from tests.crash.test_kill import place as place
from tests.support.place import git

APPENDS = 30
"""Of an undisturbed run; `test_an_undisturbed_run…` says when this is no longer so."""

EXPECTED = "zero\none\npart one\npart two\nthree"


def drive(place: Place, *kill: str) -> subprocess.CompletedProcess[str]:
    return place.drive(*kill, driver="subtask_driver")


async def _look(state: Path, task: str) -> tuple[History, dict[str, History], tuple[str, ...]]:
    store = SqliteStore(state / "state.db")
    try:
        history = History(await store.read(f"{task}.1"))
        told = dict.fromkeys(e.body.task for e in history.events if isinstance(e.body, Delegated))
        parts = {name: History(await store.read(f"{name}.1")) for name in told}
        found = await verify_task(store, Blobs(state / "blobs"), state, LocalForge(state), task)
        return history, parts, found.faults
    finally:
        await store.close()


def test_an_undisturbed_run_appends_as_often_as_the_kill_test_believes(place: Place) -> None:
    done = drive(place)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"appends {APPENDS}"


@pytest.mark.parametrize(
    ("when", "number"),
    one_of(16, [(when, number) for number in range(1, APPENDS + 1) for when in ("before", "after")]),
)
def test_killed_at_any_append_the_parts_are_done_once_and_whole(place: Place, when: str, number: int) -> None:
    killed = drive(place, str(number), when)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed = drive(place)
    assert resumed.returncode == 0, resumed.stderr
    assert drive(place).stdout.strip() == "appends 0"
    task = place.task_file.read_text()
    history, parts, faults = asyncio.run(_look(place.state, task))
    branch = f"midwatch/count-further-{task}"
    assert git(place.repository, "show", f"{branch}:count.txt") == EXPECTED
    assert git(place.repository, "ls-tree", "-r", "--name-only", branch).split() == ["count.txt"]
    assert faults == ()
    assert len(asyncio.run(LocalForge(place.state).list())) == 1
    results = [e.body for e in history.events if isinstance(e.body, ToolFinished)]
    assert [(b.call_id, b.ok) for b in results] == [(f"call_{n}", True) for n in (1, 2, 3, 4)]
    assert results[2].output.endswith(f"{EXPECTED}\n")
    counted, spoilt = parts.values()
    assert [(c.call_id, c.ok) for c in counted.commands] == [("call_1", True), ("call_2", False)]
    assert "3 lines" in counted.commands[0].output
    assert (counted.turns, spoilt.turns) == (3, 2)
    assert (history.turns, history.usage.total) == (4 + 3 + 2, 9 * 15)
    assert not list((place.state / "attempts").iterdir())
