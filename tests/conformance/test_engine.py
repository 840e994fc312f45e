"""One suite over every engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from midwatch.engine.base import Engine, Order
from midwatch.engine.durable import dbos_engine
from midwatch.engine.durable.dbos_engine import DbosEngine
from midwatch.engine.fake import FakeEngine, Hub


@pytest.fixture(params=["fake", "sqlite", "postgresql"])
async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Callable[[], Engine]]:
    made: list[Engine] = []
    hub = Hub()
    url = f"sqlite:///{tmp_path / 'engine.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_server").database()

    def make() -> Engine:
        made.append(FakeEngine(hub) if request.param == "fake" else DbosEngine(url))
        return made[-1]

    yield make
    for engine in made:
        await engine.close()
        await engine.close()


class Works:
    """Notes what was run, and lets it end when told."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.going = self.most = 0
        self.gate = asyncio.Event()
        self.ended = 0

    async def __call__(self, run: str) -> str:
        self.begun.append(run)
        self.going += 1
        self.most = max(self.most, self.going)
        await self.gate.wait()
        self.going -= 1
        self.ended += 1
        return "done"

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not true():
                await asyncio.sleep(0.02)


async def test_what_is_ordered_twice_is_run_once_in_the_order_of_priority_and_no_more_at_once_than_fit(
    make: Callable[[], Engine],
) -> None:
    engine, works = make(), Works()
    await engine.migrate()
    await engine.migrate()
    await engine.enqueue(Order("later:1/1", delay=1.0))
    await engine.enqueue(Order("batch:1/1", priority=10))
    for _ in range(2):
        await engine.enqueue(Order("soon:1/1"))
        await engine.enqueue(Order("second:1/1", priority=2))
    await engine.enqueue(Order("never:1/1"))
    await engine.cancel("never:1/1")
    await engine.launch("worker-1", 2, works)
    await works.until(lambda: len(works.begun) == 2)
    known = await engine.known(["soon:1/1", "batch:1/1", "later:1/1", "never:1/1", "other:1/1"])
    assert known == {"soon:1/1", "batch:1/1", "later:1/1"}
    assert await engine.known(["soon:1/1", "batch:1/1", "later:1/1"], 60) == known
    assert await engine.known(["soon:1/1", "batch:1/1", "later:1/1"], 0) == {"batch:1/1", "later:1/1"}
    works.gate.set()
    await works.until(lambda: works.ended == 4)
    await engine.stop()
    assert sorted(works.begun[:2]) == ["second:1/1", "soon:1/1"]
    assert sorted(works.begun) == ["batch:1/1", "later:1/1", "second:1/1", "soon:1/1"]
    assert works.most == 2
    assert await engine.known(works.begun) == frozenset()
    assert await engine.tidy(0) == 5


async def test_who_rests_goes_on_with_what_it_has_and_takes_nothing(make: Callable[[], Engine]) -> None:
    engine, works = make(), Works()
    await engine.migrate()
    await engine.enqueue(Order("one:1/1"))
    await engine.launch("worker-1", 4, works)
    await works.until(lambda: works.begun == ["one:1/1"])
    await engine.rest()
    await engine.enqueue(Order("two:1/1"))
    await asyncio.sleep(2 * dbos_engine.POLLING)
    assert works.begun == ["one:1/1"]
    works.gate.set()
    await works.until(lambda: works.ended == 1)
    async with asyncio.timeout(60):
        while await engine.known(["one:1/1", "two:1/1"]) != {"two:1/1"}:
            await asyncio.sleep(0.02)


async def test_all_that_has_ended_is_forgotten_however_much_it_is(
    make: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dbos_engine, "_AT_ONCE", 2)
    engine = make()
    await engine.migrate()
    for number in range(5):
        await engine.enqueue(Order(f"one:{number}/1"))
        await engine.cancel(f"one:{number}/1")
    assert await engine.tidy(0) == 5


async def test_what_somebody_waits_for_is_begun_before_a_batch_of_whomever(
    make: Callable[[], Engine],
) -> None:
    engine, works = make(), Works()
    await engine.migrate()
    for number in range(8):
        await engine.enqueue(Order(f"batch:{number}/1", owner="ada", priority=10))
    await engine.launch("worker-1", 2, works)
    await works.until(lambda: len(works.begun) == 2)
    await engine.enqueue(Order("own:1/1", owner="ada"))
    await engine.enqueue(Order("other:1/1", owner="bob"))
    works.gate.set()
    await works.until(lambda: works.ended == 10)
    assert set(works.begun[2:4]) == {"own:1/1", "other:1/1"}


async def test_only_a_worker_with_all_the_labels_takes_a_run_and_holds_no_more_at_once_for_them(
    make: Callable[[], Engine],
) -> None:
    plain, able, works, others = make(), make(), Works(), Works()
    await plain.migrate()
    await plain.enqueue(Order("both:1/1", labels=("arch=arm64", "gpu")))
    await plain.enqueue(Order("gpu:1/1", labels=("gpu",)))
    await plain.enqueue(Order("none:1/1"))
    others.gate.set()
    await plain.launch("worker-1", 4, others, ["arch=arm64", "big"])
    await others.until(lambda: others.ended == 1)
    assert others.begun == ["none:1/1"]
    assert await plain.known(["both:1/1", "gpu:1/1"]) == {"both:1/1", "gpu:1/1"}
    await plain.stop()
    await able.enqueue(Order("none:2/1"))
    await able.launch("worker-2", 2, works, ["gpu", "arch=arm64"])
    await works.until(lambda: len(works.begun) == 2)
    works.gate.set()
    await works.until(lambda: works.ended == 3)
    assert sorted(works.begun) == ["both:1/1", "gpu:1/1", "none:2/1"]
    assert works.most == 2
    assert others.begun == ["none:1/1"]


async def test_what_a_dead_worker_had_is_run_again_and_what_a_live_one_has_is_not(make: Callable[[], Engine]) -> None:
    first, works = make(), Works()
    await first.migrate()
    await first.enqueue(Order("one:1/1"))
    await first.launch("worker-1", 4, works)
    await works.until(lambda: works.begun == ["one:1/1"])
    await first.close()
    second = make()
    await second.launch("worker-2", 4, works)
    assert await second.recover(["worker-1", "worker-2"]) == 0
    assert await second.recover(["worker-2"]) == 1
    assert await second.recover(["worker-2"]) == 0
    await works.until(lambda: works.begun == ["one:1/1"] * 2)
    assert await second.recover(["worker-2"]) == 0
    works.gate.set()
    await works.until(lambda: works.ended >= 1)


async def test_work_that_raises_ends_its_run_and_no_other(make: Callable[[], Engine]) -> None:
    engine = make()
    await engine.migrate()
    begun: list[str] = []

    async def work(run: str) -> str:
        begun.append(run)
        if run == "bad:1/1":
            raise ValueError(run)
        return "done"

    await engine.launch("worker-1", 1, work)
    await engine.enqueue(Order("bad:1/1"))
    await engine.enqueue(Order("good:1/1", priority=2))
    async with asyncio.timeout(60):
        while len(begun) < 2 or await engine.known(begun):
            await asyncio.sleep(0.05)
    assert begun == ["bad:1/1", "good:1/1"]
