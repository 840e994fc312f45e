"""Workers as processes: killed, stopped, told to stop; and what people want of the turns that they have."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from midwatch import reading, wiring
from midwatch.domain.events import Message, Stopped
from midwatch.engine.turns import Turns
from midwatch.workflows.cancelling import cancel
from midwatch.workflows.reopening import Shelf
from tests.support import samples
from tests.support.model_server import ModelServer, serving
from tests.support.office import Office, ended, ending, serving_counts


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with serving() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
async def office(request: pytest.FixtureRequest, tmp_path: Path, server: ModelServer) -> AsyncIterator[Office]:
    url = f"sqlite:///{tmp_path / 'state' / 'midwatch' / 'state.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_server").database()
    made = Office(tmp_path, url, serving_counts(server, 4, seconds=0.2))
    await made.make()
    yield made
    made.close()


on_sqlite = pytest.mark.parametrize("office", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("office", ["postgresql"], indirect=True)


async def test_what_a_killed_worker_had_is_finished_once_by_its_keepers_next_or_by_another(office: Office) -> None:
    tasks = await office.submit(3)
    keeper = office.worker()
    await office.begun(tasks[0], 1)
    first = await office.kept(keeper)
    assert len(os.listdir(f"/proc/{keeper.pid}/task")) == 1  # a fork of several threads may have a lock that none holds
    os.kill(first, signal.SIGKILL)
    await office.begun(tasks[0], 3)
    assert await office.kept(keeper, first) != first
    keeper.kill()
    office.worker()
    await office.until(ended)
    end = await ending(office, tasks, 4)
    assert end.faults == ()
    assert (end.finished, end.requests) == (3, 3)


@on_postgresql
async def test_a_worker_that_is_stopped_is_ended_and_one_that_is_told_to_stop_hands_over(office: Office) -> None:
    tasks = await office.submit(2)
    first = office.worker()
    await office.begun(tasks[0], 2)
    os.kill(await office.kept(first), signal.SIGTERM)  # as a supervisor does: it tells both
    first.terminate()
    assert first.wait(60) == 0
    turns = await office.turns()
    assert [(turn.status, turn.worker, turn.round) for turn in turns] == [("queued", "", 2)] * 2
    keeper = office.worker()
    await office.begun(tasks[0], 3)
    stopped = await office.kept(keeper)
    os.kill(stopped, signal.SIGSTOP)
    office.worker()
    await office.until(ended)
    assert await office.kept(keeper, stopped) != stopped
    assert "ended by signal 9 (Killed) and is begun anew" in office.words
    assert (await ending(office, tasks, 4)).faults == ()


@on_sqlite
async def test_a_message_a_pause_and_a_cancel_reach_a_running_turn(office: Office) -> None:
    task, other = await office.submit(2)
    office.worker()
    await office.begun(task, 1)
    await office.begun(other, 1)
    async with office.home() as home:
        turns = Turns(home.store.database)
        await turns.say(task, "Mind the gap.", "ada")
        await turns.wish(task.id, "pause", "ada")
        await turns.wish(other.id, "cancel", "bob")
        await office.until(lambda all_: {t.task: t.status for t in all_} == {task.id: "paused", other.id: "cancelled"})
        await turns.again(task, "resume")
        await office.until(lambda all_: {t.status for t in all_} == {"done", "cancelled"})
        events = await home.store.read(f"{task.id}.1")
        said = [e.body.text for e in events if isinstance(e.body, Message) and e.body.author == "person"]
        assert said[1:] == ["Mind the gap."]
        await turns.say(task, "And the step.", "ada")
        await office.until(lambda all_: [t.status for t in all_ if t.task == task.id] == ["done", "done"])
        events = await home.store.read(f"{task.id}.1")
        said = [e.body.text for e in events if isinstance(e.body, Message) and e.body.author == "person"]
        assert said[1:] == ["Mind the gap.", "And the step."]
        assert (await wiring.report(home, task.id)).status == "done"
        assert len(await home.forge.list()) == 1
        ends = [e.body for e in await home.store.read(f"{other.id}.1") if isinstance(e.body, Stopped)]
        assert ends == [Stopped("cancelled", "by bob")]
        report = await wiring.report(home, other.id)
        assert (report.status, report.finished) == ("cancelled", True)
        for each in (task, other):
            assert (await reading.verify(home, each.id)).faults == ()
        # after all: it goes on from where it was
        await turns.again(other, "retry")
        await office.until(lambda all_: [t.status for t in all_ if t.task == other.id] == ["done", "cancelled"])
    assert (await ending(office, [task, other], 4)).faults == ()


@on_sqlite
async def test_tasks_that_were_cancelled_before_they_were_given_to_the_model_begin_after_all(office: Office) -> None:
    retried, told = await office.submit(2)
    async with office.home() as home:
        turns = Turns(home.store.database)
        for task in (retried, told):
            await home.store.append(f"{task.id}.1", 0, [samples.started(task)])
            await turns.wish(task.id, "cancel", "bob")
            await cancel(Shelf(home.state, home.store, home.forge), task.id, "bob")
        await turns.again(retried, "retry")
        await turns.say(told, "Mind the gap.", "ada")
        office.worker()
        await office.until(lambda all_: sorted(t.status for t in all_) == ["cancelled"] * 2 + ["done"] * 2)
        for task, words in ((retried, []), (told, ["Mind the gap."])):
            events = await home.store.read(f"{task.id}.1")
            said = [e.body.text for e in events if isinstance(e.body, Message) and e.body.author == "person"]
            assert said[1:] == words
            assert (await reading.verify(home, task.id)).faults == ()
        assert len(await home.forge.list()) == 2
