"""Boxes that share slots, with real boxes."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, SandboxLost, StoreError
from midwatch.sandbox import drivers
from midwatch.sandbox.base import Box, BoxSpec, Protections, Sandbox
from midwatch.sandbox.boxd import tree
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.sandbox.process import Process
from midwatch.sandbox.slots import REST_SECONDS, Slots
from midwatch.sandbox.slotted import LOST, SlottedBox, SlottedSandbox
from tests.conformance import test_sandbox as contract
from tests.conformance import test_sessions as contract_of_sessions
from tests.sandbox.boxes import Bench, alive, opened, spec_below, token, until

bench = contract.bench
test_output_and_order = contract.test_both_streams_come_in_order_through_one_sink
test_a_wrong_variable = contract.test_what_cannot_be_an_environment_variable_is_an_error_that_names_it
test_cancelling_goes_on = contract.test_cancelling_kills_the_command_and_goes_on
test_cancelling_leaves_nothing = contract.test_cancelling_at_any_moment_leaves_nothing_behind
test_closing_twice = contract.test_closing_ends_what_runs_and_may_be_done_twice
test_two_boxes = contract.test_two_boxes_run_at_once_and_do_not_see_each_other
test_a_closed_box = contract.test_a_closed_box_runs_nothing
test_a_sink_that_raises = contract.test_an_error_of_the_sink_ends_the_command_and_is_raised
test_input_of_a_session = contract_of_sessions.test_input_is_given_piece_by_piece


@pytest.fixture
def slots() -> Slots:
    return Slots(1)


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, slots: Slots) -> Sandbox:
    two_at_once = request.function is contract.test_two_boxes_run_at_once_and_do_not_see_each_other
    return SlottedSandbox(Bubblewrap(), Slots(2) if two_at_once else slots)


@contextlib.asynccontextmanager
async def boxes(sandbox: Sandbox, folder: Path, *names: str) -> AsyncIterator[list[Bench]]:
    """Several boxes, open at once."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(opened(sandbox, folder, name)) for name in names]


async def test_there_are_never_more_boxes_with_processes_than_slots(tmp_path: Path) -> None:
    slots = Slots(2)
    async with boxes(SlottedSandbox(Bubblewrap(), slots), tmp_path, *"abcdef") as found:
        await asyncio.gather(*(bench.run("true") for bench in found[:2]))
        two = len(tree.descendants(os.getpid()))
        for _ in range(2):
            results = await asyncio.gather(*(bench.run("sh", "-c", "echo ran") for bench in found))
            assert [said for _, said in results] == ["ran\n"] * 6
            assert (slots.held, slots.waiting) == (2, 0)
        await until(lambda: len(tree.descendants(os.getpid())) <= two, "the boxes that gave way have no processes")
    assert slots.held == 0


async def test_a_box_that_gave_way_goes_on_with_its_files(sandbox: Sandbox, slots: Slots, tmp_path: Path) -> None:
    async with boxes(sandbox, tmp_path, "first", "second") as (first, second):
        await first.run("sh", "-c", "echo 1 >file; echo 2 >/tmp/file; echo 3 >$HOME/file")
        await second.run("true")
        result, said = await first.run("sh", "-c", "cat file /tmp/file $HOME/file")
        assert (said, result.lost, slots.held) == ("1\n2\n3\n", "", 1)


async def test_what_is_lost_by_giving_way_is_said_once(sandbox: Sandbox, tmp_path: Path) -> None:
    async with boxes(sandbox, tmp_path, "first", "second") as (first, second):
        await first.run("sh", "-c", "echo >/dev/shm/file")
        assert (await first.run("ls", "/dev/shm"))[1] == "file\n"
        await second.run("true")
        result, said = await first.run("ls", "/dev/shm")
        assert (result.lost, said) == (LOST, "")
        await second.run("true")
        assert (await first.run("true"))[0].lost == ""


