"""The limits of a whole box, and how their end is told."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from midwatch.sandbox import cgroups, workers
from midwatch.sandbox.bubblewrap import Bubblewrap
from midwatch.sandbox.cgroups import Group, Hierarchy
from midwatch.sandbox.spec import BoxLimits
from midwatch.sandbox.usage import Usage
from tests.sandbox.boxes import alive, opened, token, until

MIB = 1 << 20


async def test_memory_of_all_commands_together_is_limited(tmp_path: Path) -> None:
    hold = "import time\nhold = bytearray(b'x' * (90 << 20))\nprint('held', flush=True)\ntime.sleep(60)"
    async with opened(Bubblewrap(), tmp_path, memory_bytes=200 * MIB) as bench:
        sessions = [await bench.box.start(["python3", "-I", "-c", hold], output_bytes=100) for _ in range(3)]
        polls = [asyncio.create_task(session.poll(50)) for session in sessions]
        done, _ = await asyncio.wait(polls, return_when=asyncio.FIRST_COMPLETED)
        ends = [poll.result() for poll in done]
        assert "memory limit of 200 MiB" in {end.ended for end in ends if end is not None}
        for session in sessions:
            await session.kill()
        await asyncio.gather(*polls)
        assert (await bench.run("echo", "next"))[1] == "next\n"


async def test_files_in_memory_count_as_memory(tmp_path: Path) -> None:
    code = """
import os, time
with open("/dev/shm/big", "wb") as file:
    for _ in range(200):
        file.write(b"x" * (1 << 20))
hold = bytearray(b"x" * (80 << 20))
time.sleep(30)
"""
    async with opened(Bubblewrap(), tmp_path, memory_bytes=150 * MIB) as bench:
        result, _ = await bench.run("python3", "-I", "-c", code)
        if cgroups.hierarchy() is not None:
            assert (result.exit_code, result.ended) == (None, "memory limit of 150 MiB")
        await bench.box.park()
        assert (await bench.run("echo", "next"))[1] == "next\n"


async def test_a_child_that_is_killed_for_memory_ends_its_command(tmp_path: Path) -> None:
    bomb = "hold = []\nwhile True: hold.append(bytearray(b'x' * (8 << 20)))"
    async with opened(Bubblewrap(), tmp_path, memory_bytes=100 * MIB) as bench:
        result, _ = await bench.run("sh", "-c", 'python3 -I -c "$0"; sleep 5; exit 0', bomb)
        assert (result.exit_code, result.ended) == (None, "memory limit of 100 MiB")


@pytest.mark.parametrize("where", ["$HOME", "/tmp", "/workspace"])
async def test_a_box_that_fills_the_disk_is_ended(tmp_path: Path, where: str) -> None:
    script = f"for i in $(seq 100); do head -c 10000000 /dev/zero >{where}/$i; sleep 0.05; done; sleep 60"
    async with opened(Bubblewrap(), tmp_path, disk_bytes=64 * MIB) as bench:
        result, _ = await bench.run("sh", "-c", script)
        assert (result.exit_code, result.ended) == (None, "disk limit of 64 MiB")
        assert (await bench.run("sh", "-c", f"rm {where}/*; echo freed"))[1] == "freed\n"


async def test_a_box_with_too_many_files_is_ended(tmp_path: Path) -> None:
    script = "mkdir -p a/b; i=0; while :; do i=$((i+1)); : >a/b/$i; done"
    async with opened(Bubblewrap(), tmp_path, files=3000) as bench:
        result, _ = await bench.run("sh", "-c", script)
        assert (result.exit_code, result.ended) == (None, "limit of 3000 files")


async def test_deep_and_odd_folders_are_counted_too(tmp_path: Path) -> None:
    code = """
import os, time
os.mkdir("odd\\n\\xff")
for _ in range(3000):
    os.mkdir("d")
    os.chdir("d")
for number in range(20):
    with open(str(number), "wb") as file:
        file.write(b"x" * (8 << 20))
    time.sleep(0.05)
