"""Killed while going back and while forking: it has happened whole or not at all."""

from __future__ import annotations

import asyncio
import signal

import pytest

from midwatch.engine.blobs import Blobs
from midwatch.engine.store.sqlite import SqliteStore
from midwatch.forges.local import LocalForge
from midwatch.workflows.verify import verify_task
from tests.crash.test_kill import EXPECTED_COUNT, Place
from tests.crash.test_kill import place as place
from tests.support.place import git


async def _ids(place: Place) -> list[str]:
    store = SqliteStore(place.state / "state.db")
    try:
        names = [row.task.id for row in await store.recent()]
        blobs, forge = Blobs(place.state / "blobs"), LocalForge(place.state)
        for name in names:
            assert (await verify_task(store, blobs, place.state, forge, name)).faults == ()
        return names
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("number", "when", "undone", "forked"),
    [(1, "before", False, False), (1, "after", True, False), (2, "before", True, False), (2, "after", True, True)],
)
def test_killed_while_going_back_or_forking(place: Place, number: int, when: str, undone: bool, forked: bool) -> None:
    assert place.drive().returncode == 0
    killed = place.drive(str(number), when, driver="revise_driver")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    task = place.task_file.read_text()
    names = asyncio.run(_ids(place))
    assert len(names) == 1 + forked
    resumed = place.drive()
    assert resumed.returncode == 0, resumed.stderr
    assert (resumed.stdout.strip() != "appends 0") == undone
    branches = [f"midwatch/count-further-{task}"]
    for name in names:
        if name != task:
            place.task_file.write_text(name)
            assert place.drive().returncode == 0
            branches.append(f"midwatch/count-further-{name}")
    for branch in branches:
        assert git(place.repository, "show", f"{branch}:count.txt") == EXPECTED_COUNT
    assert len(asyncio.run(LocalForge(place.state).list())) == len(branches)
    asyncio.run(_ids(place))
