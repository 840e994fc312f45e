"""The first process of a box: nothing that a command does keeps it from serving, and nothing outlives it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midwatch.domain.errors import SandboxLost
from midwatch.sandbox.bubblewrap import Bubblewrap
from tests.sandbox.boxes import Bench, alive, opened, token, until

KILLED = "killed by signal 9 (SIGKILL)"


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with opened(Bubblewrap(), tmp_path) as bench:
        yield bench


async def goes_on(bench: Bench) -> None:
    """The box runs the next command, and it is the same box."""
    assert (await bench.run("sh", "-c", "echo next; cat /dev/shm/mark"))[1] == "next\nsame\n"


@pytest.fixture
async def marked(bench: Bench) -> Bench:
    """A box that can be told from a new one: what is in its memory would be lost."""
    await bench.run("sh", "-c", "echo same >/dev/shm/mark")
    return bench


async def test_the_first_process_cannot_be_killed(marked: Bench) -> None:
    result, said = await marked.run("sh", "-c", "for n in $(seq 64); do kill -$n 1; done 2>/dev/null; echo survived")
    assert (result.ended, said) == ("exit 0", "survived\n")
    await goes_on(marked)


async def test_a_command_that_kills_everything_it_can_only_ends_itself(marked: Bench) -> None:
    mark = token()
    script = f"setsid sleep {mark} & kill -9 -1; sleep 60"
    result, _ = await marked.run("sh", "-c", script)
    assert result.ended == KILLED
    assert alive(mark) == []
    await goes_on(marked)


async def test_what_loses_its_keeper_is_ended(marked: Bench) -> None:
    mark = token()
    script = f"setsid sleep {mark} & kill -9 $PPID; sleep {mark}"
    result, _ = await marked.run("sh", "-c", script)
    assert result.ended == KILLED
    assert alive(mark) == []
    await goes_on(marked)


async def test_a_keeper_cannot_be_stopped_for_good(marked: Bench) -> None:
    mark = token()
    result, _ = await marked.run("sh", "-c", f"kill -STOP $PPID; sleep {mark}", timeout=1)
    assert result.ended == "time limit of 1 s"
    assert alive(mark) == []
    await goes_on(marked)


async def test_nothing_of_the_first_process_or_a_keeper_can_be_looked_into(marked: Bench) -> None:
    code = """
import os
def attempt(path, mode):
    try:
        os.close(os.open(path, mode | os.O_NONBLOCK))
    except OSError:
        return
    print("OPENED", path, mode)
for pid in (1, os.getppid()):
    for name in ("mem", "environ", "maps", "auxv", "stack", "syscall", "pagemap", "clear_refs", "io", "map_files"):
        attempt(f"/proc/{pid}/{name}", os.O_RDONLY)
    for folder, _, names in os.walk(f"/proc/{pid}"):
        for name in names:
            attempt(os.path.join(folder, name), os.O_WRONLY)
    for name in ("fd", "fdinfo", "root", "cwd"):
        try:
            print("LISTED", name, os.listdir(f"/proc/{pid}/{name}"))
        except OSError:
            pass
print("done")
"""
    assert await marked.python(code) == "done\n"
    script = "(printf x >/proc/1/mem) & (printf x >/proc/$PPID/mem) & wait; exit 1"
    assert (await marked.run("sh", "-c", script))[0].exit_code == 1
    await goes_on(marked)


async def test_only_its_streams_are_handed_to_a_command(marked: Bench) -> None:
    code = """
import os
for handle in range(3, 4096):
    try:
        os.write(handle, b"garbage" * 100)
        print("wrote to", handle)
    except OSError:
        pass
