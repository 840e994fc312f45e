"""Differences, and bringing them into the user's own working tree."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.domain.evidence import Checkpoint, FileChange
from tests.support.repositories import Opened, UserRepository, opened

PICTURE = bytes(range(256)) * 4


@pytest.fixture
async def work(user: UserRepository, tmp_path: Path) -> Opened:
    """A workspace of a few files."""
    user.write("long.txt", "".join(f"line {i}\n" for i in range(40)))
    user.write("picture.png", PICTURE)
    user.write("run.sh", "#!/bin/sh\n")
    user.commit()
    return await opened(user.path, tmp_path)


async def change(work: Opened) -> Checkpoint:
    """Some of everything."""
    work.write("a.txt", "one\nTWO\nthree\n")
    work.write("picture.png", PICTURE[::-1])
    work.write("new.bin", b"\0\1\2")
    work.write(b"caf\xe9.txt", "latin\n")
    (work.tree / "long.txt").rename(work.tree / "renamed.txt")
    (work.tree / "run.sh").chmod(0o755)
    os.symlink("a.txt", work.tree / "link")
    return await work.workspace.save()


async def test_each_changed_file_is_counted(work: Opened) -> None:
    saved = await change(work)
    assert await work.repository.stat(work.base.commit, saved.commit) == (
        FileChange("a.txt", "M", 1, 1),
        FileChange(os.fsdecode(b"caf\xe9.txt"), "A", 1, 0),
        FileChange("link", "A", 1, 0),
        FileChange("new.bin", "A", None, None),
        FileChange("picture.png", "M", None, None),
        FileChange("renamed.txt", "R", 0, 0, "long.txt"),
        FileChange("run.sh", "M", 0, 0),
    )
    assert await work.repository.stat(work.base.commit, work.base.tree) == ()


async def test_the_diff_is_one_that_git_applies(work: Opened, user: UserRepository) -> None:
    saved = await change(work)
    patch = await work.repository.diff(work.base.commit, saved.commit)
    assert b"rename from long.txt" in patch
    assert b"GIT binary patch" in patch
    subprocess.run(["git", "apply", "--index", "-"], cwd=user.path, input=patch, check=True)
    assert user.git("write-tree") == saved.tree


async def test_the_users_settings_do_not_change_the_diff(work: Opened, user: UserRepository) -> None:
    saved = await change(work)
    before = await work.repository.diff(work.base.commit, saved.commit)
    for name, value in [
        ("diff.noprefix", "true"), ("diff.external", "/bin/false"), ("color.ui", "always"), ("diff.context", "1"),
        ("core.quotePath", "false"), ("diff.algorithm", "patience"), ("core.abbrev", "4"),
    ]:  # fmt: skip
        user.git("config", "--global", name, value)
    assert await work.repository.diff(work.base.commit, saved.commit) == before


async def test_applying_changes_the_files_and_nothing_else(work: Opened, user: UserRepository) -> None:
    saved = await change(work)
    user.write("mine.txt", "my own\n")
    head, refs, index, _ = user.state()
    changes = await work.repository.apply_to_user_tree(work.base.commit, saved.commit)
    assert len(changes) == 7
    assert user.state()[:3] == (head, refs, index)
    assert (user.path / "mine.txt").read_text() == "my own\n"
    assert (user.path / "picture.png").read_bytes() == PICTURE[::-1]
    (user.path / "mine.txt").unlink()
    user.git("add", "--all")
    assert user.git("write-tree") == saved.tree


async def test_applying_works_where_other_lines_have_changed(work: Opened, user: UserRepository) -> None:
    work.write("long.txt", (work.tree / "long.txt").read_text().replace("line 5\n", "line five\n"))
    saved = await work.workspace.save()
    user.write("long.txt", "mine first\n" + (user.path / "long.txt").read_text())
    await work.repository.apply_to_user_tree(work.base.commit, saved.commit)
    text = (user.path / "long.txt").read_text()
    assert text.startswith("mine first\n")
    assert "line five\n" in text


async def test_a_change_that_does_not_fit_changes_nothing_and_names_the_files(
    work: Opened, user: UserRepository
) -> None:
    saved = await change(work)
    user.write("a.txt", "all\ndifferent\n")
    user.write("new.bin", "in the way")
    user.write("picture.png", "another")
    before = user.state(), (user.path / "a.txt").read_bytes()
    with pytest.raises(
        InputError, match=r"does not fit .* a\.txt, new\.bin, picture\.png; nothing was changed"
    ) as caught:
        await work.repository.apply_to_user_tree(work.base.commit, saved.commit)
    assert "commit or stash" in caught.value.mend
    assert (user.state(), (user.path / "a.txt").read_bytes()) == before


async def test_no_change_applies_as_nothing(work: Opened) -> None:
    assert await work.repository.apply_to_user_tree(work.base.commit, work.base.commit) == ()


async def test_a_link_in_the_users_tree_is_not_written_through(
    work: Opened, user: UserRepository, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    work.write("sub/file.txt", "new\n")
    saved = await work.workspace.save()
    os.symlink(outside, user.path / "sub")
    with pytest.raises(InputError, match="nothing was changed"):
        await work.repository.apply_to_user_tree(work.base.commit, saved.commit)
    assert list(outside.iterdir()) == []
