"""What goes wrong around a task, and how it goes on: before the first event, between attempts, after the end."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from midwatch.domain.conversation import Answered, Delta, Reply, Said
from midwatch.domain.errors import ModelError, OperationError
from midwatch.domain.events import Checked, Message, Stopped, TaskStarted
from midwatch.domain.limits import Limits
from midwatch.domain.task import Task
from midwatch.engine.blobs import Blobs
from midwatch.models.fake import FakeModel, calls, says
from midwatch.sandbox.base import Protections
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.workflows import tidy
from midwatch.workflows.verify import verify_task
from tests.support.place import Place, git, make_repository

ADD = calls("shell", command="echo one >> count.txt")
PASSES = "grep -q one count.txt"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, make_repository(tmp_path / "repo", {"count.txt": "zero\n"}))


async def _faults(place: Place, task: Task) -> str:
    async with place.store() as store:
        found = await verify_task(store, Blobs(place.state / "blobs"), place.state, place.forge, task.id)
    return " ".join(found.faults)


async def test_a_sandbox_that_fails_at_the_start_loses_nothing(place: Place) -> None:
    class Missing(Bubblewrap):
        async def probe(self) -> Protections:
            raise OperationError("bubblewrap is missing", "install it")

    task = await place.task([PASSES])
    place.sandbox = Missing()
    with pytest.raises(OperationError, match="missing"):
        await place.solve(task, FakeModel([]))
    assert (await place.report(task)).status == "waiting"
    place.sandbox = Bubblewrap()
    model = FakeModel([ADD, says("Done.")])
    assert (await place.solve(task, model)).exit_code == 0
    first = model.asked[0][0].items[0]
    assert isinstance(first, Said)
    assert "Count further" in first.text
    assert isinstance((await place.history(task)).events[0].body, TaskStarted)
    assert await _faults(place, task) == ""


async def test_checkouts_that_nobody_has_used_for_long_are_deleted_at_the_end_of_a_task(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tidy, "_PAUSE", 0.0)
    old = await place.task([PASSES])
    await place.solve(old, FakeModel([ADD, says("Done.")]))
    (lock,) = (place.state / "bases").glob(f"*/{old.base.commit}.lock")
    os.utime(lock, (0, 0))
    (place.repository / "more").write_text("more")
    git(place.repository, "add", "more")
    git(place.repository, "commit", "-q", "-m", "More")
    new = await place.task([PASSES])
    await place.solve(new, FakeModel([ADD, says("Done.")]))
    assert {path.name for path in lock.parent.iterdir()} == {new.base.commit, f"{new.base.commit}.lock"}


async def test_a_check_cannot_prepare_the_ground_for_the_next(place: Place) -> None:
    task = await place.task(["echo one > count.txt; touch /tmp/left", "test ! -e /tmp/left && grep -q one count.txt"])
    report = await place.solve(task, FakeModel([calls("shell", command="echo two > count.txt"), says("Done.")]))
    assert report.chosen.evidence is not None
    assert [run.passed for run in report.chosen.evidence.checks] == [True, False]


async def test_what_a_check_builds_is_there_for_the_next(place: Place) -> None:
    task = await place.task(["mkdir __pycache__ && echo built > __pycache__/x", "cat __pycache__/x"])
    report = await place.solve(task, FakeModel([ADD, says("Done.")]))
    assert report.chosen.evidence is not None
    assert report.chosen.evidence.verdict == "passed"


async def test_an_attempt_that_was_stopped_is_not_worked_on_again(place: Place) -> None:
    task = await place.task([PASSES], attempts=2)
    seen = {"calls": 0}

    def one_fails(view: object, tools: object) -> Reply:
        seen["calls"] += 1
        if seen["calls"] == 1:
            raise ModelError("the endpoint is down")
        return ADD

    class NoForge:
        """A forge that is away just when it is needed."""

        name = "local"

        async def propose(self, *arguments: object) -> None:
            raise OperationError("the forge is down", "try again")

    with pytest.raises(OperationError, match="forge is down"):
        await place.solve(task, FakeModel([one_fails, says("Done.")]), forge=NoForge())  # type: ignore[arg-type]
    stopped = [n for n in (1, 2) if any(isinstance(e.body, Stopped) for e in (await place.history(task, n)).events)]
    assert len(stopped) == 1
    before = len((await place.history(task, stopped[0])).events)
    report = await place.solve(task, FakeModel([one_fails, says("Done.")]))
    assert report.exit_code == 0
    assert len((await place.history(task, stopped[0])).events) == before
    assert seen["calls"] == 2


async def test_a_pull_request_or_branch_that_got_lost_is_made_again_and_only_then(place: Place) -> None:
    task = await place.task([PASSES])
    first = await place.solve(task, FakeModel([ADD, says("Done.")]))
    for lose in ("branch", "book"):
        if lose == "branch":
            git(place.repository, "update-ref", "-d", f"refs/heads/{task.branch}")
        else:
            (place.state / "forge.db").unlink()
        report = await place.solve(task, FakeModel([]))
        assert report.pull_request is not None
        assert report.pull_request.proposal == first.pull_request.proposal  # type: ignore[union-attr]
        assert git(place.repository, "rev-parse", task.branch) == report.pull_request.proposal.commit
    length = len((await place.history(task)).events)
    await place.forge.close(task.repository, 1)
    git(place.repository, "update-ref", "-d", f"refs/heads/{task.branch}")
    await place.solve(task, FakeModel([]))
    assert len((await place.history(task)).events) == length
    assert git(place.repository, "branch", "--list", task.branch) == ""


async def test_what_was_left_behind_by_a_crash_after_the_end_is_removed(place: Place) -> None:
    task = await place.task([PASSES])
    await place.solve(task, FakeModel([ADD, says("Done.")]))
    left = place.state / "attempts" / f"{task.id}.1" / "tree"
    left.mkdir(parents=True)
    await place.solve(task, FakeModel([]))
    assert not left.parent.exists()


@pytest.mark.parametrize(
    ("word", "forged"),
    [("draft", True), ("title", "All good"), ("body", "All checks passed."), ("verdict", "none"), ("commit", "c" * 40)],
)
async def test_verify_holds_the_pull_requests_words_against_the_log(place: Place, word: str, forged: object) -> None:
    task = await place.task([PASSES])
    await place.solve(task, FakeModel([ADD, says("Done.")]))
    assert await _faults(place, task) == ""
    with closing(sqlite3.connect(place.state / "forge.db")) as db, db:
        record = json.loads(db.execute("SELECT record FROM pull_requests").fetchone()[0])
        record["proposal"][word] = forged
        db.execute("UPDATE pull_requests SET record = ?", (json.dumps(record),))
    assert f"its {word} is not what the log says" in await _faults(place, task)


async def test_a_log_cut_before_its_evidence_is_found_by_its_pull_request(place: Place) -> None:
    task = await place.task([PASSES])
    await place.solve(task, FakeModel([ADD, says("Done.")]))
    checked = next(e for e in (await place.history(task)).events if isinstance(e.body, Checked))
    with closing(sqlite3.connect(place.state / "state.db")) as db, db:
        db.execute("DELETE FROM event WHERE seq >= ?", (checked.seq,))
        last = db.execute("SELECT seq, hash, kind, time FROM event ORDER BY seq DESC LIMIT 1").fetchone()
        db.execute("UPDATE attempt SET seq = ?, hash = ?, last_kind = ?, updated = ?", last)
    assert "the log has been cut" in await _faults(place, task)


async def test_after_an_interruption_the_model_is_told_what_is_gone(place: Place) -> None:
    task = await place.task([PASSES])
    down = ModelError("the endpoint is down")
    model = FakeModel([ADD, down, calls("shell", command="cat count.txt"), says("Done.")])
    with pytest.raises(ModelError):
        await place.solve(task, model)
    await place.solve(task, model)
    notes = [e.body.text for e in (await place.history(task)).events if isinstance(e.body, Message)]
    assert len(notes) == 2
    assert "/tmp" in notes[1]
    last = model.asked[-1][0].items
    assert [type(item) for item in last].count(Answered) == 2


async def test_answers_that_break_off_count_against_the_money_limit(place: Place) -> None:
    class Breaking(FakeModel):
        sends = 0

        async def reply(self, view, tools, *, max_output=None):  # type: ignore[no-untyped-def]
            for _ in range(5):
                self.sends += 1
                yield Delta("text", "half an answ")
                yield Delta("notice", "the stream broke off; trying again")
            yield says("Done.")

    limits = Limits(cost_microusd=60_000)
    model = Breaking([], price_microusd=1)
    report = await place.solve(await place.task([PASSES], limits=limits), model)
    assert report.chosen.detail.startswith("answers that broke off")
    assert model.sends < 5
    free = Breaking([], price_microusd=0)
    await place.solve(await place.task([PASSES], limits=limits), free)
    assert free.sends == 5
