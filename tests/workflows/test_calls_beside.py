"""Calls of one reply that only read run beside each other; all others one after the other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from midwatch.agent.log import History
from midwatch.domain.conversation import Answered, ToolSpec
from midwatch.domain.errors import SandboxLost
from midwatch.domain.events import ToolFinished, ToolStarted
from midwatch.domain.limits import Limits
from midwatch.models.fake import FakeModel, calls_all, says
from midwatch.tools.base import Bench, ToolResult
from midwatch.tools.toolset import ToolSet, default_tools
from tests.support.place import Place, make_repository

FILES = {"a.txt": "a\n", "b.txt": "b\n", "c.txt": "c\n"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, make_repository(tmp_path / "repo", FILES))


@dataclass
class Meet:
    """A tool that reads, and whose calls end only when so many of them run at once."""

    together: int
    reads: bool = True
    again: bool = True
    lost: bool = False
    """One of the calls that met loses the sandbox."""
    most: int = 0
    running: int = 0
    cancelled: int = 0
    all_here: asyncio.Event = field(default_factory=asyncio.Event)
    spec = ToolSpec("meet", "", {"type": "object"})

    def summary(self, arguments: str) -> str:
        return "meet"

    def reads_only(self, arguments: str) -> bool:
        return self.reads

    def repeatable(self, arguments: str) -> bool:
        return self.again

    async def run(self, arguments: str, bench: Bench) -> ToolResult:
        self.running += 1
        self.most = max(self.most, self.running)
        number = self.running
        try:
            if self.running == self.together:
                self.all_here.set()
                if self.lost:
                    raise SandboxLost("gone")
            if self.lost:
                await asyncio.Event().wait()
            async with asyncio.timeout(30):
                await self.all_here.wait()
            await asyncio.sleep(0.01 * (self.together - number))  # the first one ends last
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return ToolResult(ok=True, output=f"{arguments} {bench.command_number}", command="meet")


def moves(history: History) -> list[str]:
    """The starts and ends of calls, by the last part of their ids."""
    found = []
    for event in history.events:
        if isinstance(event.body, ToolStarted):
            found.append("start " + event.body.call_id[-1])
        elif isinstance(event.body, ToolFinished):
            found.append("end " + event.body.call_id[-1])
    return found


async def test_they_run_at_the_same_time_and_answer_in_their_order(place: Place) -> None:
    meet = Meet(3)
    model = FakeModel([calls_all(*(("meet", {"n": n}) for n in range(3))), says("Done.")])
    task = await place.task()
    await place.solve(task, model, tools=ToolSet([meet]))
    history = await place.history(task)
    assert moves(history) == ["start 0", "start 1", "start 2", "end 0", "end 1", "end 2"]
    done = [event.body for event in history.events if isinstance(event.body, ToolFinished)]
    assert [(body.output, body.number) for body in done] == [(f'{{"n": {n}}} {n + 1}', n + 1) for n in range(3)]
    assert len({body.checkpoint for body in done}) == 1


async def test_not_more_than_eight_at_once(place: Place) -> None:
    meet = Meet(8)
    model = FakeModel([calls_all(*[("meet", {})] * 20), says("Done.")])
    task = await place.task()
    await place.solve(task, model, tools=ToolSet([meet]))
    assert meet.most == 8
    assert len([move for move in moves(await place.history(task)) if move.startswith("end")]) == 20


async def test_when_one_loses_the_sandbox_the_others_are_ended(place: Place) -> None:
    meet = Meet(3, lost=True)
    task = await place.task()
    with pytest.raises(SandboxLost):
        await place.solve(task, FakeModel([calls_all(*[("meet", {})] * 3)]), tools=ToolSet([meet]))
    assert (meet.running, meet.cancelled) == (0, 2)


async def test_commands_in_the_sandbox_read_beside_each_other(place: Place) -> None:
    reads = [("shell", {"command": command}) for command in ("cat a.txt", "rg -c . || true", "cat b.txt | wc -l")]
    first = [
        ("shell", {"command": "cat a.txt"}),
        ("shell", {"command": "grep -n b b.txt"}),
        ("shell", {"command": "cat"}),
    ]
    model = FakeModel([calls_all(*first, ("shell", {"command": "echo new > c.txt"}), *reads), says("Done.")])
    task = await place.task()
    await place.solve(task, model)
    history = await place.history(task)
    assert moves(history) == [
        "start 0", "start 1", "start 2", "end 0", "end 1", "end 2", "start 3", "end 3",
        "start 4", "end 4", "start 5", "end 5", "start 6", "end 6",
    ]  # fmt: skip
    bodies = [event.body for event in history.events if isinstance(event.body, ToolFinished)]
    assert [body.number for body in bodies] == [1, 2, 3, 4, 5, 6, 7]
    outputs = [body.output.partition("\n")[2] for body in bodies]
    assert [*outputs[:3], outputs[6]] == ["a\n", "1:b\n", "(no output)", "1\n"]


async def test_a_plan_among_reads_is_still_noted(place: Place) -> None:
    plan = ("update_plan", {"plan": [{"step": "look", "status": "in_progress"}]})
    shell = ("shell", {"command": "cat a.txt"})
    task = await place.task()
    await place.solve(task, FakeModel([calls_all(shell, plan, shell), says("Done.")]))
    history = await place.history(task)
    assert [command.number for command in history.commands] == [1, 2]
    assert moves(history) == ["start 0", "start 1", "start 2", "end 0", "end 1", "end 2"]
    assert history.plan is not None
    kinds = [event.kind for event in history.events]
    assert kinds[kinds.index("plan_updated") - 1] == "tool_finished"


async def test_a_read_past_its_time_says_so_and_the_others_end_well(place: Place) -> None:
    task = await place.task(limits=Limits(command_seconds=1))
    slow, quick = ("shell", {"command": "cat /dev/zero | wc -c"}), ("shell", {"command": "cat a.txt"})
    await place.solve(task, FakeModel([calls_all(slow, quick), says("Done.")]))
    first, second = [item for item in (await place.history(task)).items if isinstance(item, Answered)]
    assert first.output.startswith("ended by the time limit of 1 s; 120 s were asked for, 1 s is the most\n")
    assert second.output.endswith("\na\n")


async def test_what_may_not_run_twice_does_not_after_a_crash(place: Place) -> None:
    class Crash(BaseException):
        pass

    class Once(Meet):
        runs = 0

        async def run(self, arguments: str, bench: Bench) -> ToolResult:
            self.runs += 1
            raise Crash

    task = await place.task()
    once = Once(1, reads=False, again=False)
    model = FakeModel([calls_all(("meet", {}), ("shell", {"command": "cat a.txt"})), says("Done.")])
    with pytest.raises(Crash):
        await place.solve(task, model, tools=ToolSet([once]))
    await place.solve(task, model, tools=ToolSet([once, *default_tools()._tools.values()]))
    assert once.runs == 1
    first, second = [item for item in (await place.history(task)).items if isinstance(item, Answered)]
    assert "it may have happened" in first.output
    assert not first.ok
    assert second.output.endswith("\na\n")
