"""Boxes that take all they can get: the worker lives, another box works meanwhile, and the words say what happened."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midwatch.cli import words
from midwatch.sandbox.base import ExecResult, Sandbox
from tests.sandbox.boxes import Bench, alive, opened, token
from tests.support.drivers import DRIVERS, Driver

MIB = 1 << 20
ISOLATING = [driver for driver in DRIVERS if driver.isolates]
KEEPING_SIGNALS = [driver for driver in ISOLATING if driver.keeps_signals()]


@pytest.fixture(params=ISOLATING, ids=lambda driver: driver.name)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    driver: Driver = request.param
    return driver.required()


@contextlib.asynccontextmanager
async def bombed(sandbox: Sandbox, folder: Path, **limits: object) -> AsyncIterator[Bench]:
    """A box for a bomb, beside another that is asked all the while and must always answer."""
    names = fresh(), fresh()
    async with opened(sandbox, folder, names[0]) as bystander, opened(sandbox, folder, names[1], **limits) as bench:
        over = asyncio.Event()
        asking = asyncio.create_task(_ask(bystander, over))
        try:
            yield bench
        finally:
            over.set()
            answers = await asking
        assert answers >= 1
        assert (await bench.run("echo", "goes on"))[1] == "goes on\n"


def fresh() -> str:
    """A name that no other box has: as root two boxes with one name have one user, and share its count of processes."""
    return f"box-{token()}"


async def _ask(bystander: Bench, over: asyncio.Event) -> int:
    answers = 0
    while not over.is_set() or answers == 0:
        result, said = await bystander.run("sh", "-c", "echo here >file; cat file", timeout=60)
        assert (result.ended, said) == ("exit 0", "here\n")
        answers += 1
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), 0.05)
    return answers


async def python(bench: Bench, code: str, *argv: str, timeout: float = 60) -> tuple[ExecResult, str]:
    """Run a program that need not succeed."""
    return await bench.run("python3", "-I", "-c", f"import os, sys, time, signal\n{code}", *argv, timeout=timeout)


async def test_a_fork_bomb_ends_at_the_time_limit(sandbox: Sandbox, tmp_path: Path) -> None:
    mark = token()
    code = "while True:\n    try: os.fork()\n    except OSError: time.sleep(0.01)"
    async with bombed(sandbox, tmp_path, processes=80) as bench:
        result, _ = await python(bench, code, mark, timeout=1.5)
        assert result.exit_code is None
        assert result.ended in ("time limit of 1.5 s", "limit of 80 processes")  # gVisor counts, the others refuse
        assert alive(mark) == []


async def test_a_bomb_that_always_forks_away_from_its_own_end_ends_too(sandbox: Sandbox, tmp_path: Path) -> None:
    mark = token()
    code = """
while True:
    try:
        if os.fork():
            os._exit(0)
        os.setsid()
    except OSError:
        pass
"""
    async with bombed(sandbox, tmp_path, processes=80) as bench:
        await python(bench, f"for _ in range(8):\n    if os.fork() == 0: break\n{code}", mark, timeout=2)
        assert alive(mark) == []


async def test_daemons_end_with_their_command_and_are_told(sandbox: Sandbox, tmp_path: Path) -> None:
    mark = token()
    code = """
for _ in range(40):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in range(1, 65):
                try: signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError): pass
            time.sleep(100)
        os._exit(0)
for _ in range(40): os.wait()
"""
    async with bombed(sandbox, tmp_path) as bench:
        result, _ = await python(bench, code, mark)
        assert result.ended == "exit 0"
        assert len(result.left) == 20
        assert all("python3" in line for line in result.left)
        assert alive(mark) == []


async def test_a_memory_bomb_of_many_processes_is_ended(sandbox: Sandbox, tmp_path: Path) -> None:
    code = """
for _ in range(4): os.fork()
hold = []
while True:
    hold.append(bytearray(b"x" * (4 << 20)))
    time.sleep(0.05)
"""
    async with bombed(sandbox, tmp_path, memory_bytes=256 * MIB) as bench:
        result, _ = await python(bench, code)
        assert (result.exit_code, result.ended) == (None, "memory limit of 256 MiB")


async def test_files_in_shared_memory_are_bounded(sandbox: Sandbox, tmp_path: Path) -> None:
    code = """
try:
    with open("/dev/shm/big", "wb") as file:
        for _ in range(400): file.write(bytes(1 << 20))
except OSError as error:
    print(error.strerror)
else:
    print("all of it was written")
