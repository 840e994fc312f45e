"""Turns and messages over both databases."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest

from midwatch.domain.errors import InputError
from midwatch.domain.events import Failed
from midwatch.engine import handing
from midwatch.engine.database.base import Connection, Database, Rows
from midwatch.engine.database.further import Further
from midwatch.engine.fake import FakeEngine
from midwatch.engine.forges.arrivals import TOLD, Arrivals, Delivery, End, settle
from midwatch.engine.handing import find_lost, hand_over, sweep
from midwatch.engine.letters import Letter
from midwatch.engine.places import SOON, ready
from midwatch.engine.shift import MOST_LOSSES, Shift, reclaim
from midwatch.engine.store.sql import SqlStore
from midwatch.engine.turns import BATCH, Asked, Filter, Turn, Turns
from tests.support import samples
from tests.support.orders import Orders


@dataclass
class Desk:
    """A database with its turns."""

    database: Database

    @property
    def turns(self) -> Turns:
        return Turns(self.database)

    async def shift(self, worker: str) -> Shift:
        """Of a worker that has a lease."""

        def work(db: Connection) -> None:
            columns = "id, host, process, capacity, version, started, beat"
            query = f"INSERT INTO worker ({columns}) VALUES (?, 'h', '1-1', 1, '', 0, {db.clock})"
            db.execute(query, (worker,))

        await self.database.write(work)
        return Shift(self.database, worker)

    async def dies(self, worker: str) -> None:
        """Its lease is gone."""
        await self.database.write(lambda db: db.execute("DELETE FROM worker WHERE id = ?", (worker,)).rowcount)


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def test_a_task_and_its_turn_are_kept_together_and_once(desk: Desk) -> None:
    task = samples.task()
    first = await desk.turns.submit(task, [samples.started(task)], Asked("ada", BATCH))
    assert await desk.turns.submit(task) == first
    assert (first.id, first.status, first.owner, first.priority) == (f"{task.id}:1", "queued", "ada", BATCH)
    assert (await SqlStore(desk.database).find(task.id)).attempts[0].seq == 1
    assert await desk.turns.newest(task.id) == first
    assert await desk.turns.page(Filter(owner="bob")) == []
    assert await desk.turns.page(Filter(owner="ada", status="queued", repository=task.repository)) == [first]


async def test_pages_follow_each_other_without_gaps(desk: Desk) -> None:
    made = sorted([(await desk.turns.submit(samples.task())).id for _ in range(5)], reverse=True)
    first = await desk.turns.page(Filter(), limit=2)
    second = await desk.turns.page(Filter(), before=first[-1].id, limit=3)
    assert [turn.id for turn in (*first, *second)] == made
    assert await desk.turns.counts() == {"queued": 5}


async def test_a_turn_is_one_workers_until_its_lease_is_gone_and_what_that_one_says_then_is_refused(
    desk: Desk,
) -> None:
    turn = await desk.turns.submit(samples.task())
    one, two = await desk.shift("one"), await desk.shift("two")
    mine = await one.begin(turn.run)
    assert mine is not None
    assert await two.begin(turn.run) is None
    assert await two.end(mine, "done") is False
    await desk.dies("one")
    assert await one.begin(turn.run) is None
    assert await desk.database.write(reclaim) == [turn.id]
    again = await two.begin(turn.run)
    assert again is not None
    assert (again.worker, again.losses) == ("two", 1)
    assert await one.end(mine, "failed") is False
    assert await one.again(mine) is False
    assert await two.end(again, "done") is True
    assert (await desk.turns.get(turn.id)).status == "done"


async def test_what_a_worker_says_of_an_earlier_round_of_its_own_turn_is_refused(desk: Desk) -> None:
    turn = await desk.turns.submit(samples.task())
    shift = await desk.shift("one")
    before = await shift.begin(turn.run)
    assert before is not None
    assert await shift.let_go() == 1  # the lease was lost, and the same process has it again
    now = await shift.begin((await desk.turns.get(turn.id)).run)
    assert now is not None
    assert await shift.again(before) is False
    assert await shift.end(before, "failed") is False
    assert await shift.end(now, "done") is True


async def test_what_a_reaper_queued_in_the_round_that_its_worker_lets_go_of_is_queued_in_another(desk: Desk) -> None:
    turn = await desk.turns.submit(samples.task())
    shift = await desk.shift("one")
    mine = await shift.begin(turn.run)
    assert mine is not None
    await desk.dies("one")
    assert await desk.database.write(reclaim) == [turn.id]
    assert (await desk.turns.get(turn.id)).run == turn.run  # which the engine has done with
    await shift.let_go([mine])
    assert (await desk.turns.get(turn.id)).round == mine.round + 1


class Heard:
    """A connection, and which tables were changed in which order."""

    def __init__(self, db: Connection) -> None:
        self.db, self.changed = db, list[str]()
        self.for_update, self.clock = db.for_update, db.clock

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Rows:
        """Run it."""
        words = sql.split()
        if words[0] in ("UPDATE", "DELETE", "INSERT"):
            self.changed.append(words[1] if words[0] == "UPDATE" else words[2])
        return self.db.execute(sql, values)

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]], /) -> object:
        """Run it for each."""
        return self.db.executemany(sql, rows)

    def alone(self, what: str, /) -> None:
        """Wait."""
        self.db.alone(what)


async def test_nobody_who_has_changed_budgets_waits_for_a_turn(desk: Desk) -> None:
    """Whoever ends or cancels a turn has that and waits for the budgets."""
    heard: list[Heard] = []

    class Hearing:
        """The desk's database, overheard."""

        async def write(self, work: Callable[[Connection], int]) -> int:
            """Run it."""

            def overheard(db: Connection) -> int:
                heard.append(Heard(db))
                return work(heard[-1])

            return await desk.database.write(overheard)

    shift, dead = await desk.shift("one"), await desk.shift("two")
    begun = []
    for worker, wish in ((shift, "cancel"), (dead, ""), (dead, "cancel")):
        mine = await worker.begin((await desk.turns.submit(samples.task())).run)
        assert mine is not None
        begun.append(mine)
        if wish:
            await desk.turns.wish(mine.task, wish, "ada")
    await desk.dies("two")
    await desk.database.write(lambda db: db.execute(f"UPDATE turn SET losses = {MOST_LOSSES} WHERE wish = ''").rowcount)
    await Hearing().write(lambda db: len(reclaim(db)))
    await Shift(cast("Database", Hearing()), "one").let_go(begun)
    for one in heard:
        assert "reservation" in one.changed
        assert "turn" not in one.changed[one.changed.index("reservation") :]


