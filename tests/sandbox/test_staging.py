"""Starting a process as another user: by a program that can, and with words where it cannot be started."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.domain.errors import OperationError
from midwatch.sandbox import staging, trial


async def test_a_program_that_cannot_be_started_is_said_and_taken_for_no_old_one(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "missing", "No such file"), (tmp_path / "plain", "Permission denied")):
        (tmp_path / "plain").write_text("")
        with pytest.raises(OperationError, match=f"{path} cannot be started: {why}"):
            await trial.run(str(path), ["--version"])


def test_a_link_to_a_program_of_many_names_makes_nobody_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "_SETPRIV", tmp_path / "setpriv")
    assert not staging._can_become()
    (tmp_path / "busybox").touch()
    (tmp_path / "setpriv").symlink_to("busybox")
    assert not staging._can_become()
    (tmp_path / "setpriv").unlink()
    (tmp_path / "setpriv").touch()
    assert staging._can_become()
