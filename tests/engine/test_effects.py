"""The ledger of effects over both databases: nothing is done twice or lost, whoever dies over it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from midwatch.domain.errors import InputError, OperationError
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.effects import ledger
from midwatch.engine.effects.base import Effect, Unsure, Wanted
from midwatch.engine.effects.carrying import Carrier
from midwatch.engine.effects.ledger import PAUSES, Effects, want
from midwatch.forges import once


@dataclass
class Outside:
    """A place that knows what it has by their keys, as a forge knows branches."""

    has: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    trouble: Callable[[Effect], Exception | None] = lambda _: None
    """Raised after it was done."""
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def find(self, effect: Effect) -> str | None:
        return self.has.get(effect.key)

    async def do(self, effect: Effect) -> str:
        self.done.append(effect.key)
        self.has[effect.key] = f"made {effect.request}"
        await self.gate.wait()
        if error := self.trouble(effect):
            raise error
        return self.has[effect.key]


@dataclass
class Desk:
    database: Database

    @property
    def effects(self) -> Effects:
        return Effects(self.database)

    def carrier(self, outside: Outside) -> Carrier:
        return Carrier(self.effects, {"branch": outside})

    async def want(self, *keys: str, subject: str = "") -> list[str]:
        wanted = [Wanted(key, "branch", key, f"{key}: please", subject=subject) for key in keys]
        await self.database.write(lambda db: [want(db, one) for one in wanted])
        return [one.id for one in wanted]

    async def time_passes(self) -> None:
        """Everything is due, and whoever has begun something is taken for dead."""
        await self.database.write(lambda db: db.execute("UPDATE effect SET due = 0, held = 0").rowcount)

    async def carry(self, outside: Outside) -> None:
        carrier = self.carrier(outside)
        while await carrier.begin():
            await carrier.settle()

    async def one(self, name: str) -> Effect:
        found = await self.effects.find(name)
        assert found is not None
        return found


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def test_what_is_wanted_twice_is_one_row_and_many_at_once_do_each_of_them_once(desk: Desk) -> None:
    outside, keys = Outside(), [f"b{number}" for number in range(20)]
    names = await desk.want(*keys)
    await desk.want(*keys)  # with other ids
    await asyncio.gather(*(desk.carry(outside) for _ in range(6)))
    assert sorted(outside.done) == sorted(keys)
    ended = [await desk.one(name) for name in names]
    assert {(one.state, one.result, one.tries) for one in ended} == {("done", f"made {key}: please", 1) for key in keys}
    assert not await desk.effects.waiting()


async def test_what_was_done_by_one_who_died_before_saying_so_is_found_and_not_done_again(desk: Desk) -> None:
    outside = Outside()
    (made, lost) = await desk.want("made", "lost")
    dead = await desk.effects.take(["branch"], 10)
    assert len(dead) == 2
    outside.has["made"] = "made before"
    await desk.carry(outside)
    assert outside.done == []  # it may be doing it still
    await desk.time_passes()
    await desk.carry(outside)
    assert outside.done == ["lost"]
    assert [(await desk.one(name)).result for name in (made, lost)] == ["made before", "made lost: please"]
    assert not await desk.effects.done(dead[0], "too late")
    assert not await desk.effects.fail(dead[1], "too late", "", unsure=False)
    assert [(await desk.one(name)).state for name in (made, lost)] == ["done", "done"]


async def test_a_try_that_was_cut_off_is_looked_for_first_and_one_that_was_refused_is_not(desk: Desk) -> None:
    cuts = {"cut": Unsure("cut off"), "forge": once.Unsure("no answer")}
    outside = Outside(trouble=lambda effect: cuts.get(effect.key) or OperationError("refused"))
    (silent,) = await desk.want("forge")
    await desk.carry(outside)
    assert (await desk.one(silent)).unsure == 1
    await desk.effects.fail(await desk.one(silent), "given up", "", unsure=True)
    outside.done.clear()
    cut, refused = await desk.want("cut", "refused")
    await desk.carry(outside)
    assert [((await desk.one(name)).state, (await desk.one(name)).unsure) for name in (cut, refused)] == [
        ("waiting", 1), ("waiting", 0),
    ]  # fmt: skip
    outside.trouble = lambda _: None
    await desk.time_passes()
    await desk.carry(outside)
    assert sorted(outside.done) == ["cut", "refused", "refused"]
    assert {(await desk.one(name)).state for name in (cut, refused)} == {"done"}


async def test_one_that_is_stopped_over_it_leaves_it_to_whoever_looks_next(desk: Desk) -> None:
    outside = Outside()
    outside.gate.clear()
    (name,) = await desk.want("slow")
    carrier = desk.carrier(outside)
    await carrier.begin()
    while not outside.done:
        await asyncio.sleep(0)
    await carrier.stop()
    assert (await desk.one(name)).state == "begun"
    outside.gate.set()
    await desk.time_passes()
    await desk.carry(outside)
    assert outside.done == ["slow"]
    assert (await desk.one(name)).result == "made slow: please"


async def test_tries_come_later_and_later_until_a_person_wants_it_again(desk: Desk) -> None:
    outside = Outside(trouble=lambda _: OperationError("down"))
    (name,) = await desk.want("b")
    for number, pause in enumerate(PAUSES, 1):
        await desk.carry(outside)
        put_off = await desk.one(name)
        assert (put_off.state, put_off.tries, put_off.error) == ("waiting", number, "down")
        assert put_off.due - put_off.changed == pytest.approx(pause, abs=1)
        with pytest.raises(InputError, match="under way"):
            await desk.database.write(lambda db: ledger.again(db, name))
        await desk.time_passes()
    await desk.carry(outside)
    given_up = await desk.one(name)
    assert (given_up.state, given_up.error) == ("failed", "down")
    await desk.time_passes()
    await desk.carry(outside)
    assert len(outside.done) == len(PAUSES) + 1
    outside.trouble = lambda _: None
    await desk.database.write(lambda db: ledger.again(db, name))
    await desk.carry(outside)
    assert ((await desk.one(name)).state, (await desk.one(name)).error) == ("done", "")
    with pytest.raises(InputError, match="done already"):
        await desk.database.write(lambda db: ledger.again(db, name))


async def test_what_a_person_must_change_and_a_request_that_was_changed_are_not_tried_again(desk: Desk) -> None:
    outside = Outside(trouble=lambda _: InputError("no such repository", "give another"))
    wrong, changed = await desk.want("wrong", "changed")

    def forge(db: Connection) -> None:
        db.execute("UPDATE effect SET request = 'evil' WHERE id = ?", (changed,))

    await desk.database.write(forge)
    await desk.carry(outside)
    assert outside.done == ["wrong"]
    assert [((await desk.one(name)).state, (await desk.one(name)).error) for name in (wrong, changed)] == [
        ("failed", "no such repository"), ("failed", "its request is not as it was written"),
    ]  # fmt: skip


async def test_what_kills_whoever_begins_it_is_not_begun_for_ever(desk: Desk) -> None:
    outside = Outside()
    (name,) = await desk.want("deadly")
    for _ in range(len(PAUSES) + 1):
        assert len(await desk.effects.take(["branch"], 1)) == 1
        await desk.time_passes()
    await desk.carry(outside)
    assert ((await desk.one(name)).state, outside.done) == ("failed", [])


async def test_one_slow_place_holds_up_no_other(desk: Desk) -> None:
    slow = Outside()
    slow.gate.clear()
    await desk.want(*(f"slow{number}" for number in range(40)), subject="slow")
    await desk.database.write(lambda db: db.execute("UPDATE effect SET due = due - 9").rowcount)
    await desk.want("quick", subject="quick")
    carrier = desk.carrier(slow)
    await carrier.begin()
    while "quick" not in slow.done:
        await asyncio.sleep(0)
    assert len(slow.done) == 5
    await carrier.stop()