print([os.readlink(f"/proc/self/fd/{handle}").split(":")[0] for handle in (0, 1, 2)])
"""
    assert await marked.python(code) == "['/dev/null', 'pipe', 'pipe']\n"
    await goes_on(marked)


async def test_the_exit_code_is_what_the_program_itself_returned(marked: Bench) -> None:
    for code in (125, 126, 127, 128, 129, 137, 139, 143, 255):
        assert (await marked.run("sh", "-c", f"exit {code}"))[0].ended == f"exit {code}"
    assert (await marked.run("sh", "-c", "kill -RTMIN+3 $$"))[0].exit_code is None


async def test_signals_are_as_a_program_expects_them(marked: Bench) -> None:
    _, said = await marked.run("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status")
    assert {int(line.split()[1], 16) & (1 << 31) - 1 for line in said.splitlines()} == {0}


async def test_a_box_full_of_processes_says_so_and_empties_itself(tmp_path: Path) -> None:
    mark = token()
    bomb = "import os, time\nwhile True:\n    try: os.fork()\n    except OSError: time.sleep(0.01)"
    async with opened(Bubblewrap(), tmp_path, processes=60) as bench:
        bombing = asyncio.create_task(bench.run("python3", "-I", "-c", bomb, mark, timeout=60))
        await until(lambda: len(alive(mark)) >= 50, "the box is full")
        session = await bench.box.start(["true"], output_bytes=100)
        ended = await session.poll(30)
        assert ended is not None
        assert ended.exit_code in (0, 126)
        bombing.cancel()
        await asyncio.wait([bombing])
        assert alive(mark) == []
        assert (await bench.run("echo", "next"))[1] == "next\n"


async def test_a_chain_of_forks_that_runs_from_the_killer_is_caught(tmp_path: Path) -> None:
    mark = token()
    chain = "import os\nwhile True:\n    if os.fork(): os._exit(0)\n    os.setsid()"
    async with opened(Bubblewrap(), tmp_path) as bench:
        result, _ = await bench.run("sh", "-c", 'python3 -I -c "$0" "$1" & sleep 0.5', chain, mark)
        assert result.ended == "exit 0"
        assert alive(mark) == []
        assert (await bench.run("echo", "next"))[1] == "next\n"


async def test_what_a_command_left_is_listed(bench: Bench) -> None:
    mark = token()
    result, _ = await bench.run("sh", "-c", f"setsid sleep {mark} & sleep 0.2; exit 3")
    assert (result.exit_code, result.left) == (3, (f"sleep {mark}",))
    assert alive(mark) == []
    result, _ = await bench.run("sh", "-c", f"for i in $(seq 30); do sleep {mark} & done; sleep 0.2")
    assert result.left == (f"sleep {mark}",) * 20
    assert (await bench.run("true"))[0].left == ()


async def test_a_server_that_dies_is_our_failure_and_the_next_command_opens_the_box_again(bench: Bench) -> None:
    mark = token()
    await bench.run("sh", "-c", "echo kept >file")
    task = asyncio.create_task(bench.run("sleep", mark))
    await until(lambda: alive(f"sleep\0{mark}"), "the command started")
    outside = alive(f"sleep\0{mark}")[0]
    while b"boxd" in (line := Path(f"/proc/{parent(outside)}/cmdline").read_bytes()) and b"bwrap" not in line:
        outside = parent(outside)
    os.kill(outside, signal.SIGKILL)
    with pytest.raises(SandboxLost):
        await task
    assert alive(mark) == []
    assert (await bench.run("cat", "file"))[1] == "kept\n"


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])


async def test_many_commands_at_once_keep_their_output_apart(bench: Bench) -> None:
    async def one(number: int) -> None:
        pieces: list[bytes] = []
        session = await bench.box.start(
            ["sh", "-c", f"for i in 1 2 3; do echo {number}; sleep 0.05; done; exit {number}"],
            output_bytes=1000,
            sink=pieces.append,
        )
        result = await session.poll(60)
        assert result is not None
        assert result.exit_code == number
        assert b"".join(pieces) == f"{number}\n".encode() * 3

    await asyncio.gather(*(one(number) for number in range(40)))


async def test_a_long_command_line_and_a_long_file_go_through(bench: Bench) -> None:
    words = [str(number) * 1000 for number in range(10, 200)]
    _, said = await bench.run("printf", "%s\n", *words)
    assert said.split() == words
    data = os.urandom(5 << 20)
    await bench.box.write(b"big", data)
    assert await bench.box.read(b"big") == data
    with pytest.raises(PermissionError, match="longer than 1000 bytes"):
        await bench.box.read(b"big", 1000)
