"""Refs that keep files for tasks that are not there, and no others."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from midwatch.domain.ids import made_at, task_id_at
from midwatch.models.fake import FakeModel, calls, says
from midwatch.workflows.orphans import Sweeper
from midwatch.workspace.repository import Repository
from tests.support.place import Place, git, make_repository


def test_an_id_tells_when_its_task_was_made() -> None:
    assert made_at(task_id_at(1_700_000_000, 77)) == 1_700_000_000
    for other in ("", "mine", "0000000000o0", "0" * 13):
        assert made_at(other) is None


async def test_refs_of_tasks_that_never_came_to_be_are_removed_and_those_of_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path, make_repository(tmp_path / "repo", {"count.txt": "zero\n"}))
    task = await place.task()
    await place.solve(task, FakeModel([calls("shell", command="echo one >> count.txt"), says("Count further")]))
    repository = await Repository.open(place.state, str(place.repository))
    commit = git(repository.git_dir, "rev-parse", f"refs/midwatch/propose/{task.id}")
    old, new = task_id_at(int(time.time()) - 4000, 1), task_id_at(int(time.time()) - 10, 2)
    for name in (f"forks/{old}.1", f"forks/{new}.1", f"forks/{task.id}.1", f"offered/{task.id}.1/9"):
        await repository.keep(name, commit)
    async with place.store() as store:
        sweeper = Sweeper(place.state, store)
        swept = await sweeper.remove()
        gone = {orphan.place.rpartition(" ")[2] for orphan in swept.found if orphan.kind == "ref"}
        assert gone == {f"refs/midwatch/forks/{old}.1"}
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + 4000)  # also of a task that is there, after an hour
        assert f"refs/midwatch/forks/{new}.1" in str((await sweeper.remove()).found)
        assert not [orphan for orphan in await sweeper.find() if orphan.kind == "ref"]
    refs = git(repository.git_dir, "for-each-ref", "--format=%(refname)", "refs/midwatch").split()
    assert f"refs/midwatch/offered/{task.id}.1/9" in refs
    assert f"refs/midwatch/propose/{task.id}" in refs
    assert f"refs/midwatch/forks/{task.id}.1" in refs
