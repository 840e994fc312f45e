"""How turns end by what comes of the work, with an engine in memory and work that is played."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from midwatch import wiring, working
from midwatch.domain.errors import InputError, NewerLog, OperationError, StaleEpoch, StoreError
from midwatch.domain.events import Stopped
from midwatch.domain.task import Task
from midwatch.engine.base import Order
from midwatch.engine.fake import FakeEngine
from midwatch.engine.lease import Held
from midwatch.engine.shift import Shift
from midwatch.engine.turns import Asked, Turn, Turns
from midwatch.engine.workers import Terms, listed
from midwatch.sandbox.slots import Slots
from midwatch.workflows.parts import Inbox
from midwatch.workflows.postbox import Postbox
from midwatch.workflows.reopening import Shelf
from midwatch.workflows.report import Report
from tests.support import samples

Play = Callable[[Task, Postbox], Awaitable[None]]


@dataclass
class Desk:
    """A worker of this process."""

    home: wiring.Home
    engine: FakeEngine = field(default_factory=FakeEngine)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    notes: list[tuple[str, str]] = field(default_factory=list)

    @property
    def turns(self) -> Turns:
        return Turns(self.home.store.database)

    async def work(self) -> None:
        """Until it is told to stop."""
        options = working.Options(
            4, Slots(4), Terms(lease=2.0, beat=0.1), lambda *note: self.notes.append(note), labels=("arch=arm64", "gpu")
        )
        await working.work(self.home, self.engine, options, self.stop)

    async def until(self, turn: Turn, *statuses: str) -> Turn:
        """The turn, once it is that."""
        async with asyncio.timeout(60):
            while (found := await self.turns.get(turn.id)).status not in statuses:
                await asyncio.sleep(0.02)
        return found


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(working, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(working, "HELD_PAUSE", 0.01)
    monkeypatch.setattr(working, "NEWER_PAUSE", 0.01)
    monkeypatch.setattr(working, "SWEEP", 0.05)
    environ = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "PATH": "/usr/bin:/bin"}
    async with wiring.home(environ) as home:
        made = Desk(home)
        doing = asyncio.create_task(made.work())
        yield made
        made.stop.set()
        await doing


def plays(monkeypatch: pytest.MonkeyPatch, play: Play) -> None:
    """What the work on a task is."""

    async def run(home: wiring.Home, task_id: str, postbox: Postbox, _: Inbox) -> Report:
        await play((await home.store.find(task_id)).task, postbox)
        return await wiring.report(home, task_id)

    monkeypatch.setattr(wiring, "run", run)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError("no such branch", "name another"), "no such branch"),
        (OperationError("the endpoint is down", "start it"), "the endpoint is down"),
        (ValueError("oops"), "a bug in Midwatch: ValueError: oops"),
        (asyncio.CancelledError(), "the work was cut off, and nobody wanted that"),
    ],
)
async def test_what_cannot_go_on_fails_at_once_or_after_some_tries(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, error: BaseException, said: str
) -> None:
    tried = 0

    async def play(_task: Task, _postbox: Postbox) -> None:
        nonlocal tried
        tried += 1
        raise error

    plays(monkeypatch, play)
    turn = await desk.until(await desk.turns.submit(samples.task()), "failed", "done")
    assert (turn.status, turn.error) == ("failed", said)
    assert tried == (working.MOST_TRIES if isinstance(error, OperationError | asyncio.CancelledError) else 1)
    assert turn.mend


@pytest.mark.parametrize(
    "error",
    [OperationError("for now"), Held("another has it"), StaleEpoch("taken over"), NewerLog("of a later release")],
)
async def test_what_passes_is_tried_again_until_it_is_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    errors = [error, error]

    async def play(_task: Task, _postbox: Postbox) -> None:
        if errors:
            raise errors.pop()

    plays(monkeypatch, play)
    turn = await desk.until(await desk.turns.submit(samples.task()), "failed", "done")
    assert (turn.status, turn.round, turn.error) == ("done", 3, "")
    assert turn.tries == (2 if type(error) is OperationError else 0)


async def test_a_worker_whose_lease_was_taken_lets_go_of_what_it_does_and_begins_anew(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = cancelled = 0

    async def play(_task: Task, _postbox: Postbox) -> None:
        nonlocal begun, cancelled
        begun += 1
        try:
            await asyncio.sleep(600 if begun == 1 else 0)
        except asyncio.CancelledError:
            cancelled += 1
            raise

    plays(monkeypatch, play)
    turn = await desk.turns.submit(samples.task())
    await desk.until(turn, "running")
    await desk.home.store.database.write(lambda db: db.execute("DELETE FROM worker").rowcount)
    await desk.until(turn, "done")
    assert (begun, cancelled) == (2, 1)


async def test_a_worker_that_hands_over_takes_nothing_that_is_queued_meanwhile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(_task: Task, _postbox: Postbox) -> None:
        await asyncio.sleep(600)

    plays(monkeypatch, play)
    await desk.until(await desk.turns.submit(samples.task()), "running")
    desk.stop.set()
    async with asyncio.timeout(60):
        while ("", "stopping; handing over 1 turns") not in desk.notes:
            await asyncio.sleep(0)
    await desk.engine.enqueue(Order("another:1/1"))
    async with asyncio.timeout(60):
        while ("", "stopped") not in desk.notes:
            await asyncio.sleep(0.01)
            assert await desk.engine.known(["another:1/1"], 0)


async def test_what_is_let_go_of_while_the_database_is_away_is_told_to_it_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[str]] = []
    real, away = Shift.let_go, [StoreError("the database is away", "wait")]

    async def let_go(self: Shift, begun: Sequence[Turn] = ()) -> int:
        told.append([turn.id for turn in begun])
        if away:
            raise away.pop()
        return await real(self, begun)

    async def play(_task: Task, _postbox: Postbox) -> None:
        await asyncio.sleep(0 if told else 600)

    plays(monkeypatch, play)
    monkeypatch.setattr(Shift, "let_go", let_go)
    turn = await desk.turns.submit(samples.task())
    await desk.until(turn, "running")
    await desk.home.store.database.write(lambda db: db.execute("DELETE FROM worker").rowcount)
    await desk.until(turn, "done")
    assert told[:2] == [[turn.id], [turn.id]]


async def test_a_turn_that_was_begun_while_the_lease_was_lost_is_not_worked_on_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    taken: list[str] = []
    workers: list[working._Worker] = []
    real, may_begin = Shift.begin, working._Worker._may_begin

    async def waits(self: working._Worker) -> None:
        workers.append(self)
        await may_begin(self)

    async def begin(self: Shift, run: str) -> Turn | None:
        turn = await real(self, run)
        taken.append(run)
        if len(taken) > 1:
            return turn
        worker = workers[0]
        worker._lease.lost += 1
        async with asyncio.timeout(60):
            while not worker._mine:
                await asyncio.sleep(0.02)
        return turn

    async def play(task: Task, _postbox: Postbox) -> None:
        begun.append(task.id)

    plays(monkeypatch, play)
    monkeypatch.setattr(Shift, "begin", begin)
    monkeypatch.setattr(working._Worker, "_may_begin", waits)
    turn = await desk.until(await desk.turns.submit(samples.task()), "done")
    assert (begun, turn.round) == ([turn.task], 2)


async def test_a_worker_says_what_it_has_and_leaves_what_demands_more_where_it_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(_task: Task, _postbox: Postbox) -> None:
        pass

    plays(monkeypatch, play)
    more = await desk.turns.submit(replace(samples.task(), labels=("big", "gpu")))
    able = await desk.turns.submit(replace(samples.task(), labels=("gpu",)))
    await desk.until(able, "done")
    assert (await desk.turns.get(more.id)).status == "queued"
    (worker,) = await listed(desk.home.store.database)
    assert worker.labels == ("arch=arm64", "gpu")
    assert any(note.endswith("has the labels arch=arm64,gpu") for _, note in desk.notes)


async def test_a_turn_whose_beginning_went_wrong_is_begun_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [OSError("too many open files")]

    async def play(_task: Task, _postbox: Postbox) -> None:
        pass

    def postbox() -> Postbox:
        if wrong:
            raise wrong.pop()
        return Postbox()

    plays(monkeypatch, play)
    monkeypatch.setattr(working, "Postbox", postbox)
    turn = await desk.until(await desk.turns.submit(samples.task()), "done")
    assert turn.round == 2


async def test_a_log_that_cannot_be_closed_holds_up_nothing_else(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    async def cancel(_: Shelf, task: str, _by: str) -> None:
        if not closed:
            closed.append("")
            bad.append(task)
        if task in bad:
            raise OperationError("git is not there")
        closed.append(task)

    bad: list[str] = []
    monkeypatch.setattr("midwatch.workflows.cancelling.cancel", cancel)
    looked = asyncio.Event()

    async def find_lost(*_: object) -> str:
        looked.set()
        return ""

    monkeypatch.setattr(working, "find_lost", find_lost)
    for _ in range(2):
        turn = await desk.turns.submit(samples.task(), asked=Asked(begin_at=2e9))
        await desk.turns.wish(turn.task, "cancel", "ada")
    async with asyncio.timeout(60):
        await looked.wait()
        while len(closed) < 2:
            await asyncio.sleep(0.02)
    assert closed[1] not in bad


async def test_a_message_that_a_killed_worker_has_written_and_worked_on_is_not_told_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    async def tell(_: Shelf, attempt: str, text: str, images: object) -> None:
        told.append(text)
        await store.append(attempt, 0, [samples.person(text)])

    async def play(_task: Task, postbox: Postbox) -> None:
        assert await postbox.read(store) == []

    plays(monkeypatch, play)
    monkeypatch.setattr("midwatch.workflows.reopening.tell", tell)
    task, store = samples.task(), desk.home.store
    await desk.turns.submit(task, [samples.started(task)], Asked(begin_at=time.time() + 3600))
    for text in ("yes", "yes"):
        await desk.turns.say(task, text, "ada")
    await store.append(f"{task.id}.1", 0, [samples.person("yes"), Stopped("answered", "done"), samples.person("yes")])
    await store.append(f"{task.id}.1", 0, [Stopped("answered", "done")])
    await desk.turns.wish(task.id, "pause", "ada")
    await store.database.write(lambda db: db.execute("UPDATE turn SET begin_at = 0").rowcount)
    again = await desk.turns.again(task, "resume")
    assert (await desk.until(again, "done", "failed")).status == "done"
    assert told == []
    await desk.turns.say(task, "yes", "ada")
    async with asyncio.timeout(60):
        while not told:
            await asyncio.sleep(0.02)
    assert told == ["yes"]


async def test_a_message_that_came_too_late_is_worked_on_in_a_turn_of_its_own(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = samples.task()
    heard: list[list[str]] = []

    async def play(task: Task, postbox: Postbox) -> None:
        if not heard:
            heard.append([])
            await desk.turns.say(task, "One more thing.", "ada")
            return
        said = postbox.take(f"{task.id}.1")
        heard.append([message.text for message in said])
        log = await desk.home.store.append(f"{task.id}.1", 0, said)
        postbox.event(log[-1])

    plays(monkeypatch, play)
    await desk.turns.submit(task, [samples.started(task)])
    async with asyncio.timeout(60):
        while len(heard) < 2 or (await desk.turns.counts()) != {"done": 2}:
            await asyncio.sleep(0.02)
    assert heard == [[], ["One more thing."]]
    last = await desk.turns.newest(task.id)
    assert last is not None
    assert (last.number, last.kind) == (2, "message")