"""
    async with bombed(sandbox, tmp_path, memory_bytes=300 * MIB) as bench:
        result, said = await python(bench, code)
        assert result.ended == "memory limit of 300 MiB" or "No space left" in said or "denied" in said, said


@pytest.mark.parametrize("place", [".", "/tmp", "$HOME"])
async def test_a_filled_disk_is_noticed_wherever_it_is_filled(sandbox: Sandbox, tmp_path: Path, place: str) -> None:
    code = """
folder = os.environ["TMPDIR"] if sys.argv[1] == "/tmp" else os.path.expandvars(sys.argv[1])
for number in range(1000):
    with open(f"{folder}/full-{number}", "wb") as file:
        file.write(os.urandom(1 << 20) * 4)
    time.sleep(0.005)
"""
    async with bombed(sandbox, tmp_path, disk_bytes=96 * MIB) as bench:
        result, said = await python(bench, code, place)
        assert (result.exit_code, result.ended) == (None, "disk limit of 96 MiB"), said
        await bench.run("sh", "-c", 'rm -f full-* "$TMPDIR"/full-* "$HOME"/full-*')


async def test_files_that_have_no_name_any_more_count_too(sandbox: Sandbox, tmp_path: Path) -> None:
    code = """
held = []
for number in range(160):
    file = open("hidden", "wb")
    os.unlink("hidden")
    file.write(os.urandom(1 << 20) * 4)
    held.append(file)
    time.sleep(0.02)
time.sleep(5)
"""
    async with bombed(sandbox, tmp_path, disk_bytes=96 * MIB) as bench:
        result, _ = await python(bench, code)
        assert (result.exit_code, result.ended) == (None, "disk limit of 96 MiB")


async def test_files_in_a_folder_that_nobody_may_look_into_count_too(sandbox: Sandbox, tmp_path: Path) -> None:
    code = """
os.mkdir("closed")
held = [open(f"closed/{number}", "wb") for number in range(160)]
os.chmod("closed", 0)
for file in held:
    file.write(os.urandom(1 << 20) * 4)
    time.sleep(0.02)
time.sleep(5)
"""
    async with bombed(sandbox, tmp_path, disk_bytes=96 * MIB) as bench:
        result, _ = await python(bench, code)
        assert (result.exit_code, result.ended) == (None, "disk limit of 96 MiB")


async def test_a_million_files_are_stopped_at_the_limit(sandbox: Sandbox, tmp_path: Path) -> None:
    code = """
for folder in range(1000):
    os.mkdir(f"many-{folder}")
    for number in range(1000):
        os.close(os.open(f"many-{folder}/{number}", os.O_CREAT))
"""
    async with bombed(sandbox, tmp_path, files=5000) as bench:
        result, said = await python(bench, code, timeout=120)
        assert (result.exit_code, result.ended) == (None, "limit of 5000 files"), said


async def test_huge_and_sparse_files_end_at_the_limit_of_a_file(sandbox: Sandbox, tmp_path: Path) -> None:
    code = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with open("sparse", "wb") as file:
    os.truncate(file.fileno(), 8 << 20)
    for size in ((8 << 20) + 1, 1 << 40, (1 << 63) - 1):
        try: os.truncate(file.fileno(), size)
        except OSError as error: print(error.strerror)
    try:
        os.pwrite(file.fileno(), b"x", 1 << 40)
    except OSError as error: print(error.strerror)
"""
    async with bombed(sandbox, tmp_path, file_bytes=8 * MIB) as bench:
        result, said = await python(bench, code)
        assert (result.ended, said.splitlines()) == ("exit 0", ["File too large"] * 4)
        # 8 MiB that take no room can be read by the host, and more than it wants cannot
        assert await bench.box.read(b"sparse") == bytes(8 * MIB)
        with pytest.raises(PermissionError):
            await bench.box.read(b"sparse", limit=MIB)


async def test_ten_gigabytes_of_output_cost_the_worker_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    seen = 0

    def sink(piece: bytes) -> None:
        nonlocal seen
        seen += len(piece)

    async with bombed(sandbox, tmp_path) as bench:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        command = ["sh", "-c", "yes 0123456789 | head -c 10000000000"]
        result = await bench.box.exec(command, timeout=120, output_bytes=64 * MIB, sink=sink)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (result.exit_code, result.ended, result.bytes) == (None, "output limit of 64 MiB", 64 * MIB)
    assert seen == 64 * MIB
    assert grown < 32 << 10  # KiB


async def test_folders_three_thousand_deep_are_only_folders(sandbox: Sandbox, tmp_path: Path) -> None:
    code = """
for _ in range(3200):
    os.mkdir("d")
    os.chdir("d")
with open("file", "w") as file: file.write("deep")
"""
    async with bombed(sandbox, tmp_path) as bench:
        result, said = await python(bench, code)
        assert result.ended == "exit 0", said
        assert await bench.box.read(b"/".join([b"d"] * 3200 + [b"file"])) == b"deep"
        assert (await bench.run("rm", "-rf", "d"))[0].ended == "exit 0"


