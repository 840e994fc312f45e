"""Taking the user's uncommitted changes along, without touching anything of theirs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.repository import Repository
from tests.support.repositories import UserRepository


def objects_of(user: UserRepository) -> set[Path]:
    return {p for p in (user.path / ".git" / "objects").rglob("*") if p.is_file()}


async def test_the_working_tree_becomes_the_base_and_stays_as_it_is(user: UserRepository, tmp_path: Path) -> None:
    user.write("gone.txt", "gone")
    user.write(".gitignore", "*.log\n")
    user.commit()
    user.write("a.txt", "changed\n")
    user.write("staged.txt", "staged\n")
    user.git("add", "staged.txt")
    user.write("staged.txt", "staged and changed again\n")
    user.write(b"untracked \xff", "u")
    user.write("run.sh", "#!/bin/sh\n", 0o755)
    user.write("ignored.log", "no")
    os.symlink("nowhere", user.path / "link")
    (user.path / "gone.txt").unlink()
    before = user.state(), objects_of(user)
    repository = await Repository.open(tmp_path / "state", str(user.path))
    plain = await repository.resolve(None)
    base = await repository.include_uncommitted(plain)
    assert (user.state(), objects_of(user)) == before
    assert (base.branch, base.ref) == ("main", "main")
    assert base.note == "uncommitted changes included: 6 files"
    changes = {c.path: c.status for c in await repository.stat(plain.commit, base.commit)}
    assert changes == {
        "a.txt": "M", "staged.txt": "A", os.fsdecode(b"untracked \xff"): "A",
        "run.sh": "A", "link": "A", "gone.txt": "D",
    }  # fmt: skip
    workspace = Workspace(repository, tmp_path / "attempt")
    await workspace.restore(base)
    assert (workspace.tree / "staged.txt").read_text() == "staged and changed again\n"
    assert (await workspace.save()).commit == base.commit


async def test_a_clean_tree_changes_nothing(user: UserRepository, tmp_path: Path) -> None:
    repository = await Repository.open(tmp_path / "state", str(user.path))
    base = await repository.resolve(None)
    assert await repository.include_uncommitted(base) == base


async def test_changes_belong_to_the_commit_they_were_made_on(user: UserRepository, tmp_path: Path) -> None:
    user.git("branch", "old")
    user.commit()
    user.write("a.txt", "changed\n")
    repository = await Repository.open(tmp_path / "state", str(user.path))
    with pytest.raises(InputError, match="on another commit"):
        await repository.include_uncommitted(await repository.resolve("old"))


async def test_a_nested_repository_without_commits_is_named(user: UserRepository, tmp_path: Path) -> None:
    user.git("init", "-q", "nested")
    user.write("nested/file", "f")
    repository = await Repository.open(tmp_path / "state", str(user.path))
    base = await repository.resolve(None)
    with pytest.raises(InputError, match="cannot be included") as caught:
        await repository.include_uncommitted(base)
    assert "nested" in caught.value.message
    assert [p.name for p in repository.git_dir.iterdir() if p.name.startswith("index-")] == []


async def test_hooks_and_monitors_of_the_user_do_not_run(user: UserRepository, tmp_path: Path) -> None:
    marker = tmp_path / "it-ran"
    user.write(".git/hooks/post-index-change", f"#!/bin/sh\ntouch '{marker}'\n", 0o755)
    user.git("config", "core.fsmonitor", f"touch '{marker}'; echo")
    user.write("a.txt", "changed\n")
    repository = await Repository.open(tmp_path / "state", str(user.path))
    await repository.include_uncommitted(await repository.resolve(None))
    assert not marker.exists()


async def test_files_beside_a_sparse_checkout_are_taken_and_those_left_out_of_it_stay(
    user: UserRepository, tmp_path: Path
) -> None:
    user.write("in/a.txt", "a\n")
    user.write("out/b.txt", "b\n")
    user.commit()
    user.git("sparse-checkout", "set", "in")
    user.write("out/new.txt", "new\n")
    repository = await Repository.open(tmp_path / "state", str(user.path))
    base = await repository.resolve(None)
    taken = await repository.snapshot(base)
    assert [(c.path, c.status) for c in await repository.stat(base.tree, taken.tree)] == [("out/new.txt", "A")]


async def test_line_ends_that_the_user_wants_to_be_warned_of_are_no_obstacle(
    user: UserRepository, tmp_path: Path
) -> None:
    user.git("config", "core.autocrlf", "input")
    user.git("config", "core.safecrlf", "true")
    user.write("windows.txt", "a\r\n")
    repository = await Repository.open(tmp_path / "state", str(user.path))
    base = await repository.resolve(None)
    taken = await repository.snapshot(base)
    assert [c.path for c in await repository.stat(base.tree, taken.tree)] == ["windows.txt"]
