"""Killed while hooks run or a read-only task is put back, and resumed: nothing twice, nothing left out."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from midwatch.domain.events import Event, Stopped
from midwatch.engine.store.sqlite import SqliteStore
from tests.crash.sampling import one_of
from tests.crash.test_kill import Place, _git, place

__all__ = ["place"]

APPENDS = {"hooks": 26, "read-only": 21}
"""Of an undisturbed run; `test_an_undisturbed_run…` says when this is no longer so."""
KILLS = one_of(12, [(style, number) for style, appends in APPENDS.items() for number in range(1, appends + 1)])


@pytest.mark.parametrize("style", APPENDS)
def test_an_undisturbed_run_appends_as_often_as_the_kill_test_believes(place: Place, style: str) -> None:
    assert place.drive(script=style).stdout.strip() == f"appends {APPENDS[style]}"


@pytest.mark.parametrize(("style", "number"), KILLS)
def test_killed_at_an_append_the_task_goes_on_as_if_nothing_had_happened(place: Place, style: str, number: int) -> None:
    killed = place.drive(str(number), "before", script=style)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed = place.drive(script=style)
    assert resumed.returncode == 0, resumed.stderr
    events = asyncio.run(_events(place.state, place.task_file.read_text()))
    assert not list((place.state / "attempts").iterdir())
    if style == "read-only":
        assert isinstance(events[-1].body, Stopped)
        assert events[-1].body.reason == "answered"
        assert _git(place.repository, "branch", "--list", "midwatch/*") == ""
        return
    branch = f"midwatch/count-further-{place.task_file.read_text()}"
    assert _git(place.repository, "show", f"{branch}:hooks.txt").split() == ["hooked"] * 6 + ["finish"] * 2
    assert _git(place.repository, "show", f"{branch}:count.txt").split()[-1] == "three"


async def _events(state: Path, task: str) -> list[Event]:
    store = SqliteStore(state / "state.db")
    try:
        return list(await store.read(f"{task}.1"))
    finally:
        await store.close()