async def test_what_a_driver_keeps_is_not_said_to_be_lost(tmp_path: Path) -> None:
    mark = Path("/dev/shm", f"midwatch-test-{token()}")  # this driver's boxes see the machine's own
    mark.touch()
    try:
        async with boxes(SlottedSandbox(Process(), Slots(1)), tmp_path, "first", "second") as (first, second):
            await first.run("true")
            await second.run("true")
            assert (await first.run("test", "-e", str(mark)))[0].lost == ""
    finally:
        mark.unlink()


async def test_a_box_with_a_session_is_left_alone_until_it_ends(sandbox: Sandbox, tmp_path: Path) -> None:
    mark = token()
    async with boxes(sandbox, tmp_path, "first", "second") as (first, second):
        session = await first.box.start(["sleep", mark], output_bytes=100)
        waiting = asyncio.create_task(second.run("echo", "ran"))
        assert (await first.run("echo", "beside"))[1] == "beside\n"
        await asyncio.wait([waiting], timeout=0.2)
        assert not waiting.done()
        assert alive(mark)
        await session.kill()
        assert (await waiting)[1] == "ran\n"
        assert (await session.poll()) is not None


async def test_waiting_for_a_slot_takes_nothing_of_a_commands_time(sandbox: Sandbox, tmp_path: Path) -> None:
    async with boxes(sandbox, tmp_path, "first", "second") as (first, second):
        long = asyncio.create_task(first.run("sh", "-c", "echo >begun; sleep 0.5"))
        await until((first.workspace / "begun").exists, "the command started")
        result, _ = await second.run("true", timeout=0.3)
        assert result.ended == "exit 0"
        assert (await long)[0].ended == "exit 0"


async def test_being_cancelled_while_waiting_leaves_nothing(sandbox: Sandbox, slots: Slots, tmp_path: Path) -> None:
    mark = token()
    async with boxes(sandbox, tmp_path, "first", "second", "third") as (first, second, third):
        session = await first.box.start(["sleep", mark], output_bytes=100)
        waiting = [asyncio.create_task(bench.run("echo", "ran")) for bench in (second, third)]
        await until(lambda: slots.waiting == 2, "both wait")
        waiting[0].cancel()
        await session.kill()
        assert (await waiting[1])[1] == "ran\n"
        assert waiting[0].cancelled()
        assert (await second.run("echo", "later"))[1] == "later\n"
    assert (slots.held, slots.waiting) == (0, 0)


async def test_closing_gives_the_slot_back_also_of_one_that_waits(
    sandbox: Sandbox, slots: Slots, tmp_path: Path
) -> None:
    async with boxes(sandbox, tmp_path, "first", "second", "third") as (first, second, third):
        await first.box.start(["sleep", token()], output_bytes=100)
        waiting = [asyncio.create_task(bench.run("echo", "ran")) for bench in (second, third)]
        await until(lambda: slots.waiting == 2, "both wait")
        await second.box.close()
        with pytest.raises(SandboxLost, match="closed"):
            await waiting[0]
        await first.box.close()
        assert (await waiting[1])[1] == "ran\n"
    assert (slots.held, slots.waiting) == (0, 0)


async def test_a_box_that_is_being_closed_is_not_told_to_give_way(tmp_path: Path) -> None:
    told = asyncio.Event()

    class Slow(Process):
        @contextlib.asynccontextmanager
        async def _open(self, spec: BoxSpec) -> AsyncIterator[Box]:
            async with super()._open(spec) as box:
                close = box.close

                async def slow() -> None:
                    await asyncio.wait([asyncio.create_task(told.wait())], timeout=1)
                    await close()

                box.close = slow  # type: ignore[method-assign]
                yield box

    slots = Slots(1)
    async with boxes(SlottedSandbox(Slow(), slots), tmp_path, "first", "second") as (first, second):
        await first.run("true")
        await asyncio.sleep(2 * REST_SECONDS)
        closing = asyncio.create_task(first.box.close())
        await asyncio.sleep(0)
        waiting = asyncio.create_task(second.run("echo", "ran"))
        await until(lambda: slots.waiting == 1, "the second waits")
        assert getattr(first.box, "_leaving") is None  # noqa: B009 - of its own
        told.set()
        await closing
        assert (await waiting)[1] == "ran\n"
    assert (slots.held, slots.waiting) == (0, 0)


