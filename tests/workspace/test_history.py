"""What a box sees of the repository's history: the base and what led to it, and nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from midwatch.workspace.checkout import Workspace
from midwatch.workspace.history import DEPTH, visible_objects
from midwatch.workspace.repository import Repository
from tests.support.place import git, make_repository


def _commit(folder: Path, name: str, content: str) -> str:
    (folder / name).write_text(content)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", name)
    return git(folder, "rev-parse", "HEAD")


async def _checked_out(tmp_path: Path, folder: Path) -> Workspace:
    repository = await Repository.open(tmp_path / "state", str(folder))
    tree = Workspace(repository, tmp_path / "attempt")
    await tree.restore(await repository.resolve(None))
    return tree


async def test_other_branches_stashes_and_removed_files_are_not_in_the_box(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "repo", {"a.txt": "one\n"})
    git(folder, "checkout", "-q", "-b", "private")
    secret = _commit(folder, "secret.env", "TOPSECRET=abc\n")
    blob = git(folder, "rev-parse", f"{secret}:secret.env")
    git(folder, "checkout", "-q", "main")
    _commit(folder, "b.txt", "two\n")
    tree = await _checked_out(tmp_path, folder)
    assert tree.objects is not None
    seen = git(tree.tree, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()
    assert blob not in seen
    assert secret not in seen
    assert sorted(seen) == sorted(line.split()[0] for line in git(folder, "rev-list", "--objects", "main").splitlines())
    assert git(tree.tree, "log", "--format=%s") == "b.txt\nBegin"
    assert git(tree.tree, "status", "--porcelain") == ""
    assert git(tree.tree, "fsck", "--strict") == ""
    assert str(folder) not in (tree.tree / ".git/objects/info/alternates").read_text()


async def test_a_long_history_ends_like_a_shallow_clone(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "repo", {"a.txt": "0\n"})
    for number in range(DEPTH + 5):
        git(folder, "commit", "-q", "--allow-empty", "-m", str(number))
    (folder / "a.txt").write_text("changed\n")
    tree = await _checked_out(tmp_path, folder)
    assert len(git(tree.tree, "log", "--oneline").splitlines()) == DEPTH
    assert git(tree.tree, "rev-parse", "--is-shallow-repository") == "true"
    assert git(tree.tree, "status", "--porcelain") == ""
    assert git(tree.tree, "fsck", "--connectivity-only") == ""


async def test_a_merge_and_a_clone_that_is_shallow_itself_are_cut_where_they_end(tmp_path: Path) -> None:
    origin = make_repository(tmp_path / "origin", {"a.txt": "0\n"})
    git(origin, "checkout", "-q", "-b", "side")
    _commit(origin, "s.txt", "side\n")
    git(origin, "checkout", "-q", "main")
    _commit(origin, "m.txt", "main\n")
    git(origin, "merge", "-q", "--no-ff", "-m", "merge", "side")
    git(tmp_path, "clone", "-q", "--depth", "2", f"file://{origin}", "clone")
    tree = await _checked_out(tmp_path, tmp_path / "clone")
    assert git(tree.tree, "log", "--format=%s").splitlines()[0] == "merge"
    assert git(tree.tree, "fsck", "--connectivity-only") == ""
    assert git(tree.tree, "status", "--porcelain") == ""


@pytest.mark.parametrize("times", [2, 5])
async def test_it_is_made_once_also_when_many_ask(tmp_path: Path, times: int) -> None:
    folder = make_repository(tmp_path / "repo", {"a.txt": "one\n"})
    repository = await Repository.open(tmp_path / "state", str(folder))
    base = await repository.resolve(None)
    ask = [visible_objects(repository.git, repository.git_dir, base.commit) for _ in range(times)]
    assert len(set(await asyncio.gather(*ask))) == 1
    assert len(list((repository.git_dir / "visible").iterdir())) == 1
