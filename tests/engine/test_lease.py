"""One process at a time works on an attempt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.engine.lease import hold, holder, left

_HOLDS = """
import sys, time
from pathlib import Path
from midwatch.engine.lease import hold
with hold(Path(sys.argv[1]), "t.1"):
    print("held", flush=True)
    time.sleep(60)
"""
_HOLDS_AND_STARTS = """
import subprocess, sys, time
from pathlib import Path
from midwatch.engine.lease import hold
with hold(Path(sys.argv[1]), "t.1"):
    print(subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL).pid, flush=True)
    time.sleep(60)
"""
_LOOKS = """
import sys
from pathlib import Path
from midwatch.engine.lease import holder
"""


def test_a_second_process_is_refused_with_the_first_ones_number(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", _HOLDS, str(tmp_path)], stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    assert holder(tmp_path, "t.1") == other.pid
    with pytest.raises(InputError, match=str(other.pid)) as error, hold(tmp_path, "t.1"):
        pass
    assert "resume t" in error.value.mend
    other.kill()
    other.wait()
    other.stdout.close()
    assert holder(tmp_path, "t.1") is None
    with hold(tmp_path, "t.1"):
        assert holder(tmp_path, "t.1") == os.getpid()
    assert holder(tmp_path, "t.1") is None


def test_nobody_holds_what_was_never_held(tmp_path: Path) -> None:
    assert holder(tmp_path, "t.1") is None
    assert holder(tmp_path / "nowhere", "t.1") is None


def test_nothing_is_left_of_a_lock_but_by_those_who_were_killed(tmp_path: Path) -> None:
    with hold(tmp_path, "t.1"):
        assert left(tmp_path) == []
    assert not list(tmp_path.glob("*.lock"))
    (tmp_path / "t.2.lock").write_text("77")
    assert left(tmp_path) == ["t.2"]
    with hold(tmp_path, "t.2"):
        pass
    assert left(tmp_path) == []


_TAKES_TURNS = """
import sys
from pathlib import Path
from midwatch.domain.errors import InputError
from midwatch.engine.lease import hold
folder, done = Path(sys.argv[1]), 0
while done < 100:
    try:
        with hold(folder, "t.1"):
            (folder / "inside").mkdir()
            (folder / "inside").rmdir()
            done += 1
    except InputError:
        pass
"""


def test_never_two_hold_a_lock_whose_file_comes_and_goes(tmp_path: Path) -> None:
    racers = [subprocess.Popen([sys.executable, "-c", _TAKES_TURNS, str(tmp_path)]) for _ in range(3)]
    assert [racer.wait(60) for racer in racers] == [0, 0, 0]


def test_it_is_held_once_in_one_process_too(tmp_path: Path) -> None:
    with hold(tmp_path, "t.1"):
        with pytest.raises(InputError, match=str(os.getpid())), hold(tmp_path, "t.1"):
            pass
        with hold(tmp_path, "t.2"):
            assert holder(tmp_path, "t.2") == os.getpid()
        assert holder(tmp_path, "t.2") is None
        assert holder(tmp_path, "t.1") == os.getpid()
    with hold(tmp_path, "t.1"):
        pass


def test_thousands_take_one_handle_and_none_is_left(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with ExitStack() as stack:
        for number in range(2000):
            stack.enter_context(hold(tmp_path, f"t.{number}"))
        assert len(os.listdir("/proc/self/fd")) == before + 1
        code = f"{_LOOKS}\nprint(holder(Path(sys.argv[1]), 't.1999'), holder(Path(sys.argv[1]), 't.2000'))"
        said = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
        assert said.stdout.split() == [str(os.getpid()), "None"]
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_program_that_is_started_does_not_go_on_holding_it(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", f"{_HOLDS_AND_STARTS}", str(tmp_path)], stdout=subprocess.PIPE)
    assert other.stdout is not None
    sleeper = int(other.stdout.readline())
    other.kill()
    other.wait()
    other.stdout.close()
    try:
        with hold(tmp_path, "t.1"):
            pass
    finally:
        os.kill(sleeper, signal.SIGKILL)
