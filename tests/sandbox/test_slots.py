"""Who gets a slot, and when: the queue alone, without boxes."""

from __future__ import annotations

import asyncio

import pytest

from midwatch.domain.errors import InputError, SandboxLost
from midwatch.sandbox import slots as module
from midwatch.sandbox.slots import Slots


class Holder:
    """One that lets go as soon as it is told to, unless it is `slow`."""

    def __init__(self, slots: Slots, name: str, order: list[str], *, slow: bool = False) -> None:
        self.slots, self.name, self.order, self.slow = slots, name, order, slow
        self.told = 0

    def give_way(self) -> None:
        self.told += 1
        if not self.slow:
            self.slots.back(self)

    async def take(self) -> None:
        await self.slots.take(self)
        self.order.append(self.name)


class Many:
    """A number of holders by name, and the order in which they got a slot."""

    def __init__(self, most: int, names: str) -> None:
        self.slots = Slots(most)
        self.order: list[str] = []
        self.by = {name: Holder(self.slots, name, self.order) for name in names}

    async def asked(self, names: str) -> list[asyncio.Task[None]]:
        """Tasks that ask for a slot, one after the other."""
        tasks = [asyncio.create_task(self.by[name].take()) for name in names]
        await settle()
        return tasks


async def settle() -> None:
    """Let everything that is ready run."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REST_SECONDS", 0.0)


async def test_who_comes_first_is_served_first_and_nobody_overtakes() -> None:
    many = Many(1, "abcd")
    await many.asked("abcd")
    assert (many.order, many.slots.waiting, many.slots.free) == (["a"], 3, False)
    for name in "abcd":
        many.slots.back(many.by[name])
        await settle()
    assert many.order == ["a", "b", "c", "d"]
    assert (many.slots.held, many.slots.waiting, many.slots.free) == (0, 0, True)


async def test_the_one_that_rests_longest_gives_way_and_what_is_in_use_does_not() -> None:
    many = Many(3, "abcd")
    await many.asked("abc")
    many.slots.rest(many.by["b"])
    await asyncio.sleep(0.01)
    many.slots.rest(many.by["a"])
    await many.asked("d")
    assert [many.by[name].told for name in "abc"] == [0, 1, 0]
    assert many.order == ["a", "b", "c", "d"]


async def test_who_rests_keeps_its_slot_as_long_as_nobody_waits() -> None:
    many = Many(1, "ab")
    await many.asked("a")
    many.slots.rest(many.by["a"])
    await settle()
    assert (many.by["a"].told, many.slots.held) == (0, 1)
    many.slots.use(many.by["a"])
    await many.asked("b")
    assert many.by["a"].told == 0
    many.slots.rest(many.by["a"])
    await settle()
    assert many.order == ["a", "b"]


async def test_no_more_give_way_than_are_waited_for() -> None:
    many = Many(3, "abcd")
    await many.asked("abc")
    for holder in many.by.values():
        holder.slow = True
    for name in "abc":
        many.slots.rest(many.by[name])
    await many.asked("d")
    many.slots.use(many.by["c"])
    many.slots.rest(many.by["c"])
    assert sum(holder.told for holder in many.by.values()) == 1


async def test_one_that_was_just_used_is_given_a_moment_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REST_SECONDS", 30.0)
    many = Many(1, "ab")
    await many.asked("a")
    many.slots.rest(many.by["a"])
    await many.asked("b")
    assert many.by["a"].told == 0
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.0)
    many.slots.use(many.by["a"])
    many.slots.rest(many.by["a"])
    await settle()
    assert many.order == ["a", "b"]


async def test_being_cancelled_while_waiting_leaves_nothing() -> None:
    many = Many(1, "abc")
    _, second, _ = await many.asked("abc")
    second.cancel()
    await settle()
    assert many.slots.waiting == 1
    many.slots.back(many.by["a"])
    await settle()
    assert many.order == ["a", "c"]


async def test_being_cancelled_in_the_moment_of_ones_turn_passes_it_on() -> None:
    many = Many(1, "abc")
    _, second, _ = await many.asked("abc")
    many.slots.back(many.by["a"])
    second.cancel()
    await settle()
    assert second.cancelled()
    assert many.order == ["a", "c"]
    many.slots.back(many.by["c"])
    assert many.slots.free


async def test_one_that_is_closed_while_it_waits_is_told() -> None:
    many = Many(1, "ab")
    _, second = await many.asked("ab")
    many.slots.forget(many.by["b"])
    with pytest.raises(SandboxLost, match="closed"):
        await second
    many.slots.back(many.by["a"])
    assert many.slots.free


async def test_ten_thousand_who_wait_all_get_their_turn() -> None:
    slots, order = Slots(8), list[str]()

    async def one(number: int) -> None:
        holder = Holder(slots, str(number), order)
        await holder.take()
        await asyncio.sleep(0)
        slots.rest(holder)

    await asyncio.gather(*map(one, range(10_000)))
    assert order == [str(number) for number in range(10_000)]


def test_there_must_be_at_least_one() -> None:
    with pytest.raises(InputError, match="0 sandbox slots"):
        Slots(0)
