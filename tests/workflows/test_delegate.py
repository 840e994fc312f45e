"""A part of an attempt's work, done by a subtask: same box, same files, a log and a share of the limits of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from midwatch.agent.log import History
from midwatch.domain.conversation import Answered, Replied, Reply, Said, ToolSpec, Usage, View
from midwatch.domain.errors import ModelError
from midwatch.domain.events import ToolFinished
from midwatch.domain.guard import Context, Hook
from midwatch.domain.interventions import Delegated
from midwatch.domain.limits import Limits
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.models.fake import FakeModel, Step, calls, says
from midwatch.tools.rules import Rule, Rules
from midwatch.tools.toolset import default_tools
from midwatch.workflows.start import Request
from midwatch.workflows.verify import verify_task
from tests.support.place import Place, git, make_repository

PASSES = "grep -q one count.txt"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    files = {"count.txt": "zero\n", "AGENTS.md": "Count in words.\n"}
    return Place(tmp_path, make_repository(tmp_path / "repo", files))


class Pair(FakeModel):
    """Plays one script for the task and another one for its subtasks."""

    def __init__(self, task: Sequence[Step], part: Sequence[Step], price_microusd: int = 0) -> None:
        super().__init__([], price_microusd=price_microusd)
        self.of_task = FakeModel(task, price_microusd=price_microusd)
        self.of_part = FakeModel(part, price_microusd=price_microusd)

    async def reply(self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None):  # type: ignore[no-untyped-def]
        model = self.of_part if "one part of it" in view.instructions else self.of_task
        async for piece in model.reply(view, tools, max_output=max_output):
            yield piece


def hand_over(**more: Any) -> Reply:
    return calls("delegate", prompt="Count to one.\nIn count.txt.", **more)


ONE = calls("shell", command="cat count.txt; echo one >> count.txt; echo here > /tmp/left; echo new > new.txt")
TWO = calls("shell", command="echo two >> count.txt; cat count.txt; ls /tmp")


async def subtasks(place: Place, task: Task) -> list[tuple[Task, History]]:
    told = [e.body for e in (await place.history(task)).events if isinstance(e.body, Delegated)]
    async with place.store() as store:
        names = list(dict.fromkeys(body.task for body in told))
        rows = [await store.find(name) for name in names]
        return [(row.task, History(await store.read(row.attempts[0].attempt))) for row in rows]


async def result(place: Place, task: Task) -> ToolFinished:
    bodies = [e.body for e in (await place.history(task)).events if isinstance(e.body, ToolFinished)]
    return next(body for body in bodies if body.tool == "delegate")


async def faults(place: Place, task: Task) -> tuple[str, ...]:
    async with place.store() as store:
        return (await verify_task(store, Blobs(place.state / "blobs"), place.state, place.forge, task.id)).faults


async def test_a_subtask_works_on_the_same_files_and_answers_with_its_last_words(place: Place) -> None:
    task = await place.task([PASSES])
    model = Pair([hand_over(), TWO, says("Counted.")], [ONE, says("Appended `one` to count.txt.")])
    report = await place.solve(task, model)
    assert (report.status, report.exit_code) == ("done", 0)
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none\ntwo"
    [(part, history)] = await subtasks(place, task)
    assert (part.kind, part.parent, part.branch) == ("subtask", f"{task.id}.1", "")
    answer = model.of_task.asked[1][0].items[-1]
    assert isinstance(answer, Answered)
    assert answer.ok
    assert answer.output.startswith("Appended `one` to count.txt.\n\n[Files changed: count.txt (M), new.txt (A)]\n")
    assert f"[subtask {part.id}: done, 2 turns, 220 tokens]" in answer.output
    finished = await result(place, task)
    assert finished.detail == {"task": part.id, "status": "done", "files": ["count.txt", "new.txt"]}
    # the same box: what the subtask left in /tmp is there
    assert "left" in model.of_task.asked[2][0].items[-1].output  # type: ignore[union-attr]
    assert [c.number for c in history.commands] == [1]
    assert await faults(place, task) == ()


async def test_a_subtask_sees_its_prompt_and_the_repositorys_words_and_cannot_delegate(place: Place) -> None:
    task = await place.task([PASSES])
    model = Pair([hand_over(), says("Counted.")], [ONE, says("Done.")])
    await place.solve(task, model)
    view, tools = model.of_part.asked[0]
    said = [item.text for item in view.items if isinstance(item, Said)]
    assert "Count in words." in said[0]
    assert said[1].endswith("Count to one.\nIn count.txt.")
    assert "Count further" not in "".join(said)
    assert "delegate" in [tool.name for tool in model.of_task.asked[0][1]]
    assert "delegate" not in [tool.name for tool in tools]


async def test_subtasks_are_listed_nowhere_and_told_in_the_log_of_their_parent(place: Place) -> None:
    task = await place.task([PASSES])
    await place.solve(task, Pair([hand_over(), says("Counted.")], [ONE, says("Done.")]))
    async with place.store() as store:
        assert [row.task.id for row in await store.recent()] == [task.id]
    [(part, _)] = await subtasks(place, task)
    assert (await place.report(part)).status == "done"


async def test_what_a_subtask_spends_counts_for_its_parent_and_it_gets_half_of_what_is_left(place: Place) -> None:
    limits = Limits(turns=9, tokens=10_000, cost_microusd=100_000, seconds=1000)
    task = await place.task([PASSES], limits=limits)
    steps = [replace(ONE, usage=Usage(400, output_tokens=100)), says("Done.")]
    report = await place.solve(task, Pair([hand_over(), says("Counted.")], steps, price_microusd=1))
    assert (report.chosen.turns, report.chosen.usage.total, report.chosen.cost_microusd) == (4, 830, 830)
    [(part, _)] = await subtasks(place, task)
    assert (part.limits.turns, part.limits.tokens, part.limits.cost_microusd) == (4, 4945, 49_945)
    assert part.limits.seconds is not None
    assert 490 <= part.limits.seconds <= 500


async def test_a_subtask_at_its_limit_says_so_and_its_parent_goes_on(place: Place) -> None:
    task = await place.task([PASSES])
    model = Pair([hand_over(turns=1), TWO, says("Counted.")], [ONE, says("never asked")])
    report = await place.solve(task, model)
    assert report.status == "done"
    answer = await result(place, task)
    assert (answer.ok, answer.ended) == (False, "limit")
    assert answer.output.startswith("It was ended: the limit of 1 turn was reached.")
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none\ntwo"


async def test_with_too_little_left_nothing_is_shared(place: Place) -> None:
    task = await place.task([PASSES], limits=Limits(turns=2))
    await place.solve(task, Pair([hand_over(), ONE], [says("never asked")]))
    assert "too little left" in (await result(place, task)).output
    assert await subtasks(place, task) == []


async def test_a_read_only_subtask_leaves_the_files_as_they_were(place: Place) -> None:
    task = await place.task([PASSES])
    model = Pair([ONE, hand_over(read_only=True), TWO, says("Counted.")], [TWO, says("Zero, one and two.")])
    await place.solve(task, model)
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none\ntwo"
    answer = await result(place, task)
    assert "Files changed" not in answer.output
    assert answer.detail["files"] == []
    [(part, history)] = await subtasks(place, task)
    assert part.mode == "read-only"
    assert "zero\none\ntwo" in history.items[-2].output  # type: ignore[union-attr]


async def test_a_subtask_is_bound_as_its_parent_is_but_for_hooks_on_a_finish(place: Place) -> None:
    rule = Rule(("touch",), "forbid", "no touching")
    hooks = (Hook("after_tool", "echo minded; exit 2"), Hook("before_finish", "true"))
    bound = replace(place, settings={"rules": Rules([rule]), "hooks": hooks})
    request = Request("Look", str(place.repository), kind="task", mode="read-only", context=(Context("issue", "odd"),))
    task = await bound.begin(request)
    ways = [calls("shell", command="touch made"), calls("shell", command="echo one >> count.txt"), says("Tried.")]
    rules = Rules().beside(task.guard.rules)
    await bound.solve(task, Pair([hand_over(), says("Seen.")], ways), tools=default_tools(rules))
    [(part, history)] = await subtasks(place, task)
    assert (part.mode, part.guard.rules) == ("read-only", task.guard.rules)
    assert [hook.event for hook in part.guard.hooks] == ["after_tool"]
    assert (part.mcp, part.context, part.sandbox) == (task.mcp, task.context, task.sandbox)
    forbidden, written = [item for item in history.items if isinstance(item, Answered)]
    assert "no touching" in forbidden.output
    assert "a hook objects: minded" in written.output
    assert "read-only, so these files are as they were before: count.txt" in written.output
    assert await faults(place, task) == ()


async def test_a_subtask_that_cannot_go_on_goes_on_with_its_parent_and_nothing_is_done_twice(place: Place) -> None:
    task = await place.task([PASSES])
    model = Pair([hand_over(), says("Counted.")], [ONE, TWO, ModelError("the endpoint is down"), says("Done.")])
    with pytest.raises(ModelError):
        await place.solve(task, model)
    [(part, history)] = await subtasks(place, task)
    assert (await place.report(part)).status == "failed"
    assert (await place.report(task)).chosen.turns == 3
    report = await place.solve(task, model)
    assert (report.status, report.chosen.turns) == ("done", 5)
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none\ntwo"
    [(again, after)] = await subtasks(place, task)
    assert again.id == part.id
    assert len(after.events) > len(history.events)
    assert [c.number for c in after.commands] == [1, 2]
    assert sum(isinstance(item, Replied) for item in after.items) == 3
    assert await faults(place, task) == ()


async def test_after_an_undo_the_same_call_is_another_subtask(place: Place) -> None:
    from midwatch.workflows import undoing
    from midwatch.workflows.reopening import Shelf

    task = await place.task([PASSES])
    script = [hand_over(), says("Counted.")]
    await place.solve(task, Pair(script, [ONE, says("Done.")]))
    async with place.store() as store:
        await undoing.undo(Shelf(place.state, store, place.forge), task.id, "start")
    report = await place.solve(task, Pair(script, [ONE, says("Done again.")]))
    assert (report.status, report.chosen.turns) == ("done", 8)
    assert len({part.id for part, _ in await subtasks(place, task)}) == 2
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({}, '"prompt" is missing'),
        ({"prompt": " "}, '"prompt" is empty'),
        ({"prompt": "x", "turns": 0}, '"turns" must be'),
        ({"prompt": "x", "read_only": "yes"}, '"read_only" must be'),
    ],
)
async def test_bad_arguments_are_a_result_that_says_how_it_is_done(
    place: Place, arguments: dict[str, Any], word: str
) -> None:
    task = await place.task([PASSES])
    await place.solve(task, Pair([calls("delegate", **arguments), ONE, says("Done.")], []))
    answer = await result(place, task)
    assert (answer.ok, answer.ended) == (False, "bad arguments")
    assert word in answer.output
    form = answer.output.partition("The arguments are ")[2].removesuffix(".")
    assert "prompt" in json.loads(form)