time.sleep(60)
"""
    async with opened(Bubblewrap(), tmp_path, disk_bytes=64 * MIB) as bench:
        result, _ = await bench.run("python3", "-I", "-c", code)
        assert result.ended == "disk limit of 64 MiB"
        assert (await bench.run("rm", "-r", "d"))[0].ended == "exit 0"


async def test_a_look_that_fails_neither_ends_the_looking_nor_keeps_a_box_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, looks = Usage.verdict, []

    async def sometimes(self: Usage) -> str:
        looks.append(1)
        if len(looks) == 1:
            raise OSError(errno.EMFILE, "no handle left")
        return await there(self)

    monkeypatch.setattr(Usage, "verdict", sometimes)
    mark = token()
    async with opened(Bubblewrap(), tmp_path) as bench:
        session = await bench.box.start(["sleep", mark], output_bytes=100)
        await until(lambda: len(looks) > 1, "another look after the one that failed")
        assert await session.poll() is None
    assert alive(mark) == []


async def test_the_time_of_a_box_is_limited(tmp_path: Path) -> None:
    mark = token()
    async with opened(Bubblewrap(), tmp_path, seconds=1.0) as bench:
        session = await bench.box.start(["sleep", mark], output_bytes=100)
        result, _ = await bench.run("sleep", mark)
        assert (result.exit_code, result.ended) == (None, "box time limit of 1 s")
        ended = await session.poll(30)
        assert ended == result or (ended is not None and ended.ended == result.ended)
        assert alive(mark) == []
        assert (await bench.run("true"))[0].ended == "box time limit of 1 s"
        await bench.box.park()
        assert (await bench.run("true"))[0].ended == "exit 0"


async def test_limits_of_each_process_are_in_force(tmp_path: Path) -> None:
    async with opened(Bubblewrap(), tmp_path, open_files=77, file_bytes=MIB, processes=99) as bench:
        script = "ulimit -Hn; ulimit -Sn; ulimit -Hf; ulimit -c; ulimit -Hp || ulimit -Hu"
        assert (await bench.run("sh", "-c", script))[1].split() == ["77", "77", "2048", "0", "99"]


async def test_no_group_stays_behind(tmp_path: Path) -> None:
    async with opened(Bubblewrap(), tmp_path) as bench:
        await bench.run("true")
        place = cgroups.hierarchy()
        if place is None:
            assert os.geteuid() != 0 or not os.access("/sys/fs/cgroup/memory", os.W_OK)
            return
        mine = f"{cgroups.PREFIX}{workers.me()}-*"
        assert [path for folder in set(place.folders.values()) for path in folder.glob(mine)]
    await until(lambda: not [path for folder in place.folders.values() for path in folder.glob(mine)], "it is removed")


def test_the_settings_of_version_2_are_written_where_the_kernel_has_them(tmp_path: Path) -> None:
    # No kernel here has version 2 with these controllers; its files are plain ones for once.
    place = Hierarchy(2, {"memory": tmp_path, "pids": tmp_path, "cpu": tmp_path})
    group = Group(place, BoxLimits(memory_bytes=64 * MIB, processes=10, cpus=1.5))
    (folder,) = tmp_path.iterdir()
    assert folder.name.startswith(f"{cgroups.PREFIX}{workers.me()}-")
    for name in ("memory.max", "memory.swap.max", "pids.max", "cpu.max"):
        (folder / name).touch()
    group.apply()
    assert (folder / "memory.max").read_text() == str(64 * MIB)
    assert (folder / "cpu.max").read_text() == "150000 100000"
    assert int((folder / "pids.max").read_text()) >= 10
    assert group.verdict() == ""
    (folder / "memory.events").write_text("low 0\nhigh 0\nmax 12\noom 2\noom_kill 2\n")
    assert group.verdict() == "memory limit of 64 MiB"
    assert group.verdict() == ""


async def test_the_cpu_of_a_box_is_capped_where_the_kernel_can(tmp_path: Path) -> None:
    if not cgroups.has_cpu():
        pytest.skip("no control group for the CPU may be made here")
    spin = "import time\nend = time.process_time() + 0.6\nwhile time.process_time() < end: pass"
    async with opened(Bubblewrap(), tmp_path, cpus=0.2) as bench:
        result, _ = await bench.run("python3", "-I", "-c", spin)
        assert result.ended == "exit 0"
        (mine,) = cgroups.hierarchy().folders["cpu"].glob(f"{cgroups.PREFIX}{workers.me()}-*")  # type: ignore[union-attr]
        counts = dict(line.split() for line in (mine / "cpu.stat").read_text().splitlines())
        assert int(counts["nr_throttled"]) > 0
