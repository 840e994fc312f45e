"""Where attempts share slots nothing of a workspace or a box is made before it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from midwatch.domain.conversation import Delta, Reply, ToolSpec, View
from midwatch.domain.errors import OperationError, SandboxLost
from midwatch.domain.events import ToolFinished
from midwatch.models.fake import FakeModel, calls, says
from midwatch.sandbox.base import Box, BoxSpec, Sandbox
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.sandbox.process import Process
from midwatch.sandbox.slots import Slots
from midwatch.sandbox.slotted import SlottedSandbox
from midwatch.workflows.late import LateBox
from tests.sandbox.boxes import Bench, opened
from tests.support.place import Place, make_repository

ADD = calls("shell", command="echo one >> count.txt; pwd")


class Looking(FakeModel):
    """Notes what is there of workspaces each time it is asked."""

    def __init__(self, script: Sequence[Reply], folder: Path) -> None:
        super().__init__(script)
        self.found: list[list[str]] = []
        self._folder = folder

    async def reply(
        self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None
    ) -> AsyncGenerator[Delta | Reply]:
        self.found.append(sorted(path.name for path in self._folder.glob("*/*")))
        async with aclosing(super().reply(view, tools, max_output=max_output)) as pieces:
            async for piece in pieces:
                yield piece


@pytest.mark.parametrize("driver", [Bubblewrap, Process])
async def test_an_attempt_that_has_run_nothing_has_no_workspace(tmp_path: Path, driver: Callable[[], Sandbox]) -> None:
    slots = Slots(1)
    place = Place(
        tmp_path, make_repository(tmp_path / "repo", {"count.txt": "zero\n"}), SlottedSandbox(driver(), slots)
    )
    plan = calls("update_plan", plan=[{"step": "count", "status": "pending"}])
    model = Looking([plan, ADD, says("Done.")], place.state / "attempts")
    report = await place.solve(task := await place.task(["grep -q one count.txt"]), model)
    assert report.status == "done"
    assert model.found[:2] == [[], []]
    assert "private" in model.found[2]
    events = (await place.history(task)).events
    done = [event.body for event in events if isinstance(event.body, ToolFinished)]
    assert done[0].checkpoint.tree == task.base.tree
    assert model.asked[0][0].brief.workdir in done[1].output  # it was told where it would be


async def test_a_workspace_that_cannot_be_made_stops_the_work_which_goes_on_when_it_can(place: Place) -> None:
    task = await place.task()
    obstacle = place.state / "attempts" / f"{task.id}.1"
    obstacle.parent.mkdir(parents=True)
    obstacle.write_text("in the way")
    with pytest.raises(OperationError, match=task.id):
        await place.solve(task, FakeModel([ADD, says("Done.")]))
    obstacle.unlink()
    report = await place.solve(task, FakeModel([ADD, says("Done.")]))
    assert (report.status, [change.path for change in report.changes]) == ("done", ["count.txt"])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    repository = make_repository(tmp_path / "repo", {"count.txt": "zero\n"})
    return Place(tmp_path, repository, SlottedSandbox(Bubblewrap(), Slots(1)))


class Maker:
    """Opens a box, the first time after a failure; counts."""

    def __init__(self, folder: Path, *, failures: int = 0) -> None:
        self.opened = self.closed = 0
        self._folder, self._failures = folder, failures

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Box]:
        if self._failures:
            self._failures -= 1
            raise OperationError("not now")
        self.opened += 1
        async with opened(Process(), self._folder) as bench:
            yield bench.box
        self.closed += 1


def late(maker: Maker, folder: Path) -> Bench:
    spec = BoxSpec("late", folder, folder)
    return Bench(LateBox(str(folder), "", maker), spec, None)


async def test_a_late_box_is_opened_once_by_whoever_uses_it_first(tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    bench = late(maker, tmp_path)
    await bench.box.park()
    await bench.box.unpark()
    assert maker.opened == 0
    await asyncio.gather(bench.run("true"), bench.box.write(b"file", b"text"), bench.run("true"))
    assert (maker.opened, await bench.box.read(b"file")) == (1, b"text")
    await bench.box.park()
    await bench.box.remove(b"file")
    await bench.box.close()
    await bench.box.close()
    assert (maker.opened, maker.closed) == (1, 1)
    with pytest.raises(SandboxLost, match="closed"):
        await bench.run("true")


async def test_what_could_not_be_opened_is_tried_again_at_the_next_use(tmp_path: Path) -> None:
    bench = late(Maker(tmp_path, failures=1), tmp_path)
    with pytest.raises(OperationError, match="not now"):
        await bench.run("true")
    assert (await bench.run("echo", "ran"))[1] == "ran\n"
    await bench.box.close()


async def test_a_late_box_that_is_closed_unused_opens_nothing(tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    bench = late(maker, tmp_path)
    await bench.box.close()
    with pytest.raises(SandboxLost, match="closed"):
        await bench.run("true")
    assert maker.opened == 0
