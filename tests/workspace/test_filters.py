"""Programs that a person's git configuration names, and attributes that somebody else has written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from tests.support.repositories import Opened, UserRepository, opened


@pytest.fixture
def ran(user: UserRepository, tmp_path: Path) -> Path:
    """Which ways the person's filter `mine` was used: a line each."""
    log = tmp_path / "ran"
    log.touch()
    for way in ("clean", "smudge"):
        user.git("config", "--global", f"filter.mine.{way}", f"sh -c 'echo {way} >> {log}; cat'")
    user.git("config", "--global", "filter.mine.required", "true")
    return log


@pytest.fixture
async def work(user: UserRepository, tmp_path: Path) -> Opened:
    """A workspace of the person's repository."""
    return await opened(user.path, tmp_path)


async def snapshot(work: Opened) -> str:
    return (await work.repository.snapshot(work.base)).tree


async def test_attributes_of_a_workspace_start_no_program_when_they_are_brought(
    work: Opened, user: UserRepository, ran: Path
) -> None:
    work.write(".gitattributes", "* filter=mine\n")
    work.write("a.txt", "changed\n")
    work.write("z.txt", "new\n")
    saved = await work.workspace.save()
    await work.repository.apply_to_user_tree(work.base.tree, saved.tree)
    assert (user.path / "z.txt").read_text() == "new\n"
    assert ran.read_text() == ""


async def test_brought_attributes_start_no_program_when_the_folder_is_read(
    work: Opened, user: UserRepository, ran: Path
) -> None:
    user.write("deep/.gitattributes", "* filter=mine\n")
    user.write("deep/secret.txt", "text\n")
    tree = await snapshot(work)
    await work.repository.resolve(None)
    assert ran.read_text() == ""
    assert "deep/secret.txt" in user.git("-C", str(work.repository.git_dir), "ls-tree", "-r", "--name-only", tree)


async def test_a_name_that_holds_an_equals_sign_is_switched_off_too(
    work: Opened, user: UserRepository, tmp_path: Path
) -> None:
    log = tmp_path / "ran"
    user.git("config", "--global", "filter.a=b.process", f"sh -c 'echo process >> {log}; cat'")
    user.write(".gitattributes", "* filter=a=b\n")
    user.write("a.txt", "changed\n")
    await snapshot(work)
    assert not log.exists()


async def test_filters_of_the_commit_are_used_as_ever(user: UserRepository, ran: Path, tmp_path: Path) -> None:
    user.write(".gitattributes", "*.txt filter=mine\n")
    user.commit()
    work = await opened(user.path, tmp_path)
    ran.write_text("")
    work.write("a.txt", "changed\n")
    saved = await work.workspace.save()
    await work.repository.apply_to_user_tree(work.base.tree, saved.tree)
    assert "smudge" in ran.read_text()


async def test_files_that_a_filter_hides_are_not_read_without_it(
    user: UserRepository, ran: Path, tmp_path: Path
) -> None:
    user.write(".gitattributes", "*.key filter=mine\n")
    user.commit()
    work = await opened(user.path, tmp_path)
    work.write(".gitattributes", "# none\n")
    saved = await work.workspace.save()
    with pytest.raises(InputError, match="filter mine"):
        await work.repository.apply_to_user_tree(work.base.tree, saved.tree)
    assert (user.path / ".gitattributes").read_text() == "*.key filter=mine\n"
    user.write(".gitattributes", "# mine\n")
    with pytest.raises(InputError, match="filter mine"):
        await snapshot(work)


async def test_lfs_files_stay_pointers_for_git_whatever_becomes_of_the_attributes(
    user: UserRepository, tmp_path: Path
) -> None:
    user.git("lfs", "install")
    user.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    user.write("big.bin", "content\n" * 100)
    os.utime(user.path / "big.bin", (1, 1))  # else git could not tell by the time that it is unchanged
    user.commit()
    work = await opened(user.path, tmp_path)
    assert await snapshot(work) == work.base.tree
    user.write(".gitattributes", "*.bin filter=lfs -text\n*.iso filter=lfs -text\n")
    tree = await snapshot(work)
    changed = await work.repository.stat(work.base.tree, tree)
    assert [change.path for change in changed] == [".gitattributes"]
