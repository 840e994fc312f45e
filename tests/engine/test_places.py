"""Which turns limits let begin, over both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from midwatch.domain.errors import InputError
from midwatch.engine import places
from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.handing import another, hand_over, sweep
from midwatch.engine.limits import Limit, Limits, starts
from midwatch.engine.shift import Shift, reclaim
from midwatch.engine.turns import BATCH, INTERACTIVE, Asked, Turn, Turns
from midwatch.engine.waits import Wait, waits
from tests.support import samples
from tests.support.orders import Orders


@dataclass
class Desk:
    """A database with its turns, and what the engine was given."""

    database: Database
    orders: Orders = field(default_factory=Orders)

    @property
    def turns(self) -> Turns:
        return Turns(self.database)

    async def limit(self, scope: str, name: str = "", at_once: int | None = None, begins: str = "") -> None:
        """Set a limit."""
        limit = Limit(scope, name, at_once, starts(begins) if begins else None)
        await Limits(self.database).put(limit, Deed(SERVER, "limit.set", f"{scope} {name}"))

    async def shift(self, worker: str, labels: str = "") -> Shift:
        """Of a worker that lives."""

        def work(db: Connection) -> None:
            columns = "id, host, process, capacity, version, labels, started, beat"
            query = f"INSERT INTO worker ({columns}) VALUES (?, 'h', '1-1', 1, '', ?, 0, {db.clock})"
            db.execute(query, (worker, labels))

        await self.database.write(work)
        return Shift(self.database, worker)

    async def dies(self, worker: str) -> None:
        """Its lease is gone, and what it had is queued again."""
        await self.database.write(lambda db: db.execute("DELETE FROM worker WHERE id = ?", (worker,)).rowcount)
        await self.database.write(reclaim)

    async def submit(self, number: int, owner: str = "ada", repository: str = "/r", **more: object) -> list[Turn]:
        """So many turns."""
        labels, asked = more.pop("labels", ()), Asked(owner, **more)  # type: ignore[arg-type]
        tasks = [replace(samples.task(), repository=repository, labels=labels) for _ in range(number)]  # type: ignore[arg-type]
        return [await self.turns.submit(task, asked=asked) for task in tasks]

    async def given(self) -> list[str]:
        """The turns that the engine is given now, which it was not given before."""
        before = len(self.orders.runs)
        await sweep(self.turns, self.orders)
        return [run.partition("/")[0] for run in self.orders.runs[before:]]

    async def waits(self, *turns: Turn) -> Mapping[str, Wait]:
        """Why they wait."""
        return await waits(self.database, [await self.turns.get(turn.id) for turn in turns])


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def test_users_and_repositories_have_limits_at_the_same_time_and_nobody_waits_behind_what_is_limited(
    desk: Desk,
) -> None:
    shift = await desk.shift("one")
    await desk.limit("user", at_once=2)
    await desk.limit("repository", "/r", at_once=3)
    ada, bob = await desk.submit(4), await desk.submit(4, "bob")
    other = await desk.submit(1, "bob", "/other")
    eve = await desk.submit(2, "eve", "/other")
    given = await desk.given()
    assert len([turn for turn in (*ada, *bob) if turn.id in given]) == 3
    assert {turn.id for turn in eve} <= set(given)
    assert len([turn for turn in (*bob, *other) if turn.id in given]) == 2
    assert await desk.given() == []
    found = await desk.waits(*ada, *bob)
    assert {wait.why for wait in found.values() if wait.why} == {"its repository has 3 of 3 turns under way"} | (
        {"its user has 2 of 2 turns under way"} if other[0].id not in given else set()
    )
    one = next(turn for turn in ada if turn.id in given)
    mine = await shift.begin(one.run)
    assert mine is not None
    await shift.end(mine, "done")
    assert len(await desk.given()) == 1


async def test_a_dead_workers_turns_keep_their_places_and_no_more_until_they_have_ended(desk: Desk) -> None:
    shift, other = await desk.shift("one"), await desk.shift("two")
    await desk.limit("user", at_once=1)
    first, second = await desk.submit(2)
    assert await desk.given() == [first.id]
    assert await shift.begin(first.run) is not None
    await desk.dies("one")
    assert await desk.given() == []
    mine = await other.begin(first.run)
    assert mine is not None
    await other.again(mine, 600.0)  # it could not go on: it waits for its time, and gives its place away
    assert await desk.given() == [second.id]


async def test_many_that_give_places_at_the_same_time_give_no_more_than_there_are(desk: Desk) -> None:
    await desk.shift("one")
    await desk.limit("repository", at_once=3)
    turns = await desk.submit(12)
    begun = [desk.turns for _ in range(6)]
    await asyncio.gather(*(sweep(one, desk.orders) for one in begun))
    await asyncio.gather(*(hand_over(desk.turns, desk.orders, turn) for turn in turns))
    assert len(set(desk.orders.runs)) == 3
    assert begun[0].limited
    await another(begun[0], desk.orders)
    assert len(set(desk.orders.runs)) == 3


async def test_what_somebody_waits_for_takes_the_place_of_a_batch_that_no_worker_has_begun(desk: Desk) -> None:
    shift = await desk.shift("one")
    await desk.limit("user", at_once=2)
    batch = await desk.submit(3, priority=BATCH)
    assert await desk.given() == [batch[0].id, batch[1].id]
    assert await shift.begin(batch[0].run) is not None
    urgent, late = await desk.submit(2, priority=INTERACTIVE)
    assert await desk.given() == [urgent.id]
    assert await shift.begin(batch[1].run) is None  # what the engine has of it finds nothing to do
    mine = await shift.begin(urgent.run)
    assert mine is not None
    assert await desk.given() == []
    await shift.end(mine, "done")
    assert await desk.given() == [late.id]
    again = await desk.turns.get(batch[1].id)
    assert (again.status, again.round) == ("queued", 2)


async def test_places_go_to_whoever_has_the_fewest_and_what_waited_for_long_is_not_overtaken(desk: Desk) -> None:
    await desk.shift("one")
    await desk.limit("all", at_once=4)
    many = await desk.submit(6)
    few = await desk.submit(1, "bob")
    assert set(await desk.given()) == {*(turn.id for turn in many[:3]), few[0].id}
    old = (await desk.submit(1, "eve", priority=BATCH))[0]
    back = places.AGED + 60
    await desk.database.write(
        lambda db: db.execute("UPDATE turn SET created = created - ? WHERE id = ?", (back, old.id)).rowcount
    )
    await desk.submit(1, "eve")
    await desk.limit("all", at_once=5)
    assert await desk.given() == [old.id]


async def test_no_more_begin_in_a_time_than_are_let_and_what_waits_says_until_when(desk: Desk) -> None:
    shift = await desk.shift("one")
    await desk.limit("user", begins="2/1h")
    first, second, third = await desk.submit(3)
    bob = (await desk.submit(1, "bob"))[0]
    assert await desk.given() == [first.id, second.id, bob.id]
    mine = await shift.begin(first.run)
    assert mine is not None
    wait = (await desk.waits(third))[third.id]
    assert wait.why == "its user has begun 2/1h"
    assert wait.until == pytest.approx((await desk.turns.get(first.id)).started + 3600)
    await shift.again(mine)  # going on is no further start
    assert await desk.given() == [first.id]
    await desk.database.write(
        lambda db: db.execute("UPDATE turn SET started = started - 3601 WHERE started > 0").rowcount
    )
    assert await desk.given() == [third.id]


async def test_what_no_worker_may_take_waits_without_a_place_and_says_why(desk: Desk) -> None:
    await desk.shift("one", "arch=arm64")
    await desk.limit("user", at_once=1)
    able = (await desk.submit(1, labels=("gpu",)))[0]
    both = (await desk.submit(1, labels=("arch=arm64", "gpu")))[0]
    plain = (await desk.submit(1))[0]
    assert await desk.given() == [plain.id]
    found = await desk.waits(able, both)
    assert [found[turn.id].why for turn in (able, both)] == ["no worker with label gpu"] * 2
    await desk.turns.wish(plain.task, "cancel", "ada")
    await desk.shift("two", "gpu")
    assert (await desk.waits(both))[both.id].why == "no worker with labels arch=arm64, gpu"
    assert await desk.given() == [able.id]
    assert desk.orders.labels[-1] == ("gpu",)
    await desk.dies("two")  # it was not begun: its place is free for others
    later = (await desk.submit(1))[0]
    assert await desk.given() == [later.id]


async def test_a_turn_waits_for_its_time_until_it_is_resumed_or_cancelled(desk: Desk) -> None:
    (turn,) = await desk.submit(1, begin_at=4_000_000_000.0)
    (other,) = await desk.submit(1, begin_at=4_000_000_000.0)
    await hand_over(desk.turns, desk.orders, turn)
    assert await desk.given() == []
    assert (await desk.waits(turn))[turn.id] == Wait("its time", 4_000_000_000.0)
    task = replace(samples.task(), id=turn.task)
    with pytest.raises(InputError, match="is queued already"):
        await desk.turns.again(task, "retry")
    resumed = await desk.turns.again(task, "resume")
    assert (resumed.number, resumed.begin_at) == (1, 0.0)
    with pytest.raises(InputError, match="is queued already"):
        await desk.turns.again(task, "resume")
    await desk.turns.wish(other.task, "cancel", "ada")
    assert await desk.given() == [turn.id]
    assert (await desk.waits(turn))[turn.id].why == "no worker runs"


async def test_limits_are_written_down_and_one_of_a_name_takes_the_place_of_everybodys(desk: Desk) -> None:
    await desk.shift("one")
    await desk.limit("user", at_once=0)
    await desk.limit("user", "ada")
    await desk.submit(2)
    await desk.submit(2, "bob")
    assert len(await desk.given()) == 2
    assert await Limits(desk.database).all() == [Limit("user", "", 0), Limit("user", "ada")]
    gone = Deed(SERVER, "limit.remove", "user ")
    assert await Limits(desk.database).remove("user", "", gone)
    assert not await Limits(desk.database).remove("user", "", gone)
    assert len(await desk.given()) == 2
    audited = "SELECT action, was, became FROM audit ORDER BY id"
    rows = await desk.database.read(lambda db: db.execute(audited).fetchall())
    assert ("limit.remove", '{"at_once": 0, "starts": null}', "{}") in [tuple(row) for row in rows]


@pytest.mark.parametrize("text", ["30", "0/1h", "30/0h", "30/1y", "-1/1h", "1/40d", "1/1.5h"])
def test_a_number_of_starts_in_a_time_is_checked(text: str) -> None:
    with pytest.raises(InputError, match="is no number of starts"):
        starts(text)


def test_starts_are_shown_as_they_are_written() -> None:
    assert [str(starts(text)) for text in ("30/1h", "5/90m", "7/s", "1/31d", "3/24h")] == [
        "30/1h", "5/90m", "7/1s", "1/31d", "3/1d",
    ]  # fmt: skip
