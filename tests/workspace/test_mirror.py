"""A repository that is a URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, OperationError
from midwatch.workspace.location import is_url
from midwatch.workspace.repository import Repository
from tests.support.repositories import UserRepository, git, opened


async def test_branches_and_tags_are_fetched_and_found(user: UserRepository, tmp_path: Path) -> None:
    first = user.git("rev-parse", "HEAD")
    user.git("tag", "v1")
    user.git("switch", "-q", "-c", "trunk")
    second = user.commit("second")
    url = f"file://{user.path}"
    work = await opened(url, tmp_path)
    assert work.repository.location == url
    assert (work.base.commit, work.base.branch, work.base.ref) == (second, "trunk", "trunk")
    assert (work.tree / "a.txt").exists()
    for ref, commit, branch in [
        ("main", first, "main"),
        ("v1", first, ""),
        (first, first, ""),
        ("trunk", second, "trunk"),
    ]:
        base = await work.repository.resolve(ref)
        assert (base.commit, base.branch) == (commit, branch)
    with pytest.raises(InputError, match="no branch, tag or commit named mian") as caught:
        await work.repository.resolve("mian")
    assert "main" in caught.value.mend
    third = user.commit("third")
    again = await Repository.open(tmp_path / "state", url)
    assert (await again.resolve(None)).commit == third
    assert again.git_dir == work.repository.git_dir
    for call in (again.include_uncommitted(work.base), again.apply_to_user_tree(first, second)):
        with pytest.raises(InputError, match="no working tree"):
            await call


async def test_what_cannot_be_fetched_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OperationError, match="cannot be fetched") as caught:
        await Repository.open(tmp_path / "state", f"file://{tmp_path}/nothing")
    assert "git ls-remote" in caught.value.mend
    git(tmp_path, "init", "-q", "empty")
    with pytest.raises(InputError, match="no commit yet"):
        await Repository.open(tmp_path / "state", f"file://{tmp_path}/empty")
    assert list((tmp_path / "state" / "repos").iterdir()) == []


async def test_a_password_in_an_address_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(OperationError) as caught:
        await Repository.open(tmp_path / "state", "https://ann:s3cret@127.0.0.1:1/x.git")
    assert "127.0.0.1:1/x.git cannot be fetched" in caught.value.message
    assert "s3cret" not in caught.value.message


def test_addresses_are_told_from_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("https://example.org/x.git", "ssh://h/x", "git@github.com:a/b.git", "host:path/x", "file:///x"):
        assert is_url(text)
    for text in ("/a/b", "./a:b", "a/b:c", "x", "ext::sh -c x", "..", "C", ""):
        assert not is_url(text)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd:name").mkdir()
    assert not is_url("odd:name")
