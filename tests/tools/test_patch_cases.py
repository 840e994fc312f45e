"""Each folder of tests/cases/patch: input, patch.txt, and what comes of it: expected, or error.txt and no change.

A line of error.txt must be in the message. output.txt, where there is one, is the whole message of a success.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from midwatch.tools.base import Bench
from midwatch.tools.patch.tool import ApplyPatch
from tests.tools.folder_box import WatchedBox

CASES = Path(__file__).resolve().parents[1] / "cases/patch"
NAMES = sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())

Tree = dict[str, tuple[str, bytes]]


def tree(folder: Path) -> Tree:
    """Paths with their kind (file, executable, link) and content."""
    found: Tree = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = ("link", os.fsencode(os.readlink(path)))
        elif path.is_file():
            found[name] = ("executable" if path.stat().st_mode & 0o100 else "file", path.read_bytes())
    return found


@pytest.mark.parametrize("name", NAMES)
async def test_a_patch_does_what_its_case_says(name: str, box: WatchedBox, table: Bench) -> None:
    case, workspace = CASES / name, Path(box.workdir)
    if (case / "input").is_dir():
        shutil.copytree(case / "input", workspace, symlinks=True, dirs_exist_ok=True)
    before = tree(workspace)
    patch = (case / "patch.txt").read_bytes().decode("utf-8")
    result = await ApplyPatch().run(json.dumps({"patch": patch}), table)
    if (case / "error.txt").exists():
        assert not result.ok
        for line in (case / "error.txt").read_text().splitlines():
            assert line in result.output
        assert result.output.endswith("Nothing was changed.")
        assert tree(workspace) == before
        return
    assert result.ok, result.output
    assert tree(workspace) == tree(case / "expected")
    if (case / "output.txt").exists():
        assert result.output + "\n" == (case / "output.txt").read_text()


def test_there_are_cases() -> None:
    assert len(NAMES) >= 160
