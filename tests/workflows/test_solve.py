"""The story of a task, with the real sandbox, git, store and forge; only the model plays a script."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from midwatch.agent.context import RESTARTED
from midwatch.domain.conversation import Answered, Reply, Usage
from midwatch.domain.errors import InputError, ModelError
from midwatch.domain.events import Event, Failed, LimitReached, Message, Proposing, TaskStarted, ToolFinished
from midwatch.domain.limits import Limits
from midwatch.domain.observer import Silent
from midwatch.engine.lease import hold
from midwatch.models.fake import FakeModel, calls, calls_all, says
from midwatch.workflows.verify import verify_task
from tests.support.place import Place, git, make_repository

ADD = calls("shell", command="echo one >> count.txt")
PASSES, FAILS = "grep -q one count.txt", "grep -q nothing count.txt"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, make_repository(tmp_path / "repo", {"count.txt": "zero\n", "keep.txt": "kept\n"}))


async def test_a_change_that_passes_its_checks_becomes_a_ready_pull_request(place: Place) -> None:
    before = git(place.repository, "for-each-ref") + git(place.repository, "rev-parse", "HEAD")
    task = await place.task([PASSES])
    report = await place.solve(task, FakeModel([ADD, says("Count one more\n\nAdded a line.")]))
    assert (report.status, report.exit_code) == ("done", 0)
    request = report.pull_request
    assert request is not None
    assert (request.number, request.state, request.proposal.draft) == (1, "open", False)
    assert (request.proposal.title, request.proposal.base) == ("Count one more", "main")
    evidence = report.chosen.evidence
    assert evidence is not None
    assert (evidence.verdict, evidence.checks[0].ended) == ("passed", "exit 0")
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none"
    assert git(place.repository, "rev-parse", f"{task.branch}^{{tree}}") == evidence.tree
    assert [(c.path, c.status, c.added, c.removed) for c in report.changes] == [("count.txt", "M", 1, 0)]
    for word in (evidence.tree, evidence.checks[0].digest[:16], "count.txt", "+1", PASSES, "Added a line."):
        assert word in request.proposal.body
    # the person's own tree, index and HEAD are as they were; only the branch is new
    assert git(place.repository, "status", "--porcelain") == ""
    git(place.repository, "update-ref", "-d", f"refs/heads/{task.branch}")
    assert before == git(place.repository, "for-each-ref") + git(place.repository, "rev-parse", "HEAD")


async def test_a_failing_check_makes_a_draft_that_says_so(place: Place) -> None:
    task = await place.task([PASSES, FAILS])
    report = await place.solve(task, FakeModel([ADD, says("All checks pass, I promise.")]))
    assert report.pull_request is not None
    assert report.pull_request.proposal.draft
    assert report.pull_request.proposal.title.startswith("[checks failing] ")
    assert "A check failed" in report.pull_request.proposal.body
    assert (report.pull_request.proposal.verdict, report.exit_code) == ("failed", 1)


async def test_evidence_comes_from_the_exact_tree_in_a_box_of_its_own(place: Place) -> None:
    # what the agent left in /tmp or started in the background is not there when the harness checks
    task = await place.task(["test ! -e /tmp/left && test ! -e ignored.pyc && pwd && cat count.txt"])
    work = calls("shell", command="touch /tmp/left ignored.pyc; echo one >> count.txt; (sleep 60 &) ; ls /tmp")
    report = await place.solve(task, FakeModel([work, says("Done.")]))
    evidence = report.chosen.evidence
    assert evidence is not None
    assert evidence.verdict == "passed"
    output = (place.state / "blobs" / evidence.checks[0].digest[:2] / evidence.checks[0].digest).read_text()
    assert output == "/workspace\nzero\none\n"


async def test_no_change_is_no_pull_request(place: Place) -> None:
    task = await place.task([PASSES])
    report = await place.solve(task, FakeModel([calls("shell", command="cat count.txt"), says("Nothing to do.")]))
    assert (report.status, report.exit_code, report.pull_request) == ("no change", 1, None)
    assert report.chosen.detail == "Nothing to do."
    assert git(place.repository, "branch", "--list", "midwatch/*") == ""


async def test_without_checks_the_pull_request_says_that_there_is_no_evidence(place: Place) -> None:
    task = await place.task()
    assert task.checks_from == "none"
    report = await place.solve(task, FakeModel([ADD, says("Done.")]))
    assert report.pull_request is not None
    assert "There is none" in report.pull_request.proposal.body
    assert (report.exit_code, report.pull_request.proposal.verdict) == (0, "none")


@pytest.mark.parametrize(
    ("limits", "name"),
    [(Limits(turns=1), "turns"), (Limits(tokens=110), "tokens"), (Limits(cost_microusd=9000), "cost")],
)
async def test_at_a_limit_the_work_so_far_is_offered_as_a_draft(place: Place, limits: Limits, name: str) -> None:
    task = await place.task([PASSES], limits=limits)
    dear = replace(ADD, usage=Usage(8500 if name == "cost" else 100, output_tokens=10))
    report = await place.solve(task, FakeModel([dear, ADD, says("Done.")], price_microusd=1))
    history = await place.history(task)
    assert [e.body.limit for e in history.events if isinstance(e.body, LimitReached)] == [name]
    assert report.pull_request is not None
    assert report.pull_request.proposal.draft
    assert "Unfinished" in report.pull_request.proposal.body
    assert (report.status, report.exit_code) == ("limit", 1)
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none"


async def test_the_wall_clock_ends_a_command_and_the_task(place: Place) -> None:
    task = await place.task([PASSES], limits=Limits(seconds=2))
    slow = calls("shell", command="echo one >> count.txt; sleep 60")
    report = await place.solve(task, FakeModel([slow, says("Done.")]))
    assert report.status == "limit"
    assert report.chosen.commands[0].exit_code is None
    assert "time limit" in report.chosen.commands[0].ended
    assert report.pull_request is not None


async def test_a_model_that_hangs_is_ended_by_the_wall_clock(place: Place) -> None:
    class Hanging(FakeModel):
        async def reply(self, view, tools, *, max_output=None):  # type: ignore[no-untyped-def]
            await asyncio.sleep(3600)
            yield says("never")

    task = await place.task([PASSES], limits=Limits(seconds=1))
    report = await place.solve(task, Hanging([]))
    assert (report.status, report.exit_code) == ("no change", 1)
    assert "time limit" in report.chosen.detail


async def test_an_endpoint_that_is_down_is_written_down_and_the_task_goes_on_later(place: Place) -> None:
    task = await place.task([PASSES])
    down = ModelError("cannot reach the endpoint", "is the server running?", retryable=True)
    model = FakeModel([ADD, down, says("Done.")])
    with pytest.raises(ModelError):
        await place.solve(task, model)
    waiting = await place.report(task)
    assert (waiting.status, waiting.chosen.detail) == ("failed", "cannot reach the endpoint")
    assert [e.body.mend for e in (await place.history(task)).events if isinstance(e.body, Failed)]
    report = await place.solve(task, model)
    assert (report.status, report.exit_code) == ("done", 0)
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none"


class Killed(BaseException):
    """As if the process had ended."""


async def test_a_model_is_told_once_that_the_work_was_interrupted_however_often_it_was(place: Place) -> None:
    task = await place.task([PASSES])
    model = FakeModel([ADD, Killed(), Killed(), Killed(), says("Done.")])
    for _ in range(3):
        with pytest.raises(Killed):
            await place.solve(task, model)
    await place.solve(task, model)
    said = [e.body.text for e in (await place.history(task)).events if isinstance(e.body, Message)]
    assert sum(RESTARTED in text for text in said) == 1


async def test_two_at_once_are_refused_and_a_finished_task_does_nothing_again(place: Place) -> None:
    task = await place.task([PASSES])
    with hold(place.state / "locks", f"{task.id}.1"), pytest.raises(InputError, match="being worked on"):
        await place.solve(task, FakeModel([]))
    await place.solve(task, FakeModel([ADD, says("Done.")]))
    length = len((await place.history(task)).events)
    report = await place.solve(task, FakeModel([]))
    assert report.status == "done"
    assert len((await place.history(task)).events) == length


async def test_of_several_attempts_the_one_with_the_better_evidence_is_offered(place: Place) -> None:
    task = await place.task([PASSES], attempts=3)
    turns = {"n": 0}

    def by_turn(view: object, tools: object) -> Reply:
        turns["n"] += 1
        good = turns["n"] == 2
        return calls("shell", command="echo one >> count.txt" if good else f"echo {'x' * turns['n']} >> count.txt")

    report = await place.solve(task, FakeModel([by_turn, says("Done.")]))
    assert [a.status for a in report.attempts].count("done") == 1
    assert [a.status for a in report.attempts].count("not chosen") == 2
    assert report.chosen.status == "done"
    assert report.chosen.evidence is not None
    assert report.chosen.evidence.verdict == "passed"
    assert len(await place.forge.list()) == 1
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none"


async def test_what_a_model_does_wrong_is_a_result_it_reads(place: Place) -> None:
    wrong = calls_all(("dance", {}), ("shell", {"cmd": 1}), ("apply_patch", {"patch": "*** Begin Patch\n*** nothing"}))
    model = FakeModel([wrong, ADD, says("Done.")])
    task = await place.task([PASSES])
    report = await place.solve(task, model)
    assert report.status == "done"
    answers = [item for item in model.asked[1][0].items if isinstance(item, Answered)]
    assert [a.ok for a in answers] == [False] * 3
    assert "no tool named 'dance'" in answers[0].output
    assert "command" in answers[1].output
    assert "Invalid patch" in answers[2].output


async def test_an_answer_cut_by_length_is_asked_to_go_on(place: Place) -> None:
    task = await place.task([PASSES])
    model = FakeModel([says("I was going to", stop="length"), ADD, says("Done.")])
    report = await place.solve(task, model)
    assert report.status == "done"
    assert "cut off" in str(model.asked[1][0].items[-1])


async def test_each_request_starts_with_the_one_before(place: Place) -> None:
    model = FakeModel([ADD, calls("shell", command="cat count.txt"), says("Done.")])
    await place.solve(await place.task([PASSES]), model)
    views = [view for view, _ in model.asked]
    assert len(views) == 3
    for earlier, later in pairwise(views):
        assert later.items[: len(earlier.items)] == earlier.items
        assert (later.instructions, later.brief) == (earlier.instructions, earlier.brief)


async def test_the_first_event_says_what_protects_and_the_intent_precedes_the_pull_request(place: Place) -> None:
    seen: list[Event] = []

    class Looking(Silent):
        def event(self, event: Event) -> None:
            seen.append(event)

    task = await place.task([PASSES])
    await place.solve(task, FakeModel([ADD, says("Done.")]), Looking())
    first = seen[0].body
    assert isinstance(first, TaskStarted)
    assert (first.sandbox, first.task) == ("bubblewrap", task)
    assert any("network" in words for words in first.protections)
    assert [type(e.body) for e in seen[-2:-1]] == [Proposing]
    assert [e.seq for e in seen] == list(range(1, len(seen) + 1))
    assert all(e.body.checkpoint.tree for e in seen if isinstance(e.body, ToolFinished))


async def test_verify_finds_a_changed_log_blob_tree_and_pull_request(place: Place) -> None:
    task = await place.task([PASSES, "echo some words"])
    report = await place.solve(task, FakeModel([ADD, says("Done.")]))

    async def faults() -> tuple[str, ...]:
        from midwatch.engine.blobs import Blobs

        async with place.store() as store:
            found = await verify_task(store, Blobs(place.state / "blobs"), place.state, place.forge, task.id)
        assert found.events == report.chosen.seq
        return found.faults

    assert await faults() == ()
    assert report.chosen.evidence is not None
    digest = report.chosen.evidence.checks[1].digest
    blob = place.state / "blobs" / digest[:2] / digest
    blob.write_bytes(b"some wordS\n")
    assert "has been changed" in " ".join(await faults())
    blob.write_bytes(b"some words\n")
    assert await faults() == ()
    store = next((place.state / "repos").glob("*.git"))
    name = git(place.repository, "rev-parse", f"{task.branch}:count.txt")
    for folder in (store, place.repository / ".git"):
        for found in [*folder.glob(f"objects/{name[:2]}/{name[2:]}"), *folder.glob("objects/pack/*")]:
            found.chmod(0o644)
            found.write_bytes(b"")
    assert await faults() != ()


async def test_usage_of_all_turns_is_summed_up(place: Place) -> None:
    model = FakeModel([ADD, says("Done.", usage=Usage(500, 400, 0, 50, 5))], price_microusd=2)
    report = await place.solve(await place.task([PASSES]), model)
    assert report.chosen.usage == Usage(600, 400, 0, 60, 5)
    assert report.chosen.cost_microusd == 2 * (110 + 550)


async def test_a_file_that_cannot_be_saved_is_said_once(place: Place) -> None:
    make = calls("shell", command="mkdir -p sub/.GIT && echo x > sub/.GIT/config; echo one >> count.txt")
    model = FakeModel([make, calls("shell", command="true"), says("Done.")])
    report = await place.solve(await place.task([PASSES]), model)
    assert report.status == "done"
    answers = [item.output for item in model.asked[-1][0].items if isinstance(item, Answered)]
    assert "not saved" in answers[0]
    assert "not saved" not in answers[1]
