"""Telling what is being written from what was left, by several processes at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from midwatch.engine.unused import in_use

_LOOKS = """
import sys
from pathlib import Path
from midwatch.engine.unused import in_use
for _ in range(3000):
    in_use(Path(sys.argv[1]))
"""


def test_a_file_is_in_use_while_somebody_has_it_open_or_has_just_changed_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb"):
        assert in_use(path)
    assert not in_use(path)
    assert in_use(path, settled=60.0)


def test_looking_ends_nobody_who_looks_at_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"left")
    lookers = [subprocess.Popen([sys.executable, "-c", _LOOKS, str(path)]) for _ in range(2)]
    assert [looker.wait(60) for looker in lookers] == [0, 0]
    assert not in_use(path)
