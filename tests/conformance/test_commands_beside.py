"""Commands of one box beside each other, in every sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midwatch.sandbox.base import ExecResult, Sandbox
from tests.sandbox.boxes import Bench, alive, opened, token, until
from tests.support.drivers import DRIVERS, Driver


@pytest.fixture(params=DRIVERS, ids=lambda driver: driver.name)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    driver: Driver = request.param
    return driver.required()


@pytest.fixture
async def bench(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Bench]:
    async with opened(sandbox, tmp_path) as bench:
        yield bench


async def run(bench: Bench, script: str, *, timeout: float = 60, stdin: bytes = b"") -> tuple[ExecResult, bytes]:
    said = bytearray()
    result = await bench.box.exec(
        ["sh", "-c", script], timeout=timeout, output_bytes=1 << 20, stdin=stdin, sink=said.extend
    )
    return result, bytes(said)


async def test_commands_that_wait_for_each_other_come_to_their_end(bench: Bench) -> None:
    meet = "touch {0}; until test -e {1}; do sleep 0.02; done; echo {0}; exit 3"
    results = await asyncio.gather(*(run(bench, meet.format(*pair)) for pair in (("a", "b"), ("b", "c"), ("c", "a"))))
    assert [(result.exit_code, said) for result, said in results] == [(3, b"a\n"), (3, b"b\n"), (3, b"c\n")]


async def test_there_is_no_input_unless_some_is_given(bench: Bench) -> None:
    results = await asyncio.gather(run(bench, "cat"), run(bench, "cat", stdin=b"one"), run(bench, "cat", stdin=b"two"))
    assert [said for _, said in results] == [b"", b"one", b"two"]


async def test_a_time_limit_ends_a_command_with_all_that_it_started(bench: Bench) -> None:
    mark = token()
    result, said = await run(bench, f"echo begun; setsid sleep {mark} & sleep {mark}", timeout=0.5)
    assert (result.exit_code, result.ended, said) == (None, "time limit of 0.5 s", b"begun\n")
    assert alive(mark) == []


async def test_a_cancelled_command_is_ended_before_the_caller_goes_on(bench: Bench) -> None:
    mark, said = token(), bytearray()
    command = ["sh", "-c", f"echo begun; sleep {mark}"]
    going = asyncio.create_task(bench.box.exec(command, timeout=60, output_bytes=1 << 20, sink=said.extend))
    await until(lambda: b"begun" in said, "the command started")
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert alive(mark) == []
