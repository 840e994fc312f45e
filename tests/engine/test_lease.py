"""One process at a time works on an attempt."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.engine.lease import hold, holder

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
