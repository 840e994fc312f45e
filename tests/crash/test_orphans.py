"""A worker that is killed leaves nothing that a sweep does not find and remove, and what lives goes on."""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from midwatch.engine import lease
from midwatch.engine.store.sqlite import SqliteStore
from midwatch.forges.local import LocalForge
from midwatch.sandbox import cgroups
from midwatch.workflows.orphans import Orphan, Sweeper
from tests.crash.test_kill import ROOT, Place, place
from tests.sandbox.boxes import alive, token, until
from tests.support.drivers import DRIVERS, Driver

__all__ = ["place"]


@contextmanager
def worker(place: Place, task_file: Path, driver: str, mark: str = "") -> Iterator[subprocess.Popen[str]]:
    """See `orphan_driver`; killed at the end."""
    arguments = [str(place.state), str(place.repository), str(task_file), driver, mark]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.crash.orphan_driver", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ours(found: Sequence[Orphan], place: Place, mark: str, pid: int) -> list[Orphan]:
    """Those of this test; other tests have killed workers too."""
    marked = {str(number) for number in (*alive(mark), *alive(f"midwatch-worker={pid}-"))}
    places = (str(place.state), f"/{cgroups.PREFIX}{pid}-")
    return [o for o in found if o.place in marked or any(part in o.place for part in places)]


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
async def test_all_that_a_killed_worker_leaves_is_found_and_removed_and_another_ones_is_not(
    place: Place, driver: Driver, tmp_path: Path
) -> None:
    driver.required()
    store = SqliteStore(place.state / "state.db")
    sweeper, mark = Sweeper(place.state, store), token()
    with ExitStack() as running:
        lives = running.enter_context(worker(place, tmp_path / "lives", driver.name))
        assert lives.stdout is not None
        assert lives.stdout.readline() == "waiting\n"
        attempt = (tmp_path / "lives").read_text() + ".1"
        dies = running.enter_context(worker(place, tmp_path / "dies", driver.name, mark))
        await until((tmp_path / "dies").exists, "it has begun")
        dead = (tmp_path / "dies").read_text() + ".1"
        while (await store.state(dead)).last_kind != "tool_started":
            await asyncio.sleep(0.05)
        if driver.name != "gvisor":  # whose processes are not the host's
            await until(lambda: len(alive(f"sleep\0{mark}")) > 1, "its commands run")
        assert ours(await sweeper.find(), place, mark, dies.pid) == []
        dies.kill()
        dies.wait()

        found = ours(await sweeper.find(), place, mark, dies.pid)
        assert {
            ("folder", str(place.state / "attempts" / dead)),
            ("lock", str(place.state / f"locks/{dead}.lock")),
        } <= {(orphan.kind, orphan.place) for orphan in found}
        assert not any(attempt in orphan.place for orphan in found)
        swept = await sweeper.remove()
        assert ours(swept.left, place, mark, dies.pid) == []
        await until(lambda: not alive(mark) and not alive(f"midwatch-worker={dies.pid}-"), "its processes end")
        assert ours(await sweeper.find(), place, mark, dies.pid) == []
        assert [folder.name for folder in (place.state / "attempts").iterdir()] == [attempt]

        assert lease.holder(place.state / "locks", attempt) == lives.pid
        assert lives.communicate("go on\n", timeout=120)[0].startswith("appends ")
        assert lives.returncode == 0
    assert len(await LocalForge(place.state).list()) == 1
    assert (await sweeper.find()) == () or ours(await sweeper.find(), place, mark, dies.pid) == []
    await store.close()


async def test_an_attempt_that_begins_while_its_folder_is_removed_is_not_harmed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    store = SqliteStore(state / "state.db")
    sweeper = Sweeper(state, store)

    def begin(number: int) -> None:
        with lease.hold(state / "locks", f"t.{number}"):
            folder = state / "attempts" / f"t.{number}"
            folder.mkdir(parents=True, exist_ok=True)
            for name in range(50):
                (folder / str(name)).write_text("work")
            assert len(list(folder.iterdir())) == 50
        # as a killed one leaves it: folder and lock
        (state / "locks" / f"t.{number}.lock").touch()

    async def attempts() -> None:
        for turn in range(60):
            await asyncio.to_thread(begin, turn % 3)

    working = asyncio.create_task(attempts())
    while not working.done():
        assert (await sweeper.remove()).troubles == ()
    await working
    swept = await sweeper.remove()
    assert (swept.left, await sweeper.find()) == ((), ())
    assert list((state / "attempts").iterdir()) == []
    await store.close()


def _claimed(*attempts: str) -> Callable[[], Awaitable[frozenset[str]]]:
    async def claimed() -> frozenset[str]:
        return frozenset(attempts)

    return claimed


async def test_what_is_claimed_after_the_look_began_is_left_alone(tmp_path: Path) -> None:
    state, looks = tmp_path / "state", 0
    store = SqliteStore(state / "state.db")
    for name in ("early.1", "late.1"):
        (state / "attempts" / name).mkdir(parents=True)
    (state / "locks").mkdir()
    (state / "locks" / "late.2.lock").touch()

    async def claimed() -> frozenset[str]:
        nonlocal looks
        looks += 1
        return frozenset() if looks <= 2 else frozenset({"late.1", "late.2"})

    swept = await Sweeper(state, store, claimed).remove()
    assert {Path(o.place).name for o in swept.found if str(state) in o.place} == {"early.1", "late.1", "late.2.lock"}
    assert [folder.name for folder in (state / "attempts").iterdir()] == ["late.1"]
    assert (state / "locks" / "late.2.lock").exists()
    await store.close()


async def test_only_this_users_and_what_no_worker_has_claimed_is_touched(tmp_path: Path) -> None:
    state = tmp_path / "state"
    for name in ("mine.1", "claimed.1", "old-x"):
        (state / "attempts" / name).mkdir(parents=True)
    store = SqliteStore(state / "state.db")
    if os.geteuid() == 0:
        (state / "attempts" / "other.1").mkdir()
        os.chown(state / "attempts" / "other.1", 12345, 12345)
    (state / "attempts" / "before.1").mkdir()
    (state / "locks").mkdir()
    with (state / "locks" / "before.1.lock").open("w") as held:  # as the release before held its attempts
        fcntl.flock(held, fcntl.LOCK_EX)
        swept = await Sweeper(state, store, _claimed("claimed.1")).remove()
    gone = {Path(orphan.place).name for orphan in swept.found if str(state) in orphan.place}
    assert gone == {"mine.1", "old-x"}
    left = {"claimed.1", "before.1"} | ({"other.1"} if os.geteuid() == 0 else set())
    assert {folder.name for folder in (state / "attempts").iterdir()} == left
    await store.close()
