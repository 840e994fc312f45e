"""One process at a time works on an attempt."""

from __future__ import annotations

import os
import subprocess
import sys
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
    assert not list(tmp_path.iterdir())
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