async def test_a_turn_over_which_worker_after_worker_dies_fails(desk: Desk) -> None:
    turn = await desk.turns.submit(samples.task())
    await (await desk.shift("one")).begin(turn.run)
    await desk.dies("one")
    await desk.database.write(lambda db: db.execute("UPDATE turn SET losses = ?", (MOST_LOSSES,)).rowcount)
    assert await desk.database.write(reclaim) == []
    assert (await desk.turns.get(turn.id)).status == "failed"


async def test_a_turn_that_goes_forward_may_lose_any_number_of_workers(desk: Desk) -> None:
    task = samples.task()
    turn = await desk.turns.submit(task, [samples.started(task)])
    await desk.database.write(lambda db: db.execute("UPDATE turn SET losses = ?", (MOST_LOSSES,)).rowcount)
    for losses, moves in ((1, [samples.tool_finished(samples.call())]), (2, [])):
        worker = f"worker {losses}"
        await (await desk.shift(worker)).begin(turn.run)
        if moves:
            await SqlStore(desk.database).append(f"{task.id}.1", 0, moves)
        await desk.dies(worker)
        assert await desk.database.write(reclaim) == [turn.id]
        assert (await desk.turns.get(turn.id)).losses == losses


async def test_wishes_reach_a_running_turn_and_settle_a_waiting_one_at_once(desk: Desk) -> None:
    turn = await desk.turns.submit(samples.task())
    shift = await desk.shift("one")
    assert (await desk.turns.wish(turn.task, "pause", "ada")).status == "paused"
    assert await shift.begin(turn.run) is None
    resumed = await desk.turns.again((await SqlStore(desk.database).find(turn.task)).task, "resume")
    assert (resumed.id, resumed.status, resumed.round) == (turn.id, "queued", 2)
    assert await shift.begin(turn.run) is None
    assert await shift.begin(resumed.run) is not None
    await desk.turns.wish(turn.task, "cancel", "bob")
    assert [(t.wish, t.wished_by) for t in (await shift.wanted())[0]] == [("cancel", "bob")]
    await shift.again(resumed)
    assert (await desk.turns.get(turn.id)).status == "cancelled"
    assert [t.id for t in await shift.unclosed()] == [turn.id]
    with pytest.raises(InputError, match="cancelled already"):
        await desk.turns.wish(turn.task, "cancel", "bob")
    task = (await SqlStore(desk.database).find(turn.task)).task
    with pytest.raises(InputError, match="was cancelled") as refused:
        await desk.turns.again(task, "resume")
    assert "midwatch retry" in refused.value.mend
    await desk.turns.say(task, "do it after all", "ada")
    assert await shift.unclosed() == []


