"""The word for a shell is bash where there is one, and sh elsewhere."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from midwatch.sandbox.base import SHELL
from midwatch.sandbox.boxd import command
from midwatch.sandbox.boxd.command import Command


def test_both_sides_know_the_same_word() -> None:
    assert command.SHELL.decode() == SHELL


@pytest.mark.parametrize(("there", "taken"), [(("bash", "sh"), "bash"), (("sh",), "sh")])
def test_the_first_shell_that_is_there_is_taken(there: tuple[str, ...], taken: str, tmp_path: Path) -> None:
    for name in there:
        (tmp_path / name).symlink_to(shutil.which(name) or "/nowhere")
    reading, writing = os.pipe()
    wanted = Command(False, b"/", [SHELL.encode(), b"-c", b'echo "$0"'], {b"PATH": os.fsencode(tmp_path)})
    pid = wanted.spawn([(os.POSIX_SPAWN_DUP2, writing, 1)])
    os.close(writing)
    with os.fdopen(reading) as said:
        assert said.read() == f"{taken}\n"
    assert os.waitpid(pid, 0)[1] == 0


def test_without_any_shell_it_is_not_found(tmp_path: Path) -> None:
    wanted = Command(False, b"/", [SHELL.encode(), b"-c", b":"], {b"PATH": os.fsencode(tmp_path)})
    with pytest.raises(FileNotFoundError):
        wanted.spawn([])
