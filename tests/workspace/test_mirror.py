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
    for user in ("ann:s3cret", "s3cret", "ann:s3@cret", "ann:s3 cret"):
        with pytest.raises(InputError, match="holds a user or a password") as caught:
            await Repository.open(tmp_path / "state", f"https://{user}@127.0.0.1:1/x.git")
        assert "cret" not in caught.value.message + caught.value.mend
        assert "credential helper" in caught.value.mend
        assert "https://127.0.0.1:1/x.git" in caught.value.mend
    with pytest.raises(InputError, match="holds a user or a password"):
        await Repository.open(tmp_path / "state", "ssh://git:s3cret@127.0.0.1:1/x.git")
    with pytest.raises(InputError) as caught:
        await Repository.open(tmp_path / "state", "ftp://ann:s3@cret@127.0.0.1:1/x.git")
    assert "cret" not in caught.value.message
    assert not (tmp_path / "state").exists()


async def test_the_user_of_an_ssh_address_is_no_secret(tmp_path: Path) -> None:
    with pytest.raises(OperationError, match="cannot be fetched"):
        await Repository.open(tmp_path / "state", "ssh://git@127.0.0.1:1/x.git")


def test_addresses_are_told_from_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("https://example.org/x.git", "ssh://h/x", "git@github.com:a/b.git", "host:path/x", "file:///x"):
        assert is_url(text)
    for text in ("/a/b", "./a:b", "a/b:c", "x", "ext::sh -c x", "..", "C", ""):
        assert not is_url(text)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd:name").mkdir()
    assert not is_url("odd:name")


async def test_a_repository_with_sha256_ids_is_fetched(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main", "--object-format=sha256", "project")
    user = UserRepository(tmp_path / "project")
    user.write("a.txt", "a")
    commit = user.commit()
    work = await opened(f"file://{user.path}", tmp_path)
    assert work.base.commit == commit
    work.write("b.txt", "b")
    assert await work.changed() == {"b.txt": "A"}


async def test_what_is_there_is_not_fetched_again(user: UserRepository, tmp_path: Path) -> None:
    url, state = f"file://{user.path}", tmp_path / "state"
    commit = user.git("rev-parse", "HEAD")
    first = await Repository.open(state, url, commit=commit)
    later = user.commit("later")
    again = await Repository.open(state, url, commit=commit)
    assert (await again.resolve(None)).commit == commit
    assert (await (await Repository.open(state, url, commit=later)).resolve(None)).commit == later
    user.path.rename(tmp_path / "away")
    assert (await Repository.open(state, url, commit=commit)).git_dir == first.git_dir
    for blob in first.git_dir.rglob("objects/??/*"):
        if blob.name == git(tmp_path / "away", "rev-parse", "HEAD:a.txt")[2:]:
            blob.unlink()
            break
    else:
        for pack in first.git_dir.rglob("objects/pack/*"):
            pack.unlink()
    with pytest.raises(OperationError, match="cannot be fetched"):
        await Repository.open(state, url, commit=commit)


async def test_a_remote_branch_whose_name_ends_in_an_odd_space_keeps_it(user: UserRepository, tmp_path: Path) -> None:
    user.git("switch", "-q", "-c", "odd\u00a0")
    work = await opened(f"file://{user.path}", tmp_path)
    assert work.base.branch == "odd\u00a0"
