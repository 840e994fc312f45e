"""Killed while attempts are compared, and while another one is made the pull request: one pull request, with one
attempt's change, and a log that says so."""

from __future__ import annotations

import asyncio
import signal

import pytest

from midwatch.domain.interventions import Delegated
from midwatch.engine.blobs import Blobs
from midwatch.engine.store.sqlite import SqliteStore
from midwatch.forges.local import LocalForge
from midwatch.workflows.read import make_report
from midwatch.workflows.verify import verify_task
from tests.crash.sampling import one_of
from tests.crash.test_kill import Place
from tests.crash.test_kill import place as place
from tests.support.place import git

APPENDS = 33
"""Of an undisturbed run of both attempts and their reviews; the test says when this is no longer so."""
FIRST_REVIEW = 15
"""From about here on both attempts have their evidence."""


async def _offered(place: Place) -> int:
    """The number of the attempt whose change the pull request has."""
    name = place.task_file.read_text()
    store, forge = SqliteStore(place.state / "state.db"), LocalForge(place.state)
    try:
        report = await make_report(store, place.state, forge, name)
        found = await verify_task(store, Blobs(place.state / "blobs"), place.state, forge, name)
        logs = [await store.read(attempt.attempt) for attempt in report.attempts]
        assert [row.task.id for row in await store.recent()] == [name]
    finally:
        await store.close()
    assert found.faults == ()
    assert report.finished
    assert sorted(attempt.status for attempt in report.attempts) == ["done", "not chosen"]
    assert [len({e.body.task for e in log if isinstance(e.body, Delegated)}) for log in logs] == [1, 1]
    assert [sum(e.body.turns for e in log if isinstance(e.body, Delegated)) for log in logs] == [2, 2]
    (request,) = await forge.list()
    assert request.number == 1
    assert report.chosen.commit == git(place.repository, "rev-parse", request.proposal.branch)
    assert not list((place.state / "attempts").iterdir())
    return int(report.chosen.attempt.rpartition(".")[2])


def _drive(place: Place, wish: str, *kill: str) -> str:
    done = place.drive(*kill, script=wish, driver="choose_driver")
    assert done.returncode == (-signal.SIGKILL if kill else 0), done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("number", one_of(12, range(FIRST_REVIEW, APPENDS + 1)))
def test_killed_while_attempts_are_compared(place: Place, number: int) -> None:
    _drive(place, "solve", str(number), "before")
    _drive(place, "solve")
    assert _drive(place, "solve") == "appends 0"
    asyncio.run(_offered(place))


def test_killed_at_each_step_of_a_choice_it_is_carried_out_when_the_task_goes_on(place: Place) -> None:
    assert _drive(place, "solve") == f"appends {APPENDS}"
    offered = asyncio.run(_offered(place))
    for number, when in one_of(3, [(n, when) for n in (1, 2, 3) for when in ("before", "after")]):
        other = 3 - offered
        _drive(place, str(other), str(number), when)
        _drive(place, "solve")
        now = asyncio.run(_offered(place))
        assert now == (offered if (number, when) == (1, "before") else other)
        offered = now
