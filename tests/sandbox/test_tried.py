"""A driver that many tasks share is tried once."""

from __future__ import annotations

import asyncio

import pytest

from midwatch.domain.errors import OperationError
from midwatch.sandbox.base import Sandbox
from midwatch.sandbox.drivers import shared
from midwatch.sandbox.fake import FakeSandbox
from midwatch.sandbox.results import Protections
from midwatch.sandbox.tried import Tried


class Counting(FakeSandbox):
    """Counts its trials; the first `failing` of them fail."""

    def __init__(self, failing: int = 0) -> None:
        super().__init__()
        self.trials, self.failing = 0, failing

    async def probe(self) -> Protections:
        self.trials += 1
        await asyncio.sleep(0)
        if self.trials <= self.failing:
            raise OperationError("no namespaces", "allow them")
        return await super().probe()


async def test_tasks_that_begin_at_once_and_later_share_one_trial() -> None:
    driver = Counting()
    tried = Tried(driver)
    found = await asyncio.gather(*(tried.probe() for _ in range(5)))
    assert [*found, await tried.probe()] == [await FakeSandbox().probe()] * 6
    assert driver.trials == 1


async def test_a_trial_is_made_anew_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Counting()
    tried = Tried(driver)
    await tried.probe()
    monkeypatch.setattr("midwatch.sandbox.tried.time.monotonic", lambda: 1e12)
    await tried.probe()
    assert driver.trials == 2


async def test_a_failure_is_told_to_all_who_wait_and_then_tried_again() -> None:
    driver = Counting(failing=1)
    tried = Tried(driver)
    told = await asyncio.gather(tried.probe(), tried.probe(), return_exceptions=True)
    assert [type(error) for error in told] == [OperationError] * 2
    assert await tried.probe() == await FakeSandbox().probe()
    assert driver.trials == 2


async def test_one_who_waits_and_is_cancelled_takes_the_trial_from_nobody() -> None:
    tried = Tried(Counting())
    first, second = asyncio.ensure_future(tried.probe()), asyncio.ensure_future(tried.probe())
    await asyncio.sleep(0)
    first.cancel()
    assert await second == await FakeSandbox().probe()


def test_a_process_has_one_driver_of_a_name() -> None:
    made: dict[str, Sandbox] = {}
    assert shared("process", made) is shared("process", made)
