"""Back to an earlier step, and a new task from one: conversation and files belong together."""

from __future__ import annotations

import subprocess
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from midwatch.agent.course import steps
from midwatch.domain.conversation import Answered, Said
from midwatch.domain.errors import InputError, ModelError
from midwatch.domain.events import ToolFinished
from midwatch.domain.interventions import Forked, Undone
from midwatch.domain.limits import Limits
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.engine.lease import hold
from midwatch.models.fake import FakeModel, calls, says
from midwatch.workflows import forking, reopening, undoing
from midwatch.workflows.reopening import Shelf
from midwatch.workflows.tidy import tidy
from midwatch.workflows.verify import verify_task
from midwatch.workspace.repository import Repository
from tests.support.place import Place, git, make_repository

T = TypeVar("T")

ONE = calls("shell", command="echo one >> count.txt; echo kept > new.txt; echo $RANDOM")
TWO = calls("shell", command="echo two >> count.txt; rm new.txt")
OTHER = calls("shell", command="cat count.txt new.txt; echo other >> count.txt")
PASSES = "grep -q one count.txt"
SCRIPT = [ONE, TWO, says("Counted to two")]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, make_repository(tmp_path / "repo", {"count.txt": "zero\n"}))


async def on(place: Place, work: Callable[[Shelf], Awaitable[T]]) -> T:
    async with place.store() as store:
        return await work(Shelf(place.state, store, place.forge))


async def undo(place: Place, task: Task, to: str) -> undoing.WentBack:
    return await on(place, lambda shelf: undoing.undo(shelf, task.id, to))


async def fork(place: Place, name: str, at: str = "", message: str = "") -> Task:
    return await on(place, lambda shelf: forking.fork(shelf, name, at, message, "midwatch test"))


async def faults(place: Place, task: Task) -> tuple[str, ...]:
    async with place.store() as store:
        return (await verify_task(store, Blobs(place.state / "blobs"), place.state, place.forge, task.id)).faults


async def clean(place: Place) -> None:
    """What git and we remove when nobody needs it any more."""
    repository = await Repository.open(place.state, str(place.repository))
    git_dir = ["git", "--git-dir", str(repository.git_dir)]
    subprocess.run([*git_dir, "reflog", "expire", "--expire=now", "--all"], check=True)
    subprocess.run([*git_dir, "gc", "-q", "--prune=now"], check=True)
    await tidy(place.state, 0, 0)


async def test_undo_puts_files_and_conversation_back_and_the_task_goes_on_from_there(place: Place) -> None:
    task = await place.task([PASSES])
    await place.solve(task, FakeModel(SCRIPT))
    back = await undo(place, task, "cmd:1")
    assert [(c.path, c.status) for c in back.files] == [("count.txt", "M"), ("new.txt", "A")]
    assert back.commands == 1
    assert (await place.report(task)).status == "interrupted"
    assert await faults(place, task) == ()
    model = FakeModel([ONE, OTHER, says("Counted otherwise")])
    report = await place.solve(task, model)
    assert (report.status, report.exit_code) == ("done", 0)
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none\nother"
    assert git(place.repository, "show", f"{task.branch}:new.txt") == "kept"
    assert len(await place.forge.list()) == 1
    answers = [item.output for item in model.asked[0][0].items if isinstance(item, Answered)]
    assert len(answers) == 1
    bodies = [e.body for e in (await place.history(task)).events]
    assert [b.number for b in bodies if isinstance(b, ToolFinished)] == [1, 2, 3]
    assert sum(isinstance(b, Undone) for b in bodies) == 1
    assert await faults(place, task) == ()


async def test_undo_to_the_start_is_the_task_and_nothing_else(place: Place) -> None:
    task = await place.task([PASSES])
    await place.solve(task, FakeModel(SCRIPT))
    assert [c.path for c in (await undo(place, task, "start")).files] == ["count.txt"]
    assert (await place.report(task)).changes == ()
    model = FakeModel([OTHER, says("Nothing there")])
    await place.solve(task, model)
    assert [type(item) for item in model.asked[0][0].items][:1] == [Said]
    assert not any(isinstance(item, Answered) for item in model.asked[0][0].items)
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\nother"


