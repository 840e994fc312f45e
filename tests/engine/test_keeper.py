"""What a keeper does when its worker dies, does not start, or is told to stop: with processes of their own."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

KEEPER = """
import os, select, signal, sys, time
from pathlib import Path
from midwatch.engine.keeper import Keeper, Link

kept = Keeper(lambda text: print(text, flush=True)).keep()
if not isinstance(kept, Link):
    sys.exit(kept)
lives = Path("lives")
lives.write_text(lives.read_text() + "." if lives.exists() else ".")
life = len(lives.read_text())
"""
WORKS = """
kept.works()
print(os.getpid(), flush=True)
select.select([kept.line], [], [])
sys.exit(0)
"""

Keeping = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def keeping(tmp_path: Path) -> Iterator[Keeping]:
    """A keeper whose workers run that program."""
    begun: list[subprocess.Popen[str]] = []

    def begin(program: str, first: str = "", **more: Callable[[], object]) -> subprocess.Popen[str]:
        environ = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command, before = [sys.executable, "-B", "-c", first + KEEPER + program], more.get("before")
        process = subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, text=True, cwd=tmp_path, preexec_fn=before
        )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def line(process: subprocess.Popen[str]) -> str:
    """What it says next; empty when it says nothing any more."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def lives(folder: Path) -> int:
    return len((folder / "lives").read_text())


def test_a_worker_that_is_killed_is_begun_anew_and_one_that_ends_as_it_is_told_is_not(keeping: Keeping) -> None:
    keeper = keeping(WORKS)
    first = int(line(keeper))
    os.kill(first, signal.SIGKILL)
    assert line(keeper) == "the worker has ended by signal 9 (Killed) and is begun anew"
    second = int(line(keeper))
    assert second not in (first, keeper.pid)
    keeper.terminate()
    assert keeper.wait(60) == 0
    assert line(keeper) == ""


@pytest.mark.parametrize("code", [1, 2])
def test_an_error_at_the_start_ends_the_keeper_with_the_same_code(keeping: Keeping, tmp_path: Path, code: int) -> None:
    keeper = keeping(f"sys.exit({code})")
    assert keeper.wait(60) == code
    assert (line(keeper), lives(tmp_path)) == ("", 1)


def test_once_a_worker_has_worked_errors_pass(keeping: Keeping, tmp_path: Path) -> None:
    keeper = keeping("""
if life == 1:
    kept.works()
sys.exit([3, 2, 0][life - 1])
""")
    assert keeper.wait(60) == 0
    assert [line(keeper) for _ in range(3)] == [
        "the worker has ended by exit code 3 and is begun anew",
        "the worker has ended by exit code 2 and is begun anew",
        "",
    ]
    assert lives(tmp_path) == 3


def test_that_the_machine_has_no_room_for_a_process_passes(keeping: Keeping, tmp_path: Path) -> None:
    full = """
import os
fork, tries = os.fork, []
def forks():
    tries.append(1)
    if len(tries) in (2, 3):
        raise BlockingIOError(11, "no room")
    return fork()
os.fork = forks
"""
    keeper = keeping("kept.works()\nsys.exit(3 if life == 1 else 0)", first=full)
    assert keeper.wait(60) == 0
    assert [line(keeper).partition(" and ")[0] for _ in range(4)] == [
        "the worker has ended by exit code 3",
        "the worker could not be begun (no room)",
        "the worker could not be begun (no room)",
        "",
    ]
    assert lives(tmp_path) == 2


def test_what_dies_again_and_again_at_birth_is_begun_anew_after_longer_and_longer_pauses(keeping: Keeping) -> None:
    keeper = keeping("os.kill(os.getpid(), signal.SIGSEGV)")
    said = [line(keeper) for _ in range(4)]
    assert [text.partition(" anew")[2] for text in said] == ["", "", " in 0.1 s", " in 0.2 s"]
    keeper.send_signal(signal.SIGINT)
    keeper.wait(60)
    assert keeper.returncode in (0, 128 + signal.SIGSEGV)  # in a pause, or while there was one


def test_a_worker_that_does_not_listen_is_killed_when_its_keeper_is_told_twice(keeping: Keeping) -> None:
    keeper = keeping(WORKS)
    os.kill(int(line(keeper)), signal.SIGSTOP)
    keeper.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        keeper.wait(0.1)
    keeper.send_signal(signal.SIGINT)
    assert keeper.wait(60) == 128 + signal.SIGKILL


def test_a_worker_hears_each_signal_of_its_keeper(keeping: Keeping) -> None:
    keeper = keeping("""
kept.works()
print("begun", flush=True)
heard = 0
while heard < 2:
    select.select([kept.line], [], [])
    heard += kept.told()
    print(heard, flush=True)
sys.exit(130)
""")
    assert line(keeper) == "begun"
    for number in (1, 2):
        keeper.terminate()
        assert line(keeper) == str(number)
    assert keeper.wait(60) == 130


def test_a_killed_keeper_leaves_no_worker(keeping: Keeping) -> None:
    keeper = keeping(WORKS)
    worker = os.pidfd_open(int(line(keeper)))
    try:
        keeper.kill()
        assert select.select([worker], [], [], 60)[0]
    finally:
        os.close(worker)


def test_whoever_started_the_keeper_may_ignore_children(keeping: Keeping) -> None:
    keeper = keeping("sys.exit(2)", before=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert keeper.wait(60) == 2
