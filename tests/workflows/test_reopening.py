"""A task is taken up again after its end: the same workspace, new evidence, the same pull request."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.domain.conversation import Answered, Reply, Said
from midwatch.domain.errors import InputError, ModelError
from midwatch.domain.events import Checked, Proposed
from midwatch.domain.limits import Limits
from midwatch.domain.pull_request import Proposal, PullRequest
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.engine.lease import hold
from midwatch.forges.book import Book
from midwatch.forges.local import LocalForge
from midwatch.models.fake import FakeModel, calls, calls_all, says
from midwatch.workflows import offering, reopening
from midwatch.workflows.read import settled
from midwatch.workflows.summary import summaries
from midwatch.workflows.verify import verify_task
from midwatch.workspace.location import repository_key
from tests.support.place import Place, git, make_repository

ONE = calls("shell", command="echo one >> count.txt")
TWO = calls("shell", command="cat count.txt; echo two >> count.txt")
PASSES = "grep -q one count.txt"
SCRIPT = [ONE, says("Count one more"), TWO, says("Count two more\n\nAs you said.")]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, make_repository(tmp_path / "repo", {"count.txt": "zero\n"}))


async def tell(place: Place, name: str, text: str) -> Task:
    async with place.store() as store:
        return await reopening.tell(reopening.Shelf(place.state, store, place.forge), name, text)


async def faults(place: Place, task: Task) -> tuple[str, ...]:
    async with place.store() as store:
        return (await verify_task(store, Blobs(place.state / "blobs"), place.state, place.forge, task.id)).faults


async def test_a_message_that_changes_nothing_leaves_the_pull_requests_title_and_what_was_said_of_it(
    place: Place,
) -> None:
    script = [
        ONE,
        says("Count one more\n\nIt was too few."),
        says("Nothing to do\n\nIt stands."),
        says("Nothing to do"),
        TWO,
        says("Two"),
    ]
    task = await place.task([PASSES])
    await place.solve(task, FakeModel(script))
    await tell(place, task.id, "look again")
    request = (await place.solve(task, FakeModel(script))).pull_request
    assert request is not None
    assert request.proposal.title == "Count one more"
    assert "## What was done\n\nIt was too few.\n\nNothing to do\n\nIt stands.\n" in request.proposal.body
    assert await faults(place, task) == ()
    await tell(place, task.id, "and again")  # the same commit once more
    await place.solve(task, FakeModel(script))
    assert await faults(place, task) == ()
    await tell(place, task.id, "now two")
    request = (await place.solve(task, FakeModel(script))).pull_request
    assert request is not None
    assert request.proposal.title == "Two"
    assert await faults(place, task) == ()


async def test_a_message_after_the_end_updates_the_same_pull_request(place: Place) -> None:
    task = await place.task([PASSES])
    first = await place.solve(task, FakeModel(SCRIPT))
    assert first.pull_request is not None
    await tell(place, task.id, "now two")
    waiting = await place.report(task)
    assert (waiting.status, waiting.finished) == ("interrupted", False)
    assert await faults(place, task) == ()  # the pull request is what was offered, until it is brought up to date
    model = FakeModel(SCRIPT)
    report = await place.solve(task, model)
    assert (report.status, report.exit_code) == ("done", 0)
    assert report.pull_request is not None
    assert (report.pull_request.number, report.pull_request.proposal.title) == (1, "Count two more")
    assert report.pull_request.proposal.commit != first.pull_request.proposal.commit
    assert "And then:\n\n> now two" in report.pull_request.proposal.body
    assert len(await place.forge.list()) == 1
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none\ntwo"
    assert git(place.repository, "rev-list", "--count", f"main..{task.branch}") == "1"
    said = [item.text for item in model.asked[0][0].items if isinstance(item, Said)]
    assert "now two" in said
    seen = [item.output for item in model.asked[-1][0].items if isinstance(item, Answered)]
    assert "zero\none\n" in seen[-1]
    events = (await place.history(task)).events
    assert [sum(isinstance(e.body, kind) for e in events) for kind in (Checked, Proposed)] == [2, 2]
    assert await faults(place, task) == ()
    async with place.store() as store:
        assert await settled(store, place.state, place.forge, task)
        assert [s.status for s in await summaries(store, place.state, 5)] == ["done"]


class Away(LocalForge):
    """A forge that answers questions and takes nothing, or that breaks off when it has `taken` something."""

    def __init__(self, place: Place, *, taken: bool = False) -> None:
        super().__init__(place.state)
        self._taken = taken

    async def propose(self, proposal: Proposal, store: Path) -> PullRequest:
        if self._taken:
            await super().propose(proposal, store)
        raise ModelError("away")


async def test_a_crash_between_new_evidence_and_the_forge_still_brings_the_pull_request_up_to_date(
    place: Place,
) -> None:
    task = await place.task([PASSES])
    await place.solve(task, FakeModel(SCRIPT))
    await tell(place, task.id, "now two")
    with pytest.raises(ModelError):
        await place.solve(task, FakeModel(SCRIPT), forge=Away(place))
    report = await place.report(task)
    assert (report.status, report.finished) == ("interrupted", False)
    report = await place.solve(task, FakeModel([]))
    assert report.status == "done"
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none\ntwo"
    assert await faults(place, task) == ()


async def away(*arguments: object) -> None:
    raise ModelError("away")


@pytest.mark.parametrize("end", ["checked", "answered"])
async def test_a_crash_in_a_turn_that_comes_to_the_same_commit_leaves_no_old_words(
    place: Place, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("midwatch.workspace.authorship._seconds", lambda when: 1_800_000_000)  # one commit for both
    script = [ONE, says("Done."), says("Done.\n\nNothing is left.")]
    task = await place.task([PASSES])
    first = (await place.solve(task, FakeModel(script))).pull_request
    await tell(place, task.id, "is that all?")
    with monkeypatch.context() as patch:
        if end == "checked":  # before it is written down that the forge is to be asked
            patch.setattr(offering, "propose", away)
        with pytest.raises(ModelError):
            await place.solve(task, FakeModel(script), forge=Away(place, taken=end == "answered"))
    history = await place.history(task)
    assert first is not None
    assert history.checked is not None
    assert history.checked.commit == first.proposal.commit
    assert not (await place.report(task)).finished
    if end != "answered":
        assert await faults(place, task) == ()  # the pull request is what was offered
    request = (await place.solve(task, FakeModel([]))).pull_request
    assert request is not None
    assert "## What was done\n\nNothing is left." in request.proposal.body
    assert [one.number for one in await place.forge.list()] == [first.number]
    assert await faults(place, task) == ()
    length = len((await place.history(task)).events)
    assert (await place.solve(task, FakeModel([]))).finished
    assert len((await place.history(task)).events) == length  # nothing is left to do


async def test_a_message_that_leads_to_no_further_change_is_checked_and_offered_again(place: Place) -> None:
    task = await place.task([PASSES])
    await place.solve(task, FakeModel([ONE, says("Done.")]))
    await tell(place, task.id, "is that all?")
    report = await place.solve(task, FakeModel([ONE, says("Done."), says("Yes.\n\nNothing is left.")]))
    assert (report.status, len(await place.forge.list())) == ("done", 1)
    assert report.pull_request is not None
    assert report.pull_request.proposal.title == "Done"  # the same files are the same change
    assert "## What was done\n\nYes.\n\nNothing is left." in report.pull_request.proposal.body
    assert await faults(place, task) == ()


async def test_when_everything_is_taken_back_the_pull_request_stays_as_it_was(place: Place) -> None:
    task = await place.task([PASSES])
    await place.solve(task, FakeModel([ONE, says("Done.")]))
    await tell(place, task.id, "take it back")
    undo = calls("shell", command="git checkout -q -- count.txt")
    report = await place.solve(task, FakeModel([ONE, says("Done."), undo, says("Taken back.")]))
    assert (report.status, report.exit_code) == ("no change", 1)
    assert report.pull_request is not None
    assert report.pull_request.state == "open"
    assert await faults(place, task) == ()


async def test_a_task_that_changed_nothing_can_be_told_more(place: Place) -> None:
    task = await place.task([PASSES])
    report = await place.solve(task, FakeModel([says("What is to be counted?")]))
    assert report.status == "no change"
    await tell(place, task.id, "one")
    report = await place.solve(task, FakeModel([says("What is to be counted?"), ONE, says("Done.")]))
    assert (report.status, report.exit_code) == ("done", 0)


async def test_calls_without_a_result_are_not_run_after_a_message(place: Place) -> None:
    def breaks(view: object, tools: object) -> Reply:
        raise ModelError("the endpoint is down")

    task = await place.task([PASSES])
    both = calls_all(("shell", {"command": "echo one >> count.txt"}), ("shell", {"command": "echo bad >> count.txt"}))
    async with place.store() as store:  # as if the process had died after the first of two calls
        with pytest.raises(ModelError):
            await place.solve(task, FakeModel([both, breaks]))
        undo = (await place.history(task)).events
        first = next(e for e in undo if e.kind == "tool_finished")
        from midwatch.workflows import undoing

        await undoing.undo(reopening.Shelf(place.state, store, place.forge), task.id, str(first.seq))
    await tell(place, task.id, "leave the other out")
    model = FakeModel([both, says("Done.")])
    report = await place.solve(task, model)
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none"
    assert report.status == "done"
    answers = [item for item in model.asked[0][0].items if isinstance(item, Answered)]
    assert [answer.ok for answer in answers] == [True, False]
    said = [n for n, item in enumerate(model.asked[0][0].items) if isinstance(item, Said)]
    assert said[-1] > max(n for n, item in enumerate(model.asked[0][0].items) if isinstance(item, Answered))


async def test_of_several_attempts_only_the_chosen_one_is_taken_up_again(place: Place) -> None:
    task = await place.task([PASSES], attempts=2)
    report = await place.solve(task, FakeModel(SCRIPT))
    chosen = report.chosen.attempt
    other = next(a.attempt for a in report.attempts if a.attempt != chosen)
    length = len((await place.history(task, int(other[-1]))).events)
    with pytest.raises(InputError, match="was not chosen"):
        await tell(place, other, "now two")
    await tell(place, task.id, "now two")
    report = await place.solve(task, FakeModel(SCRIPT))
    assert (report.chosen.attempt, report.status) == (chosen, "done")
    assert git(place.repository, "show", f"{task.branch}:count.txt") == "zero\none\ntwo"
    assert len((await place.history(task, int(other[-1]))).events) == length
    assert await faults(place, task) == ()


@pytest.mark.parametrize("end", ["merge", "close"])
async def test_what_a_person_has_settled_takes_no_message(place: Place, end: str) -> None:
    task = await place.task([PASSES])
    await place.solve(task, FakeModel(SCRIPT))
    await getattr(place.forge, end)(task.repository, 1)
    length = len((await place.history(task)).events)
    with pytest.raises(InputError, match=r"pull request 1 of task .* is (merged|closed) already"):
        await tell(place, task.id, "now two")
    assert len((await place.history(task)).events) == length


async def test_beside_an_attempt_that_is_offered_no_other_one_is_taken_up(place: Place) -> None:
    task = await place.task([PASSES], attempts=2)
    asked = {"n": 0}

    def one_has_nothing(view: object, tools: object) -> Reply:
        asked["n"] += 1
        return ONE if asked["n"] == 1 else says("Nothing to do.")

    report = await place.solve(task, FakeModel([one_has_nothing, says("Done.")]))
    idle = next(a.attempt for a in report.attempts if a.status == "no change")
    with pytest.raises(InputError, match="was not chosen"):
        await tell(place, idle, "do something")


async def test_what_is_merged_while_the_work_goes_on_is_said_and_nothing_is_claimed(place: Place) -> None:
    task = await place.task([PASSES])
    await place.solve(task, FakeModel(SCRIPT))
    await tell(place, task.id, "now two")

    def merges(view: object, tools: object) -> Reply:
        book.settle(repository_key(task.repository), 1, "merged")
        return SCRIPT[3]

    book = Book(place.state / "forge.db")
    with pytest.raises(InputError, match="was merged in the meantime"):
        await place.solve(task, FakeModel([*SCRIPT[:3], merges]))
    turns = (await place.history(task)).turns
    with pytest.raises(InputError, match="was merged in the meantime"):  # and is not worked on any further
        await place.solve(task, FakeModel([]))
    assert (await place.history(task)).turns == turns == 4
    history = await place.history(task)
    assert sum(isinstance(e.body, Proposed) for e in history.events) == 1
    assert not history.finished
    assert await faults(place, task) == ()


async def test_turns_count_anew_from_a_message(place: Place) -> None:
    task = await place.task([PASSES], limits=Limits(turns=2))
    await place.solve(task, FakeModel(SCRIPT))
    await tell(place, task.id, "now two")
    report = await place.solve(task, FakeModel(SCRIPT))
    assert (report.status, report.chosen.turns) == ("done", 4)


async def test_a_message_is_refused_before_the_beginning_while_it_runs_and_past_a_limit(place: Place) -> None:
    task = await place.task([PASSES], limits=Limits(tokens=220))
    with pytest.raises(InputError, match="has not begun"):
        await tell(place, task.id, "now two")
    await place.solve(task, FakeModel(SCRIPT))
    with hold(place.state / "locks", f"{task.id}.1"), pytest.raises(InputError, match="being worked on"):
        await tell(place, task.id, "now two")
    with pytest.raises(InputError, match="has used up its 220 tokens"):
        await tell(place, task.id, "now two")
    with pytest.raises(InputError, match="the message is empty"):
        await tell(place, task.id, " ")
