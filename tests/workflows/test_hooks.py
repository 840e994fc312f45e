"""Hooks in the real sandbox: what they are told, what they can refuse, what comes of one that breaks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from midwatch.domain.conversation import Answered, Said
from midwatch.domain.guard import Hook
from midwatch.domain.interventions import HookRan
from midwatch.domain.task import Task
from midwatch.models.fake import FakeModel, calls, says
from tests.support.place import Place, git, make_repository

ADD = calls("shell", command="echo one >> count.txt")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, make_repository(tmp_path / "repo", {"count.txt": "zero\n"}))


async def hooked(place: Place, *hooks: Hook, mode: str = "workspace") -> Task:
    place.settings = {"hooks": hooks, "mode": mode}
    return await place.task()


async def ran(place: Place, task: Task) -> list[HookRan]:
    return [e.body for e in (await place.history(task)).events if isinstance(e.body, HookRan)]


def told(model: FakeModel) -> list[str]:
    """What the model has been told of its calls."""
    return [item.output for item in model.asked[-1][0].items if isinstance(item, Answered)]


@pytest.mark.parametrize(
    "command",
    [
        "echo 'not on a Monday' >&2; exit 2",
        """echo looking >&2; echo '{"decision": "refuse", "reason": "not on a Monday"}'""",
        """echo '{"decision": "block", "reason": "not on a Monday"}'; exit 2""",
    ],
)
async def test_a_hook_before_a_tool_refuses_the_call_and_the_model_reads_why(place: Place, command: str) -> None:
    task = await hooked(place, Hook("before_tool", command, ("shell",)))
    model = FakeModel([ADD, says("Could not.")])
    report = await place.solve(task, model)
    (output,) = told(model)
    assert output == "A hook refused this call, so nothing was done: not on a Monday"
    assert report.status == "no change"
    (event,) = await ran(place, task)
    assert (event.hook, event.call_id, event.refused) == ("before_tool", "call_0_0", "not on a Monday")
    assert event.bytes > 0


async def test_a_hook_is_told_the_call_and_its_result_and_runs_inside_the_box(place: Place) -> None:
    keep = "cat >> /tmp/told; echo >> /tmp/told"
    task = await hooked(place, Hook("before_tool", keep), Hook("after_tool", keep))
    model = FakeModel([ADD, calls("shell", command="cat /tmp/told"), says("Done.")])
    await place.solve(task, model)
    assert not Path("/tmp/told").exists()
    before, after, _ = (json.loads(line) for line in told(model)[1].splitlines()[1:])
    assert before == {
        "event": "before_tool",
        "task": task.id,
        "mode": "workspace",
        "folder": "/workspace",
        "call_id": "call_0_0",
        "tool": "shell",
        "arguments": {"command": "echo one >> count.txt"},
    }
    assert after["event"] == "after_tool"
    assert (after["result"]["ok"], after["result"]["exit_code"]) == (True, 0)


async def test_a_hook_after_a_tool_adds_its_objection_and_what_it_changes_is_saved(place: Place) -> None:
    task = await hooked(place, Hook("after_tool", "echo formatted >> count.txt; echo 'mind the end'; exit 2"))
    model = FakeModel([ADD, says("Done.")])
    await place.solve(task, model)
    assert told(model)[0].endswith("[a hook objects: mind the end]")
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none\nformatted"


@pytest.mark.parametrize("command", ["exit 1", "echo '{\"decision\"'", "no-such-program", "kill -9 $$", "sleep 60"])
async def test_a_hook_that_breaks_is_noted_and_the_work_goes_on(place: Place, command: str) -> None:
    task = await hooked(place, Hook("before_tool", command, timeout_seconds=1.0))
    report = await place.solve(task, FakeModel([ADD, says("Done.")]))
    assert report.status == "done"
    (event,) = await ran(place, task)
    assert event.refused == ""
    assert event.ended


async def test_a_hook_concerns_the_tools_that_its_patterns_name(place: Place) -> None:
    task = await hooked(place, Hook("before_tool", "exit 2", ("mcp__*", "update_plan")))
    plan = calls("update_plan", plan=[{"step": "look", "status": "pending"}])
    model = FakeModel([ADD, plan, says("Done.")])
    report = await place.solve(task, model)
    assert [event.call_id for event in await ran(place, task)] == ["call_1_0"]
    assert "it gave no reason" in told(model)[1]
    assert report.status == "done"


async def test_the_first_hook_that_refuses_is_the_last_that_runs(place: Place) -> None:
    task = await hooked(place, *(Hook("before_tool", f"echo {n}; exit {n}") for n in (0, 2, 2)))
    model = FakeModel([ADD, says("Done.")])
    await place.solve(task, model)
    assert [event.exit_code for event in await ran(place, task)] == [0, 2]


async def test_a_hook_before_the_finish_sends_the_model_back_until_it_has_no_objection(place: Place) -> None:
    task = await hooked(place, Hook("before_finish", "grep -q two count.txt || { echo 'count to two'; exit 2; }"))
    more = calls("shell", command="echo two >> count.txt")
    model = FakeModel([ADD, says("Done."), more, says("Counted to two.")])
    report = await place.solve(task, model)
    last = model.asked[2][0].items[-1]
    assert isinstance(last, Said)
    assert "A hook refuses that you finish: count to two" in last.text
    assert [event.refused for event in await ran(place, task)] == ["count to two", ""]
    assert report.pull_request is not None
    assert (report.status, report.pull_request.proposal.draft) == ("done", False)
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none\ntwo"


async def test_an_objection_to_the_finish_stands_after_three_times_and_the_pull_request_says_it(place: Place) -> None:
    task = await hooked(place, Hook("before_finish", "echo 'never good enough'; exit 2"))
    model = FakeModel([ADD, *(says(f"Done {n}.") for n in range(4))])
    report = await place.solve(task, model)
    assert len(model.asked) == 5
    assert report.pull_request is not None
    assert report.pull_request.proposal.draft
    assert "A hook objects to this as it is" in report.pull_request.proposal.body
    assert "never good enough" in report.pull_request.proposal.body


async def test_what_a_hook_before_the_finish_changes_is_part_of_the_work(place: Place) -> None:
    task = await hooked(place, Hook("before_finish", "echo formatted >> count.txt"))
    await place.solve(task, FakeModel([ADD, says("Done.")]))
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none\nformatted"


async def test_what_a_hook_changes_in_a_read_only_task_is_put_back(place: Place) -> None:
    task = await hooked(place, Hook("before_finish", "echo formatted >> count.txt"), mode="read-only")
    report = await place.solve(task, FakeModel([says("Zero.")]))
    assert (report.status, report.changes) == ("answered", ())


class Broken(Exception):
    """Stands for a crash."""


async def test_a_finish_whose_hooks_did_not_run_before_a_crash_has_them_run_afterwards(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from midwatch.agent import hooks

    task = await hooked(place, Hook("before_finish", "echo 'no'; exit 2"))
    model = FakeModel([ADD, *(says("Done.") for _ in range(4))])

    async def broken(*_: object) -> None:
        raise Broken

    with monkeypatch.context() as patched:
        patched.setattr(hooks, "before_finish", broken)
        with pytest.raises(Broken):
            await place.solve(task, model)
    assert await ran(place, task) == []
    report = await place.solve(task, model)
    assert len(await ran(place, task)) == 4
    assert report.status == "done"