async def test_an_undo_can_be_undone_after_everything_unneeded_was_cleaned_up(place: Place) -> None:
    task = await place.task([PASSES])
    await place.solve(task, FakeModel(SCRIPT))
    await undo(place, task, "cmd:1")
    await place.solve(task, FakeModel([ONE, OTHER, says("Counted otherwise")]))
    await clean(place)
    await undo(place, task, "cmd:2")
    report = await place.solve(task, FakeModel(SCRIPT))
    assert report.status == "done"
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none\ntwo"
    assert await faults(place, task) == ()


async def test_what_was_spent_stays_spent(place: Place) -> None:
    task = await place.task([PASSES], limits=Limits(turns=4))
    await place.solve(task, FakeModel(SCRIPT))
    await undo(place, task, "cmd:1")
    report = await place.solve(task, FakeModel([ONE, OTHER, OTHER, says("Done.")]))
    assert (report.status, report.chosen.turns) == ("limit", 4)


async def test_an_interrupted_task_goes_back_as_well(place: Place) -> None:
    task = await place.task([PASSES])
    with pytest.raises(ModelError):
        await place.solve(task, FakeModel([ONE, TWO, ModelError("down")]))
    await undo(place, task, "cmd:1")
    report = await place.solve(task, FakeModel([ONE, says("Counted one")]))
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none"
    assert report.status == "done"


async def test_steps_without_a_whole_state_are_refused_with_those_that_have_one(place: Place) -> None:
    task = await place.task([PASSES])
    with pytest.raises(InputError, match="has not begun"):
        await undo(place, task, "start")
    await place.solve(task, FakeModel(SCRIPT))
    events = (await place.history(task)).events
    kinds = {event.kind: event.seq for event in reversed(events)}
    for wanted in ("task_started", "tool_started", "model_replied", "checked"):
        with pytest.raises(InputError, match=f"{wanted}.* is no step") as refused:
            await undo(place, task, str(kinds[wanted]))
        assert str(kinds["tool_finished"]) in refused.value.mend
    for wrong, words in (("99", "no event 99"), ("cmd:9", "no command 9"), ("soon", "is no step"), ("cmd:0", "cmd")):
        with pytest.raises(InputError, match=words if wrong != "cmd:0" else "no command 0"):
            await undo(place, task, wrong)
    with hold(place.state / "locks", f"{task.id}.1"), pytest.raises(InputError, match="being worked on"):
        await undo(place, task, "start")
    await undo(place, task, "start")
    with pytest.raises(InputError, match="nothing came after"):
        await undo(place, task, "start")
    assert [e.seq for e in steps((await place.history(task)).events)] == [kinds["message"]]


async def test_a_fork_is_a_task_of_its_own_that_begins_with_what_was_done(place: Place) -> None:
    task = await place.task([PASSES])
    first = await place.solve(task, FakeModel(SCRIPT))
    new = await fork(place, task.id, "cmd:1", "count otherwise")
    assert (new.id != task.id, new.branch != task.branch, new.prompt) == (True, True, task.prompt)
    await clean(place)
    model = FakeModel([ONE, OTHER, says("Counted otherwise")])
    report = await place.solve(new, model)
    assert (report.status, report.exit_code) == ("done", 0)
    assert git(place.repository, "show", f"{new.branch}:count.txt") == "zero\none\nother"
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none\ntwo"
    assert [request.number for request in await place.forge.list()] == [2, 1]
    assert [i.text for i in model.asked[0][0].items if isinstance(i, Said)][1] == "count otherwise"
    # what was cited is still there under its number, and new commands go on counting
    numbers = {c.number: c.digest for c in report.chosen.commands}
    assert list(numbers) == [1, 2]
    assert numbers[1] == first.chosen.commands[0].digest
    assert await faults(place, new) == await faults(place, task) == ()
    assert (await place.report(task)).chosen.hash == first.chosen.hash