async def test_busy_processes_do_not_keep_others_from_working(sandbox: Sandbox, tmp_path: Path) -> None:
    async with bombed(sandbox, tmp_path) as bench:
        result, _ = await python(bench, "for _ in range(4): os.fork()\nwhile True: pass", timeout=2)
        assert result.ended == "time limit of 2 s"


@pytest.mark.parametrize("sandbox", KEEPING_SIGNALS, ids=lambda driver: driver.name, indirect=True)
async def test_what_stops_itself_or_all_others_ends_at_the_time_limit(sandbox: Sandbox, tmp_path: Path) -> None:
    mark = token()
    code = """
for name in os.listdir("/proc"):
    if name.isdecimal() and int(name) not in (1, os.getpid()):
        try: os.kill(int(name), signal.SIGSTOP)
        except OSError: pass
os.kill(os.getpid(), signal.SIGSTOP)
"""
    async with bombed(sandbox, tmp_path) as bench:
        result, _ = await python(bench, code, mark, timeout=1)
        assert result.exit_code is None
        assert alive(mark) == []


@pytest.mark.parametrize("sandbox", KEEPING_SIGNALS, ids=lambda driver: driver.name, indirect=True)
async def test_signals_to_the_first_process_do_not_end_the_box(sandbox: Sandbox, tmp_path: Path) -> None:
    code = """
for number in range(1, 65):
    for _ in range(50):
        try: os.kill(1, number)
        except (OSError, ValueError): break
print("sent")
"""
    async with bombed(sandbox, tmp_path) as bench:
        session = await bench.box.start(["sleep", "60"], output_bytes=100)
        result, said = await python(bench, code)
        assert (result.ended, said) == ("exit 0", "sent\n")
        assert await session.poll() is None
        await session.kill()


async def test_many_sessions_and_a_flood_of_small_commands_are_only_many(sandbox: Sandbox, tmp_path: Path) -> None:
    mark = token()
    async with bombed(sandbox, tmp_path, processes=200) as bench:
        sessions = [await bench.box.start(["sleep", mark], output_bytes=100) for _ in range(30)]
        results = [await bench.run("true") for _ in range(30)]
        assert {result.ended for result, _ in results} == {"exit 0"}
        assert [await session.poll() for session in sessions] == [None] * 30
        await bench.box.park()
        assert alive(mark) == []


async def test_a_full_box_says_so_and_goes_on_when_there_is_room_again(sandbox: Sandbox, tmp_path: Path) -> None:
    code = """
import os, time
for _ in range(300):
    try:
        if os.fork() == 0: time.sleep(60); os._exit(0)
    except OSError: pass
time.sleep(60)
"""
    async with opened(sandbox, tmp_path, fresh(), processes=40) as bench:
        full = await bench.box.start(["python3", "-I", "-c", code], output_bytes=100)
        await asyncio.sleep(1)
        result, said = await bench.run("echo", "hello")
        told = "no room" in said or "emporarily unavailable" in said or result.ended == "limit of 40 processes"
        assert result.ended == "exit 0" or told, (result, said)
        await full.kill()
        await full.poll(20)
        assert (await bench.run("echo", "hello"))[1] == "hello\n"


async def test_a_terminal_is_not_obeyed_and_nothing_is_hidden_in_what_is_shown(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    hostile = b"\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b]8;;http://x\x1b\\link\x1bP+q\x1b\\\x9b5n\r\x08\x0e\xe2\x80\xaeleft\x00end"
    async with bombed(sandbox, tmp_path) as bench:
        await bench.box.write(b"hostile", hostile)
        _, said = await bench.run("cat", "hostile")
        date, _ = await bench.run("date", "-s", "2001-01-01")
    assert said.encode("utf-8", "surrogateescape") == hostile
    shown = words.decode(hostile)
    assert "red" in shown
    assert "<U+202E>left" in shown
    assert not {"\x1b", "\x9b", "\x07", "\x00", "\x08", "\r", "\u202e"} & set(shown)
    assert date.exit_code == 1


async def test_the_worker_is_none_the_worse_for_any_of_it(sandbox: Sandbox, tmp_path: Path) -> None:
    handles = len(os.listdir("/proc/self/fd"))
    mark = token()
    for _ in range(3):
        async with opened(sandbox, tmp_path, fresh(), processes=60) as bench:
            code = "while True:\n    try: os.fork()\n    except OSError: os.write(1, b'x' * 65536)"
            await python(bench, code, mark, timeout=1)
    assert alive(mark) == []
    assert len(os.listdir("/proc/self/fd")) <= handles + 8  # the thread, the loop and the stage keep theirs
