"""One box, used by several callers at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midwatch.sandbox.base import ExecResult
from midwatch.sandbox.beside import SharedBox
from midwatch.sandbox.process import Process
from tests.sandbox.boxes import alive, opened, token, until


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[SharedBox]:
    async with opened(Process(), tmp_path) as bench:
        yield SharedBox(bench.box)


async def run(box: SharedBox, script: str, *, timeout: float = 60, stdin: bytes = b"") -> tuple[ExecResult, bytes]:
    said = bytearray()
    result = await box.exec(["sh", "-c", script], timeout=timeout, output_bytes=1 << 20, stdin=stdin, sink=said.extend)
    return result, bytes(said)


async def test_commands_that_wait_for_each_other_come_to_their_end(box: SharedBox) -> None:
    meet = "touch {0}; until test -e {1}; do sleep 0.02; done; echo {0}; exit 3"
    results = await asyncio.gather(*(run(box, meet.format(*pair)) for pair in (("a", "b"), ("b", "c"), ("c", "a"))))
    assert [(result.exit_code, said) for result, said in results] == [(3, b"a\n"), (3, b"b\n"), (3, b"c\n")]


async def test_there_is_no_input_unless_some_is_given(box: SharedBox) -> None:
    results = await asyncio.gather(run(box, "cat"), run(box, "cat", stdin=b"one"), run(box, "cat", stdin=b"two"))
    assert [said for _, said in results] == [b"", b"one", b"two"]


async def test_a_time_limit_ends_a_command_with_all_that_it_started(box: SharedBox) -> None:
    mark = token()
    result, said = await run(box, f"echo begun; setsid sleep {mark} & sleep {mark}", timeout=0.5)
    assert (result.exit_code, result.ended, said) == (None, "time limit of 0.5 s", b"begun\n")
    assert alive(mark) == []


async def test_a_cancelled_command_is_ended_before_the_caller_goes_on(box: SharedBox) -> None:
    mark = token()
    going = asyncio.create_task(run(box, f"sleep {mark}"))
    await until(lambda: alive(f"sleep\0{mark}"), "the command started")
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert alive(mark) == []


async def test_a_program_that_is_missing_is_told_by_its_code(box: SharedBox) -> None:
    result = await box.exec(["no-such-program-anywhere"], timeout=60, output_bytes=1000)
    assert result.exit_code == 127