async def test_a_fork_has_the_limits_of_its_origin_for_itself(place: Place) -> None:
    task = await place.task([PASSES], limits=Limits(turns=2, tokens=10_000))
    assert (await place.solve(task, FakeModel(SCRIPT))).status == "limit"
    new = await fork(place, task.id)
    assert (new.limits.turns, new.limits.tokens) == (4, 10_220)
    report = await place.solve(new, FakeModel(SCRIPT))
    assert (report.status, report.chosen.turns) == ("done", 3)
    told = await fork(place, new.id, "", "and more")  # turns count from the message on
    assert (told.limits.turns, told.limits.tokens) == (4, 10_220 + 330)


async def test_a_fork_of_a_fork_and_of_what_was_undone_holds_only_what_counts(place: Place) -> None:
    task = await place.task([PASSES])
    await place.solve(task, FakeModel(SCRIPT))
    await undo(place, task, "cmd:1")
    second = await fork(place, task.id, "", "go on")
    third = await fork(place, second.id)
    bodies = [e.body for e in (await place.history(third)).events]
    assert [b.number for b in bodies if isinstance(b, ToolFinished)] == [1]
    assert [b.attempt for b in bodies if isinstance(b, Forked)] == [f"{second.id}.1"]
    assert await faults(place, third) == ()
    report = await place.solve(third, FakeModel([ONE, OTHER, says("Done.")]))
    assert report.status == "done"


async def test_verify_finds_a_fork_that_does_not_hold_what_its_origin_did(place: Place) -> None:
    task = await place.task([PASSES])
    await place.solve(task, FakeModel(SCRIPT))

    @asynccontextmanager
    async def forged(change: Callable[[list[Any]], None]) -> Any:
        new = await fork(place, task.id)
        bodies = [e.body for e in (await place.history(new)).events]
        bodies[0] = replace(bodies[0], task=replace(new, id=new.id[:-1] + ("0" if new.id[-1] != "0" else "1")))
        change(bodies)
        async with place.store() as store:
            await store.create(bodies[0].task, bodies)
        yield bodies[0].task

    def lie(bodies: list[Any]) -> None:
        number = next(n for n, body in enumerate(bodies) if isinstance(body, ToolFinished))
        bodies[number] = replace(bodies[number], output="all tests pass")

    def elsewhere(bodies: list[Any]) -> None:
        bodies[1] = replace(bodies[1], hash="f" * 64)

    async with forged(lie) as one, forged(elsewhere) as two, forged(lambda bodies: None) as three:
        assert "is not what" in (await faults(place, one))[0]
        assert "not there as it was" in (await faults(place, two))[0]
        assert await faults(place, three) == ()


async def test_a_fork_can_be_made_while_the_other_one_is_worked_on(place: Place) -> None:
    task = await place.task([PASSES])
    await place.solve(task, FakeModel(SCRIPT))
    with hold(place.state / "locks", f"{task.id}.1"):
        assert (await fork(place, task.id)).id != task.id


async def test_what_is_no_task_is_not_taken_up(place: Place) -> None:
    task = await place.task([PASSES])
    part = replace(task, id="0000000000aa", kind="subtask", parent=f"{task.id}.1")
    review = replace(task, id="0000000000bb", kind="review")
    async with place.store() as store:
        await store.create(part)
        await store.create(review)
    with pytest.raises(InputError, match=f"is a part of attempt {task.id}.1"):
        await undo(place, part, "start")
    with pytest.raises(InputError, match="is a review"):
        await on(place, lambda shelf: reopening.tell(shelf, review.id, "more"))
    with pytest.raises(InputError, match="cannot be forked"):
        await fork(place, part.id)
