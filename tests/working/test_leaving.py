"""How turns are stopped: after the move they are at, in the middle of one that takes long, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from midwatch.domain.errors import OperationError
from midwatch.domain.events import Event
from midwatch.engine.database.sqlite import SqliteDatabase
from midwatch.engine.turns import Turn, Turns
from midwatch.leaving import Going, handed_over, let_go
from midwatch.workflows.postbox import Postbox
from tests.support import samples


@dataclass
class Shop:
    """Turns that go on, each until its work ends."""

    turn: Turn
    going: dict[str, Going]

    def begin(self, work: Callable[[Postbox], Awaitable[None]]) -> Going:
        """One more."""
        postbox = Postbox()

        async def doing() -> None:
            await work(postbox)

        made = Going(self.turn, asyncio.create_task(doing()), postbox)
        name = str(len(self.going))
        self.going[name] = made
        made.doing.add_done_callback(lambda _: self.going.pop(name, None))
        return made


@pytest.fixture
async def shop(tmp_path: Path) -> Shop:
    database = SqliteDatabase(tmp_path / "state.db")
    turn = await Turns(database).submit(samples.task())
    await database.close()
    return Shop(turn, {})


def written(body: Any) -> Event:
    """An event, as the log tells of it."""
    return Event("a.1", 1, "2026-01-01T00:00:00.000Z", 1, body, "", "")


async def test_a_turn_that_is_handed_over_ends_when_the_move_that_it_is_at_is_written_down(shop: Shop) -> None:
    asked, done = asyncio.Event(), []

    async def work(postbox: Postbox) -> None:
        await asked.wait()
        await asyncio.sleep(0)  # the command is still at work
        done.append("command")
        postbox.event(written(samples.tool_finished(samples.call())))
        await asyncio.sleep(0)
        done.append("the next model call")

    one = shop.begin(work)
    handing = asyncio.create_task(handed_over(shop.going, 600))
    while one.postbox.at_move is None:
        await asyncio.sleep(0)
    postbox_said = written(samples.tool_started(samples.call()))
    one.postbox.event(postbox_said)  # a call that has begun is no end of a move
    assert one.why == ""
    asked.set()
    assert await handing
    assert (one.why, one.doing.cancelled(), done) == ("drain", True, ["command"])


async def test_a_move_that_takes_longer_than_there_is_time_is_cut_off(shop: Shop) -> None:
    async def work(_postbox: Postbox) -> None:
        await asyncio.sleep(600)

    one = shop.begin(work)
    assert await handed_over(shop.going, 0.3)
    assert (one.why, one.doing.cancelled()) == ("cut", True)


async def test_turns_that_do_not_end_hold_up_neither_the_end_nor_a_lease_that_is_lost(shop: Shop) -> None:
    free = asyncio.Event()

    async def work(_postbox: Postbox) -> None:
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue

    one = shop.begin(work)
    assert not await handed_over(shop.going, 0.3)
    with pytest.raises(OperationError, match="1 turns do not let go"):
        await let_go(shop.going.values(), 0.1)
    free.set()
    await one.doing
