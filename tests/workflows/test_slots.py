"""Whole tasks with one slot for all their boxes: nobody waits for ever, and the model hears of what was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from midwatch.domain.conversation import Answered, Delta, Reply, ToolSpec, View
from midwatch.models.fake import FakeModel, calls, says
from midwatch.sandbox.base import Sandbox
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.sandbox.process import Process
from midwatch.sandbox.slots import Slots
from midwatch.sandbox.slotted import LOST, SlottedSandbox
from tests.sandbox.boxes import opened
from tests.support.place import Place, make_repository
from tests.workflows.test_environment import SETUP, Lab
from tests.workflows.test_site import CHECKS, WORK, Run

ADD = calls("shell", command="echo one >> count.txt")
PASSES = "grep -q one count.txt"


@pytest.fixture
def slots() -> Slots:
    return Slots(1)


@pytest.fixture
def place(tmp_path: Path, slots: Slots) -> Place:
    repository = make_repository(tmp_path / "repo", {"count.txt": "zero\n"})
    return Place(tmp_path, repository, SlottedSandbox(Bubblewrap(), slots))


async def test_attempts_beside_each_other_end_with_one_slot(place: Place, slots: Slots) -> None:
    task = await place.task([PASSES, "test -e count.txt"], attempts=3)
    patch = "*** Begin Patch\n*** Update File: count.txt\n@@\n zero\n+two\n*** End Patch"
    report = await place.solve(task, FakeModel([ADD, calls("apply_patch", patch=patch), says("Done.")]))
    assert sorted(attempt.status for attempt in report.attempts) == ["done", "not chosen", "not chosen"]
    assert len(await place.forge.list()) == 1
    assert (slots.held, slots.waiting) == (0, 0)


async def test_an_attempt_with_a_session_holds_others_up_only_while_it_works(place: Place, slots: Slots) -> None:
    serve = calls("shell", command="sleep 1000", background=True, wait_seconds=0.1)
    tasks = [await place.task([PASSES]) for _ in range(2)]
    reports = await asyncio.gather(*(place.solve(task, FakeModel([serve, ADD, says("Done.")])) for task in tasks))
    assert [report.status for report in reports] == ["done", "done"]
    assert (slots.held, slots.waiting) == (0, 0)


@pytest.mark.parametrize("driver", [Bubblewrap, Process])
async def test_a_setup_and_the_checks_after_it_end_with_one_slot(
    tmp_path: Path, slots: Slots, driver: Callable[[], Sandbox]
) -> None:
    lab = Lab(tmp_path, SlottedSandbox(driver(), slots))
    lab.make(SETUP)
    run = await Run.made(lab, attempts=2)
    await run.solve(FakeModel(WORK))
    histories = [await run.history(number) for number in (1, 2)]
    assert [len(history.checked.evidence.checks) for history in histories if history.checked] == [len(CHECKS)] * 2
    assert (slots.held, slots.waiting) == (0, 0)


async def test_the_model_is_told_of_what_its_box_has_lost(place: Place, tmp_path: Path) -> None:
    class Slow(FakeModel):
        """While it is asked, another box needs the slot."""

        async def reply(
            self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None
        ) -> AsyncGenerator[Delta | Reply]:
            assert (await other.run("echo", "ran"))[1] == "ran\n"
            async with aclosing(super().reply(view, tools, max_output=max_output)) as pieces:
                async for piece in pieces:
                    yield piece

    look = calls("shell", command="ls /dev/shm")
    model = Slow([calls("shell", command="echo >/dev/shm/note"), look, look, says("Done.")])
    async with opened(place.sandbox, tmp_path, "other") as other:
        await place.solve(await place.task(), model)
    answers = [item.output for item in model.asked[-1][0].items if isinstance(item, Answered)]
    assert [LOST in answer for answer in answers] == [False, True, False]
    assert all("note" not in answer for answer in answers)
