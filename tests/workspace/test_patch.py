"""A checkpoint as a patch: `git am` makes the same tree of it."""

from __future__ import annotations

import os
from pathlib import Path

from midwatch.workspace.patch import export
from tests.support.repositories import UserRepository, git, opened

WHEN = "2026-01-02T03:04:05+00:00"


async def test_git_am_makes_the_same_tree(user: UserRepository, tmp_path: Path) -> None:
    user.write("run.sh", "#!/bin/sh\n")
    user.write("long.txt", "line\n" * 50)
    user.write("binary", bytes(range(256)) * 20)
    user.commit()
    git(tmp_path, "clone", "-q", str(user.path), "other")
    work = await opened(user.path, tmp_path)
    work.write("a.txt", "changed\r\nno end")
    work.write(b"odd \xff\n\"name'", "x")
    work.write("binary", bytes(reversed(range(256))) * 30)
    (work.tree / "run.sh").chmod(0o755)
    (work.tree / "long.txt").rename(work.tree / "renamed.txt")
    os.symlink("a.txt", work.tree / "link")
    work.write("empty", "")
    work.write("__pycache__/ignored.pyc", "i")
    saved = await work.workspace.save()
    patch = await export(work.repository, work.base, saved, "Ändern: ☃\n\nWarum nicht.\n", WHEN)
    (tmp_path / "patch").write_bytes(patch)
    other = tmp_path / "other"
    git(other, "am", "-q", "--keep-cr", str(tmp_path / "patch"))
    assert git(other, "rev-parse", "HEAD^{tree}") == saved.tree
    assert git(other, "log", "-1", "--format=%B").strip() == "Ändern: ☃\n\nWarum nicht."
    assert git(other, "log", "-1", "--format=%an %aI") == "Midwatch 2026-01-02T03:04:05+00:00"
    assert patch == await export(work.repository, work.base, saved, "Ändern: ☃\n\nWarum nicht.\n", WHEN)


async def test_nothing_changed_is_an_empty_patch(user: UserRepository, tmp_path: Path) -> None:
    work = await opened(user.path, tmp_path)
    work.write("__pycache__/ignored.pyc", "i")
    assert await export(work.repository, work.base, await work.workspace.save(), "Nothing", WHEN) == b""
