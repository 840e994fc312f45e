"""Among several attempts: which one is offered, by evidence, review and size, and a person who chooses another."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from midwatch.domain.conversation import Delta, Replied, Reply, Said, ToolSpec, Usage, View
from midwatch.domain.errors import InputError, ModelError
from midwatch.domain.events import Proposed, Proposing, Stopped
from midwatch.domain.interventions import Delegated
from midwatch.domain.limits import Limits
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.models.fake import calls, says
from midwatch.workflows import choosing, reopening
from midwatch.workflows.read import settled
from midwatch.workflows.start import Request
from midwatch.workflows.verify import verify_task
from tests.support.place import Place, git, make_repository

PASSES = "grep -q one count.txt"
COMMANDS = ("echo one >> count.txt", "echo one >> count.txt; echo more >> count.txt", "echo nothing >> count.txt")


@dataclass
class Several:
    """Does another command in each attempt, in the order in which they ask; reviews as it is told."""

    reviews: Callable[[str], Reply] = field(default=lambda change: says("no"))
    commands: Sequence[str] = COMMANDS
    name: str = "fake"
    wire: str = "fake"
    window: int = 128_000
    max_output: int = 16_000
    begun: int = 0
    reviewed: list[str] = field(default_factory=list)
    price: int = 1

    async def reply(
        self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None
    ) -> AsyncGenerator[Delta | Reply]:
        """A command, then a word."""
        done = sum(isinstance(item, Replied) for item in view.items)
        first = view.items[0]
        assert isinstance(first, Said)
        if "Review one of several attempts" in first.text:
            if done == 0:
                yield _named(calls("shell", command="git show --format= HEAD"), f"review_{done}")
                return
            change = getattr(view.items[-1], "output", "")
            self.reviewed.append(change)
            yield self.reviews(change)
        elif done == 0:
            self.begun += 1
            yield _named(calls("shell", command=self.commands[self.begun - 1]), f"call_{self.begun}")
        else:
            yield says("Count further\n\nDone.")

    def cost(self, usage: Usage) -> int | None:
        return self.price * usage.total

    async def close(self) -> None:
        """Nothing."""


def _named(reply: Reply, name: str) -> Reply:
    return replace(reply, calls=tuple(replace(call, id=name) for call in reply.calls))


def judged(verdict: str, *priorities: int) -> Reply:
    findings = [
        {
            "title": "t",
            "body": "b",
            "priority": p,
            "confidence": 1,
            "file": "count.txt",
            "first_line": 1,
            "last_line": 1,
        }
        for p in priorities
    ]
    return says(json.dumps({"findings": findings, "verdict": verdict, "explanation": "e"}))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, make_repository(tmp_path / "repo", {"count.txt": "zero\n"}))


async def task_of(place: Place, attempts: int = 2, select: str = "review", limits: Limits | None = None) -> Task:
    request = Request("Count further", str(place.repository), checks=(PASSES,), attempts=attempts, select=select)
    return await place.begin(request, limits)


async def faults(place: Place, task: Task) -> tuple[str, ...]:
    async with place.store() as store:
        return (await verify_task(store, Blobs(place.state / "blobs"), place.state, place.forge, task.id)).faults


async def choose(place: Place, name: str) -> Task:
    async with place.store() as store:
        return await choosing.choose(reopening.Shelf(place.state, store, place.forge), name)


async def doing(place: Place, task: Task, *commands: str) -> list[int]:
    """The numbers of the attempts that ran these: attempts begin at once, in any order."""
    ran = {}
    for number in range(1, task.attempts + 1):
        ran[(await place.history(task, number)).commands[0].command] = number
    return [ran[command] for command in commands]


async def bodies(place: Place, task: Task, number: int, kind: type[Any]) -> list[Any]:
    return [e.body for e in (await place.history(task, number)).events if isinstance(e.body, kind)]


def reviewing(change: str) -> Reply:
    """The longer one is the better one."""
    return judged("correct", 3) if "+more" in change else judged("correct", 1)


async def test_with_a_review_the_better_change_is_offered_and_not_the_smaller(place: Place) -> None:
    task, model = await task_of(place), Several(reviewing)
    report = await place.solve(task, model)
    other, best = await doing(place, task, *COMMANDS[:2])
    assert (report.chosen.attempt, report.status) == (f"{task.id}.{best}", "done")
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none\nmore"
    assert sorted("+more" in change for change in model.reviewed) == [False, True]
    assert "another attempt was offered; its review: correct, 1 finding" in report.attempts[other - 1].detail
    for number in (1, 2):
        (told,) = await bodies(place, task, number, Delegated)
        history = await place.history(task, number)
        assert (told.status, told.turns, told.cost_microusd) == ("done", 2, 220)
        assert (history.turns, history.cost_microusd) == (4, 440)
        async with place.store() as store:
            row = await store.find(told.task)
            assert (row.task.kind, row.task.parent) == ("review", f"{task.id}.{number}")
            assert [r.task.id for r in await store.recent()] == [task.id]
    assert await faults(place, task) == ()
    assert not list((place.state / "attempts").iterdir())


async def test_a_change_that_the_review_finds_incorrect_is_not_offered(place: Place) -> None:
    task = await task_of(place)
    model = Several(lambda change: judged("correct", 1, 1) if "+more" in change else judged("incorrect"))
    report = await place.solve(task, model)
    assert report.chosen.attempt == f"{task.id}.{(await doing(place, task, COMMANDS[1]))[0]}"


@pytest.mark.parametrize("select", ["diff", "review"])
async def test_nothing_is_reviewed_that_was_not_asked_for_or_where_only_one_passes(place: Place, select: str) -> None:
    commands = COMMANDS[:2] if select == "diff" else COMMANDS[1:]
    task, model = await task_of(place, select=select), Several(commands=commands)
    report = await place.solve(task, model)
    assert report.chosen.attempt == f"{task.id}.{(await doing(place, task, commands[0]))[0]}"
    assert model.reviewed == []


async def test_equal_changes_are_not_compared(place: Place) -> None:
    task, model = await task_of(place), Several(commands=(COMMANDS[0], COMMANDS[0]))
    assert (await place.solve(task, model)).status == "done"
    assert model.reviewed == []


async def test_a_review_that_cannot_be_made_does_not_hold_up_the_work(place: Place) -> None:
    def down(change: str) -> Reply:
        raise ModelError("down")

    task = await task_of(place)
    report = await place.solve(task, Several(down))
    small, large = await doing(place, task, *COMMANDS[:2])
    assert (report.status, report.chosen.attempt) == ("done", f"{task.id}.{small}")
    assert "it could not be reviewed" in report.attempts[large - 1].detail
    assert await faults(place, task) == ()


async def test_a_review_has_no_more_than_what_is_left_of_the_limits(place: Place) -> None:
    task, model = await task_of(place, limits=Limits(turns=3)), Several(reviewing)
    report = await place.solve(task, model)  # two turns are used: half of one is nothing
    assert report.status == "done"
    assert model.reviewed == []


async def test_what_cannot_be_selected_is_refused_before_anything_is_made(place: Place) -> None:
    with pytest.raises(InputError, match="more than one attempt"):
        await task_of(place, 1)
    with pytest.raises(InputError, match="not possible"):
        await task_of(place, 2, "luck")


async def test_a_person_chooses_another_and_the_same_pull_request_has_its_change(place: Place) -> None:
    task = await task_of(place, select="diff")
    first = await place.solve(task, Several())
    assert first.pull_request is not None
    small, large = await doing(place, task, *COMMANDS[:2])
    assert first.chosen.attempt == f"{task.id}.{small}"
    await choose(place, f"{task.id}.{large}")
    waiting = await place.report(task)
    assert not waiting.finished
    assert await faults(place, task) == ()
    report = await place.solve(task, Several())
    assert (report.status, report.chosen.attempt) == ("done", f"{task.id}.{large}")
    assert report.pull_request is not None
    assert (report.pull_request.number, report.pull_request.state) == (first.pull_request.number, "open")
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none\nmore"
    assert (report.attempts[small - 1].status, report.attempts[small - 1].detail) == (
        "not chosen",
        "another attempt was chosen by a person",
    )
    assert await faults(place, task) == ()
    async with place.store() as store:
        assert await settled(store, place.state, place.forge, task)
        with pytest.raises(InputError, match="was not chosen"):
            await reopening.tell(reopening.Shelf(place.state, store, place.forge), f"{task.id}.{small}", "go on")
    # and back again, also twice
    await choose(place, f"{task.id}.{small}")
    await choose(place, f"{task.id}.{small}")
    back = await place.solve(task, Several())
    assert back.chosen.attempt == f"{task.id}.{small}"
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none"
    await choose(place, f"{task.id}.{small}")
    assert (await place.report(task)).finished
    assert len(await bodies(place, task, small, Proposed)) == len(await bodies(place, task, small, Proposing)) == 2
    assert await faults(place, task) == ()
    assert len(await place.forge.list()) == 1


async def test_the_chosen_one_takes_further_messages(place: Place) -> None:
    task = await task_of(place, select="diff")
    await place.solve(task, Several())
    (large,) = await doing(place, task, COMMANDS[1])
    await choose(place, f"{task.id}.{large}")
    await place.solve(task, Several())
    async with place.store() as store:
        await reopening.tell(reopening.Shelf(place.state, store, place.forge), task.id, "go on")
    report = await place.solve(task, Several())
    assert (report.status, report.chosen.attempt) == ("done", f"{task.id}.{large}")
    assert await faults(place, task) == ()


async def test_what_cannot_be_chosen_is_said(place: Place) -> None:
    task = await task_of(place, 3, "diff")
    await place.solve(task, Several(commands=(COMMANDS[0], "true", COMMANDS[1])))
    small, idle, large = await doing(place, task, COMMANDS[0], "true", COMMANDS[1])
    for name, why in ((task.id, "is a task"), (f"{task.id}.{idle}", "no evidence"), (f"{task.id}.9", "no attempt")):
        with pytest.raises(InputError, match=why):
            await choose(place, name)
    await place.forge.close(str(place.repository), 1)
    with pytest.raises(InputError, match="closed already"):
        await choose(place, f"{task.id}.{small}")
    await choose(place, f"{task.id}.{large}")  # another change opens it again
    report = await place.solve(task, Several())
    assert report.pull_request is not None
    assert report.pull_request.state == "open"
    await place.forge.merge(str(place.repository), 1)
    with pytest.raises(InputError, match="merged already"):
        await choose(place, f"{task.id}.{small}")


async def test_of_two_choices_the_later_one_is_carried_out(place: Place) -> None:
    commands = (COMMANDS[0], COMMANDS[1], "echo one >> count.txt; echo a; echo b >> more.txt; echo c >> more.txt")
    task = await task_of(place, 3, "diff")
    await place.solve(task, Several(commands=commands))
    _, second, third = await doing(place, task, *commands)
    await choose(place, f"{task.id}.{second}")
    await choose(place, f"{task.id}.{third}")
    report = await place.solve(task, Several())
    assert (report.chosen.attempt, report.finished) == (f"{task.id}.{third}", True)
    assert sorted(attempt.status for attempt in report.attempts) == ["done", "not chosen", "not chosen"]
    assert await faults(place, task) == ()


async def test_a_choice_that_comes_after_the_merge_is_taken_back(place: Place) -> None:
    task = await task_of(place, select="diff")
    await place.solve(task, Several())
    small, large = await doing(place, task, *COMMANDS[:2])
    await choose(place, f"{task.id}.{large}")
    await place.forge.merge(str(place.repository), 1)
    with pytest.raises(InputError, match="merged in the meantime"):
        await place.solve(task, Several())
    report = await place.report(task)
    assert (report.chosen.attempt, report.status, report.finished) == (f"{task.id}.{small}", "done", True)
    assert "merged before it was chosen" in report.attempts[large - 1].detail
    assert await bodies(place, task, small, Stopped) == []
    assert await faults(place, task) == ()