async def test_opening_and_unparking_never_wait(sandbox: Sandbox, slots: Slots, tmp_path: Path) -> None:
    async with boxes(sandbox, tmp_path, "first", "second") as (first, second):
        assert slots.held == 1  # the first was opened, as nobody else wanted to
        await first.box.start(["sleep", token()], output_bytes=100)
        await second.box.unpark()
        assert (slots.held, slots.waiting) == (1, 0)
        await first.box.park()
        assert slots.held == 0
        await second.box.unpark()
        assert slots.held == 1
        assert (await first.run("echo", "again"))[1] == "again\n"


async def test_one_probe_answers_all_who_ask_at_once() -> None:
    class Probed(Process):
        tried = 0

        async def probe(self) -> Protections:
            type(self).tried += 1
            await asyncio.sleep(0)
            return await super().probe()

    sandbox = SlottedSandbox(Probed(), Slots(1))
    first = asyncio.create_task(sandbox.probe())
    others = [asyncio.create_task(sandbox.probe()) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    assert {found.words for found in await asyncio.gather(*others)} == {(await Process().probe()).words}
    await sandbox.probe()
    assert Probed.tried == 1


async def test_a_box_that_cannot_be_parked_is_told_of_and_gives_its_slot_back(tmp_path: Path) -> None:
    class Stuck(Process):
        @contextlib.asynccontextmanager
        async def _open(self, spec: BoxSpec) -> AsyncIterator[Box]:
            async with super()._open(spec) as box:
                park = box.park

                async def stuck() -> None:
                    await park()
                    raise SandboxLost("it does not die")

                box.park = stuck  # type: ignore[method-assign]
                yield box

    async with boxes(SlottedSandbox(Stuck(), Slots(1)), tmp_path, "first", "second") as (first, second):
        await first.run("true")
        assert (await second.run("echo", "ran"))[1] == "ran\n"
        with pytest.raises(SandboxLost, match="does not die"):
            await first.run("true")
        await second.box.close()
        assert (await first.run("echo", "on"))[1] == "on\n"


async def test_a_box_that_cannot_be_looked_into_gives_its_slot_back_all_the_same(tmp_path: Path) -> None:
    slots = Slots(1)

    async def looked(_: SlottedBox) -> bytes:
        raise StoreError("the disk is full")

    async with boxes(SlottedSandbox(Process(), slots), tmp_path, "first", "second") as (first, second):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SlottedBox, "_look", looked)
            await first.run("true")
            async with asyncio.timeout(30):
                assert (await second.run("echo", "ran"))[1] == "ran\n"
        assert (await first.run("echo", "on"))[1] == "on\n"
    assert slots.held == 0


async def test_all_drivers_share_the_slots_of_a_worker(tmp_path: Path) -> None:
    made = drivers.slotted(Slots(1))
    assert set(made) == set(drivers.NAMES)
    spec = spec_below(tmp_path, made["bubblewrap"], "one")
    async with made["bubblewrap"].open(spec) as box, opened(made["process"], tmp_path, "two") as other:
        session = await box.start(["cat"], output_bytes=100)
        waiting = asyncio.create_task(other.run("echo", "ran"))
        await asyncio.wait([waiting], timeout=0.2)
        assert not waiting.done()
        await session.kill()
        assert (await waiting)[1] == "ran\n"
    with pytest.raises(InputError, match="0 sandbox slots"):
        Slots(0)
