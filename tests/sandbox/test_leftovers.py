from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.sandbox import cgroups, leftovers, workers
from tests.sandbox.boxes import alive, token, until

WORKER = """
import asyncio, sys
from pathlib import Path
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.sandbox.process import Process
from tests.sandbox.boxes import opened
async def main():
    sandbox = {"bubblewrap": Bubblewrap, "process": Process}[sys.argv[2]]()
    print(flush=True)
    number = 0
    while True:
        number += 1
        async with opened(sandbox, Path(sys.argv[1]), f"box-{number}") as bench:
            await bench.box.start(["sh", "-c", "setsid sleep $0 & exec sleep $0", sys.argv[3]], output_bytes=100)
            await bench.run("sh", "-c", "setsid sleep $0 & sleep 0.02", sys.argv[3])
            await bench.box.park()
            await bench.run("sh", "-c", "sleep $0", sys.argv[3], timeout=0.05)
asyncio.run(main())
"""


@contextlib.contextmanager
def worker(folder: Path, driver: str, mark: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that opens box after box; killed at the end."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    argv = [sys.executable, "-B", "-c", WORKER, str(folder), driver, mark]
    with subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("driver", ["bubblewrap", "process"])
async def test_nothing_is_left_of_a_worker_that_is_killed_at_any_moment(tmp_path: Path, driver: str) -> None:
    moments = random.Random(driver)
    for step in range(8):
        mark = token()
        folder = tmp_path / str(step)
        folder.mkdir()
        with worker(folder, driver, mark) as process:
            await asyncio.sleep(moments.uniform(0, 0.8))
            process.kill()
            process.wait()
            await until(lambda: not alive(mark) or not leftovers.remove().processes, "its boxes end")  # noqa: B023
            await until(lambda: not alive(mark), "its commands end")  # noqa: B023
            leftovers.remove()
            name = f"{process.pid}-"
            assert not [folder for owner, folder in cgroups.remains() if owner.startswith(name)]
    assert not leftovers.find().processes


async def test_what_looks_like_a_box_of_a_dead_worker_is_ended_and_no_other() -> None:
    mark = token()
    me = workers.mark()
    here = me.rpartition("-")[2]
    dead = f"midwatch-worker={2**22 - 1}-77-{here}"
    elsewhere = f"midwatch-worker={2**22 - 1}-77-{int(here) + 1}"
    arguments = (
        dead,
        me,
        elsewhere,
        "midwatch-worker=1",
        "midwatch-worker=x-y",
        f"x{dead}",
        f"{dead}\n",
        "midwatch-worker=",
    )
    sleepers = [subprocess.Popen(["sh", "-c", "sleep $0; :", mark, argument]) for argument in arguments]
    try:
        await until(lambda: len(alive(f"sleep\0{mark}")) == len(sleepers), "they have started")
        found = leftovers.remove()
        assert sleepers[0].pid in found.processes
        assert sleepers[0].wait(30) == -9
        assert [sleeper.poll() for sleeper in sleepers[1:]] == [None] * (len(sleepers) - 1)
    finally:
        for pid in alive(mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        for sleeper in sleepers:
            sleeper.wait()


def test_the_words_name_each_thing() -> None:
    found = leftovers.Leftovers((12,), (Path("/sys/fs/cgroup/memory/midwatch-box-1-2-3"),))
    assert found.words() == (
        "process 12 of a box whose worker is dead",
        "control group /sys/fs/cgroup/memory/midwatch-box-1-2-3 of a worker that is dead",
    )


def test_a_worker_is_told_from_a_later_process_of_the_same_number() -> None:
    assert workers.alive(workers.me())
    here = workers.me().rpartition("-")[2]
    assert not workers.alive(f"{os.getpid()}-1-{here}")
    for name in ("", "1", "a-b-c", "1-2", "-1-2-3", "1-2-3-4"):
        with pytest.raises(ValueError, match="names no process"):
            workers.alive(name)


def test_a_process_that_cannot_be_seen_from_here_does_not_end_who_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _: killed.append(pid))
    (tmp_path / "cgroup.procs").write_text("0\n4000000\n0\n")
    assert not leftovers._removed(tmp_path)
    assert killed == [4000000]
