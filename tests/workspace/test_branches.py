"""Which branches a repository has, of folders and of addresses."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, OperationError
from midwatch.workspace import branches as listing
from midwatch.workspace import remote
from midwatch.workspace.branches import Branches, branches
from tests.support.repositories import UserRepository


def grow(user: UserRepository, *names: str) -> None:
    """Add branches, each a second younger than the one before and the first younger than `main`."""
    commits = [
        f"commit refs/heads/{name}\ncommitter Ann <ann@example.org> {4_000_000_000 + at} +0000\ndata 0\n"
        f"from refs/heads/main^0\n\n"
        for at, name in enumerate(names)
    ]
    command = ["git", "-C", str(user.path), "fast-import", "--quiet"]
    subprocess.run(command, input="".join(commits).encode(), check=True)


async def test_the_default_branch_comes_first_and_those_of_midwatch_last(user: UserRepository, tmp_path: Path) -> None:
    grow(user, "feature/b", "midwatch/one", "Feature/a", "fix-ä")
    user.git("tag", "v1")
    before = user.state()
    found = await branches(str(user.path))
    assert found == Branches(("main", "fix-ä", "Feature/a", "feature/b", "midwatch/one"), "main", cut=False)
    told = await branches(f"file://{user.path}")
    assert told == Branches(("main", "Feature/a", "feature/b", "fix-ä", "midwatch/one"), "main", cut=False)
    user.git("worktree", "add", "-q", str(tmp_path / "beside"), "fix-ä")
    assert (await branches(str(tmp_path / "beside"))).default == "fix-ä"
    user.git("checkout", "-q", "--detach")
    assert (await branches(str(user.path))).default == (await branches(f"file://{user.path}")).default == ""
    user.git("checkout", "-q", "main")
    user.git("worktree", "remove", str(tmp_path / "beside"))
    assert user.state() == before


async def test_names_that_no_task_can_start_from_are_left_out(user: UserRepository) -> None:
    head = user.git("rev-parse", "HEAD")
    for name in (b"HEAD", b"latin-\xe9", b"@{-1}x", b"plain"):
        user.git("update-ref", b"refs/heads/" + name, head, check=False)
    (user.path / ".git/refs/heads/-option").write_text(f"{head}\n")
    assert (await branches(str(user.path))).names == ("main", "plain")
    assert (await branches(f"file://{user.path}")).names == ("main", "plain")


async def test_of_more_names_than_are_read_the_first_are_told(
    user: UserRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = user.git("rev-parse", "HEAD")
    names = [f"topic/{number:04}" for number in range(3000)]
    packed = "".join(f"{head} refs/heads/{name}\n" for name in names)
    (user.path / ".git/packed-refs").write_text(f"# pack-refs with: peeled fully-peeled sorted \n{packed}")
    for location in (str(user.path), f"file://{user.path}"):
        found = await branches(location)
        assert (found.names, found.cut) == (("main", *names), False)
    monkeypatch.setattr(listing, "MOST", 100)
    assert (await branches(str(user.path))).cut
    for module in (listing, remote):
        monkeypatch.setattr(module, "LARGEST_LISTING", 4096)
    for location in (str(user.path), f"file://{user.path}"):
        found = await branches(location)
        assert (found.cut, found.default) == (True, "main")
        assert 20 < len(found.names) <= 100


async def test_what_is_no_repository_is_said(tmp_path: Path, user: UserRepository) -> None:
    with pytest.raises(InputError, match="not a git repository"):
        await branches(str(tmp_path))
    with pytest.raises(OperationError, match="cannot be fetched"):
        await branches(f"file://{tmp_path}/none")
    UserRepository(tmp_path).git("init", "-q", "-b", "main", "empty")
    assert await branches(str(tmp_path / "empty")) == Branches((), "", cut=False)
