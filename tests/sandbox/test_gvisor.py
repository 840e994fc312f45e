from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midwatch.domain.errors import OperationError
from midwatch.sandbox import gvisor
from midwatch.sandbox.gvisor import Gvisor
from tests.sandbox.boxes import Bench, alive, opened
from tests.support.drivers import EVERY

GVISOR = next(driver for driver in EVERY if driver.name == "gvisor")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    GVISOR.required()
    async with opened(Gvisor(), tmp_path) as bench:
        yield bench


async def test_system_calls_are_answered_by_another_kernel(bench: Bench) -> None:
    _, said = await bench.run("cat", "/proc/version")
    assert said != Path("/proc/version").read_text()


async def test_large_files_go_both_ways_unchanged(bench: Bench) -> None:
    data = os.urandom(5 << 20)
    await bench.box.write(b"folder/large", data)
    assert await bench.box.read(b"folder/large") == data
    assert (bench.workspace / "folder/large").read_bytes() == data


async def test_sessions_and_commands_go_on_side_by_side(bench: Bench) -> None:
    said: list[list[bytes]] = [[], []]
    sessions = [
        await bench.box.start(
            ["sh", "-c", "while read line; do echo got $line; done"], output_bytes=1 << 20, sink=one.append
        )
        for one in said
    ]
    for number in range(3):
        for place, session in enumerate(sessions):
            await session.write(f"{place}.{number}\n".encode())
        assert (await bench.run("echo", "between"))[1] == "between\n"
    while any(b"".join(one).count(b"\n") < 3 for one in said):
        await asyncio.sleep(0.02)
    assert [b"".join(one) for one in said] == [b"got 0.0\ngot 0.1\ngot 0.2\n", b"got 1.0\ngot 1.1\ngot 1.2\n"]
    for session in sessions:
        await session.kill()
        result = await session.poll(20)
        assert result is not None
        assert result.exit_code is None


async def test_output_that_nobody_takes_any_more_holds_nothing_up(bench: Bench) -> None:
    result, said = await bench.run("sh", "-c", "yes", output_bytes=100_000)
    assert (result.ended, len(said)) == ("output limit of 100000 bytes", 100_000)
    assert (await bench.run("echo", "next"))[1] == "next\n"


async def test_programs_can_open_their_own_streams_by_name(bench: Bench) -> None:
    _, said = await bench.run("sh", "-c", "cat /dev/stdin; echo out >/dev/stdout; echo err >/dev/stderr", stdin=b"in\n")
    assert said == "in\nout\nerr\n"


async def test_nothing_that_leads_to_the_host_can_be_opened_by_a_command(bench: Bench) -> None:
    code = """
import os
own = {os.fstat(number).st_ino for number in range(3)}
null = os.stat(os.devnull).st_ino
for pid in os.listdir("/proc"):
    for number in range(32) if pid.isdecimal() and int(pid) != os.getpid() else ():
        for way in (os.O_RDONLY, os.O_WRONLY):
            try:
                found = os.fstat(os.open(f"/proc/{pid}/fd/{number}", way | os.O_NONBLOCK))
            except OSError:
                continue
            print("opened" if found.st_ino not in (*own, null) else "its own", pid, number)
"""
    said = await bench.python(code)
    assert "its own" in said
    assert "opened" not in said


async def test_the_probe_says_when_ls_does_not_work(bench: Bench) -> None:
    works = (await bench.run("ls", "/"))[0].ended == "exit 0"
    assert ("`ls`" not in (await Gvisor().probe()).words[0]) == works


async def test_a_box_with_too_many_processes_is_told_and_goes_on_without_them(tmp_path: Path) -> None:
    GVISOR.required()
    code = "import os, signal\nfor _ in range(60):\n    if os.fork() == 0: signal.pause()\nsignal.pause()"
    async with opened(Gvisor(), tmp_path, processes=24) as bench:
        result, _ = await bench.run("python3", "-I", "-c", code)
        assert (result.exit_code, result.ended) == (None, "limit of 24 processes")
        result, said = await bench.run("sh", "-c", "sleep 0.5; echo next")
        assert (result.ended, said) == ("exit 0", "next\n")


async def test_nearly_as_many_processes_as_are_allowed_do_not_end_the_box(tmp_path: Path) -> None:
    GVISOR.required()
    code = "import os, signal\nfor _ in range(40):\n    if os.fork() == 0: signal.pause()\nprint('all')"
    async with opened(Gvisor(), tmp_path, processes=64) as bench:
        result, said = await bench.run("python3", "-I", "-c", code)
        assert (result.ended, said) == ("exit 0", "all\n")
        assert (await bench.run("echo", "next"))[1] == "next\n"


async def test_nothing_of_it_is_left_after_closing(bench: Bench, tmp_path: Path) -> None:
    assert alive(str(tmp_path)) or alive("runsc") != []
    await bench.box.close()
    assert alive(str(tmp_path)) == []


async def test_without_runsc_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gvisor, "_PLACES", str(tmp_path))
    with pytest.raises(OperationError, match="runsc is not installed") as caught:
        await Gvisor().probe()
    assert "apt install runsc" in caught.value.mend