async def test_every_attempt_hears_a_message_once_and_one_that_comes_too_late_opens_the_next_turn(desk: Desk) -> None:
    task = samples.task(attempts=2)
    turn = await desk.turns.submit(task)
    shift = await desk.shift("one")
    mine = await shift.begin(turn.run)
    assert mine is not None
    said = await asyncio.gather(*(desk.turns.say(task, f"word {n}", "ada") for n in range(3)))
    assert {t.id for t in said} == {turn.id}
    letters = await shift.letters(task.id)
    assert (await shift.wanted())[1] == letters
    assert (await (await desk.shift("two")).wanted())[1] == []
    assert [(le.attempt[-1], le.number) for le in letters] == [
        ("1", 1),
        ("1", 2),
        ("1", 3),
        ("2", 1),
        ("2", 2),
        ("2", 3),
    ]
    await shift.delivered([letter.key for letter in letters[:3]])
    await shift.settle(task.id, but=f"{task.id}.1")
    assert await shift.letters(task.id) == []
    arrivals = Arrivals(desk.database)
    for number in ("1", "2"):
        await arrivals.keep(Delivery("hub", number, "remark", "ann/shelf", 3, "", "{}"))
    heard, late = await arrivals.take()
    end = End("done", TOLD, task.id, mine.id)
    await desk.database.write(lambda db: settle(db, heard, end))
    await asyncio.sleep(0.01)  # the clock of a database may have no more than milliseconds
    await Turns(Further(desk.database, lambda db, _: settle(db, late, end))).say(task, "too late", "ada")
    await shift.end(mine, "done")
    following = await desk.turns.newest(task.id)
    assert following is not None
    told = [[one.delivery for one in await arrivals.heard_by(turn.id)] for turn in (mine, following)]
    assert told == [["1"], ["2"]]  # so whoever said it is answered when it is done
    assert (following.number, following.kind, following.status) == (2, "message", "queued")
    with pytest.raises(InputError, match="queued already"):
        await desk.turns.again(task, "retry")


async def test_what_was_asked_for_is_no_error_when_the_answer_to_its_commit_is_lost(desk: Desk) -> None:
    class Twice:
        """A database whose first answers are lost."""

        async def write(self, work: Callable[[Connection], Turn]) -> Turn:
            """As `PostgresqlDatabase` does it then."""
            await desk.database.write(work)
            return await desk.database.write(work)

    task, turns = samples.task(), Turns(cast("Database", Twice()))
    await desk.turns.submit(task)
    assert (await turns.wish(task.id, "pause", "ada")).status == "paused"
    assert (await turns.again(task, "resume")).round == 2
    assert (await turns.wish(task.id, "cancel", "ada")).status == "cancelled"
    assert (await turns.again(task, "retry")).number == 2
    with pytest.raises(InputError, match="is queued already"):
        await turns.again(task, "retry")


async def test_many_at_once_open_one_turn(desk: Desk) -> None:
    task = samples.task()
    mine = await (shift := await desk.shift("one")).begin((await desk.turns.submit(task)).run)
    assert mine is not None
    await shift.end(mine, "failed", "no")
    made = await asyncio.gather(*(desk.turns.again(task, "retry") for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(one, InputError) for one in made) == 3
    assert len(await desk.turns.page(Filter(task=task.id))) == 2


async def test_what_was_not_handed_over_or_was_lost_is_handed_over(desk: Desk) -> None:
    engine = FakeEngine()
    await find_lost(desk.turns, engine)
    first, second = [await desk.turns.submit(samples.task()) for _ in range(2)]
    await hand_over(desk.turns, engine, first)
    assert await sweep(desk.turns, engine) == 1
    assert await engine.known([first.run, second.run]) == {first.run, second.run}
    assert await sweep(desk.turns, engine) == 0
    await engine.cancel(first.run)
    await find_lost(desk.turns, engine)
    assert await sweep(desk.turns, engine) == 0
    await desk.database.write(lambda db: db.execute("UPDATE turn SET changed = changed - 1000").rowcount)
    await find_lost(desk.turns, engine)
    assert await sweep(desk.turns, engine) == 1
    assert (await desk.turns.get(first.id)).handed == 2
    await engine.close()


async def test_what_a_worker_took_from_the_engine_and_never_began_is_handed_over_anew(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the database goes away just then: the engine has it as being run for as long as that worker lives."""
    engine, turn = FakeEngine(), await desk.turns.submit(samples.task())
    gate, taken = asyncio.Event(), asyncio.Event()

    async def never(_run: str) -> str:
        taken.set()
        await gate.wait()
        return ""

    await hand_over(desk.turns, engine, turn)
    await engine.launch("one", 1, never)
    await taken.wait()
    await desk.database.write(lambda db: db.execute("UPDATE turn SET changed = changed - 1000").rowcount)
    await find_lost(desk.turns, engine)
    assert await sweep(desk.turns, engine) == 0  # it may come to it yet
    monkeypatch.setattr(handing, "STALE", 0.0)
    await find_lost(desk.turns, engine)
    assert await sweep(desk.turns, engine) == 1
    assert (await desk.turns.get(turn.id)).handed == 2
    await engine.close()


async def test_a_machine_whose_clock_is_late_gives_the_engine_no_longer_wait_than_there_can_be(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, turn = Orders(), await desk.turns.submit(samples.task())
    shift = await desk.shift("one")
    mine = await shift.begin(turn.run)
    assert mine is not None
    await shift.again(mine, 3.0)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    assert await sweep(desk.turns, engine) == 1
    assert engine.delays == [SOON]


async def test_a_cancel_that_comes_while_a_turn_is_being_paused_or_let_go_is_not_lost(desk: Desk) -> None:
    shift = await desk.shift("one")
    for gives_up in ("pauses", "lets go"):
        mine = await shift.begin((await desk.turns.submit(samples.task())).run)
        assert mine is not None
        await desk.turns.wish(mine.task, "pause", "ada")
        await desk.turns.wish(mine.task, "cancel", "bob")
        with pytest.raises(InputError, match="is being cancelled"):
            await desk.turns.wish(mine.task, "pause", "ada")
        await (shift.end(mine, "paused") if gives_up == "pauses" else shift.let_go())
        ended = await desk.turns.get(mine.id)
        assert (ended.status, ended.wish, ended.wished_by) == ("cancelled", "", "bob"), gives_up
        assert [turn.id for turn in await shift.unclosed()] == [mine.id]
        await shift.closed(mine)


@pytest.mark.parametrize(("wish", "statuses"), [("cancel", ["cancelled"]), ("pause", ["paused", "done"])])
async def test_what_was_said_too_late_is_not_worked_on_against_a_wish_that_came_too_late(
    desk: Desk, wish: str, statuses: list[str]
) -> None:
    task = samples.task()
    shift = await desk.shift("one")
    mine = await shift.begin((await desk.turns.submit(task)).run)
    assert mine is not None
    await desk.turns.say(task, "one thing more", "ada")
    await desk.turns.wish(task.id, wish, "bob")
    await shift.end(mine, "done")
    assert [turn.status for turn in await desk.turns.page(Filter(task=task.id))] == statuses
    if wish == "pause":
        following = await desk.turns.again(task, "resume")
        assert (following.number, following.status, following.wished_by) == (2, "queued", "bob")
        assert await shift.begin(following.run) is not None


async def test_a_long_queue_hides_no_turn_that_the_engine_has_lost(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing, "AT_ONCE", 2)
    engine = FakeEngine()
    turns = [await desk.turns.submit(samples.task()) for _ in range(5)]
    await sweep(desk.turns, engine)
    await desk.database.write(lambda db: db.execute("UPDATE turn SET changed = changed - 1000").rowcount)
    last = max(turns, key=lambda turn: turn.id)
    await engine.cancel(last.run)
    looked = [await find_lost(desk.turns, engine)]
    while looked[-1]:
        looked.append(await find_lost(desk.turns, engine, looked[-1]))
    assert len(looked) == 3
    assert [turn.id for turn in (await ready(desk.database)).turns] == [last.id]
    await engine.close()


async def test_what_was_cancelled_can_be_tried_again_and_what_is_done_is_not_gone_on_with(desk: Desk) -> None:
    task = samples.task()
    turn = await desk.turns.submit(task)
    await desk.turns.wish(task.id, "cancel", "ada")
    again = await desk.turns.again(task, "retry")
    assert (again.number, again.kind, again.status) == (turn.number + 1, "retry", "queued")
    mine = await (shift := await desk.shift("one")).begin(again.run)
    assert mine is not None
    await shift.end(mine, "done")
    for kind in ("resume", "retry"):
        with pytest.raises(InputError, match="is done") as refused:
            await desk.turns.again(task, kind)
        assert "midwatch tell" in refused.value.mend
    assert (await desk.turns.again(task, "choose")).number == 3


async def test_some_that_cannot_be_closed_do_not_hide_the_others(desk: Desk) -> None:
    turns = [await desk.turns.submit(samples.task()) for _ in range(5)]
    for turn in turns:
        await desk.turns.wish(turn.task, "cancel", "ada")
    shift = await desk.shift("one")
    first = await shift.unclosed(limit=3)
    second = await shift.unclosed(first[-1].id, limit=3)
    assert [turn.id for turn in (*first, *second)] == sorted(turn.id for turn in turns)


async def test_tries_count_from_when_the_task_last_got_further(desk: Desk) -> None:
    task = samples.task()
    turn = await desk.turns.submit(task, [samples.started(task)])
    shift, store = await desk.shift("one"), SqlStore(desk.database)

    async def fails(*events: object) -> int:
        mine = await shift.begin((await desk.turns.get(turn.id)).run)
        assert mine is not None
        await store.append(f"{task.id}.1", 0, events)
        counted = await shift.tries(mine)
        await shift.again(mine, failed=True)
        assert (await desk.turns.get(turn.id)).tries == counted
        return counted

    failed = Failed("the endpoint is down", "start it")
    assert [await fails(failed), await fails(failed), await fails(samples.reply())] == [1, 2, 1]
    assert [await fails(failed), await fails(failed, samples.reply()), await fails()] == [2, 1, 2]


async def test_of_two_messages_in_the_same_words_the_one_that_is_missing_is_told_by_what_was_heard(desk: Desk) -> None:
    task = samples.task()
    mine = await (shift := await desk.shift("one")).begin((await desk.turns.submit(task)).run)
    assert mine is not None
    for text in ("go on", "go on", "else"):
        await desk.turns.say(task, text, "ada")
    attempt = f"{task.id}.1"
    await shift.delivered([(attempt, 1)])
    letters = await shift.letters(task.id)
    assert [(letter.number, letter.waits) for letter in letters] == [(1, False), (2, True), (3, True)]
    assert (await shift.wanted())[1] == [letter for letter in letters if letter.waits]
    await shift.settle(task.id, but="")
    await shift.delivered([(attempt, 3)])
    await desk.turns.say(task, "go on", "ada")
    found: list[Letter] = list(await shift.letters(task.id))
    assert [(letter.number, letter.waits) for letter in found] == [(1, False), (4, True)]
