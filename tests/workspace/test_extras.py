"""Submodules and LFS contents as parts of one checkout, and git in a box that sees nothing changed by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch.domain.errors import OperationError
from midwatch.workspace import extras
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.extras import Wanted, gather
from midwatch.workspace.index import settle
from midwatch.workspace.repository import Repository
from tests.support.git_servers import put_lfs_object
from tests.support.insides import Inside
from tests.support.insides import overlay as overlay
from tests.support.repositories import UserRepository, git, opened

DATA = b"content " * 4000


def give_lfs(user: UserRepository, name: str) -> None:
    user.write(".gitattributes", "*.bin filter=lfs\n")
    user.write(name, put_lfs_object(user.path / ".git", DATA))
    user.commit()


@pytest.mark.parametrize("form", ["sha1", "sha256"])
async def test_a_checkout_with_all_of_it_is_clean_to_git(form: str, tmp_path: Path) -> None:
    for name in ("project", "library"):
        git(tmp_path, "init", "-q", "-b", "main", f"--object-format={form}", name)
    user, library = UserRepository(tmp_path / "project"), UserRepository(tmp_path / "library")
    give_lfs(library, "inner.bin")
    give_lfs(user, "big.bin")
    user.write("plain.txt", "plain\n")
    user.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.path), "lib")
    user.commit()
    modules = user.path / ".git/modules/lib"
    put_lfs_object(modules, DATA)
    work = await opened(user.path, tmp_path)
    found = await gather(work.repository, work.base.commit, tmp_path / "state", Wanted(submodules=True, lfs=True))
    await extras.write(found, work.tree, work.tree / ".git/index")
    for name in ("big.bin", "lib/inner.bin"):
        assert (work.tree / name).read_bytes() == DATA
    assert git(work.tree, "status", "--porcelain") == ""
    git(work.tree, "fsck")
    (work.tree / "big.bin").write_bytes(DATA[:-1] + b"!")
    work.write("plain.txt", "changed\n")
    assert git(work.tree, "status", "--porcelain").split("\n") == [" M big.bin", " M plain.txt"]
    assert list(found.pointers) == [b"big.bin"]
    assert "submodules are plain files" in found.note
    assert "Git LFS: 2 files" in found.note


@pytest.mark.parametrize("form", ["copy", "overlay"])
async def test_a_checkpoint_keeps_pointers_for_contents_that_have_not_changed(
    form: str, user: UserRepository, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if form == "overlay":
        request.getfixturevalue("overlay")
    give_lfs(user, "big.bin")
    give_lfs(user, "other.bin")
    repository = await Repository.open(tmp_path / "state", str(user.path))
    base = await repository.resolve(None)
    place = {"overlay": form == "overlay", "fuse": False, "wanted": Wanted(lfs=True)}
    workspace = Workspace(repository, tmp_path / "attempt", **place)  # type: ignore[arg-type]
    await workspace.restore(base)
    inside = Inside(workspace)
    assert inside.sh("git status --porcelain") == ""
    assert await workspace.save() == workspace.checkpoint
    inside.sh("chmod +x big.bin; touch other.bin; echo more > new.txt")
    saved = await workspace.save()
    changed = {c.path: (c.status, c.added) for c in await repository.stat(base.commit, saved.commit)}
    assert changed == {"big.bin": ("M", 0), "new.txt": ("A", 1)}
    seen = inside.snapshot()
    again = Workspace(repository, tmp_path / "again", **place)  # type: ignore[arg-type]
    await again.restore(base, saved)
    assert Inside(again).snapshot() == seen
    assert Inside(again).sh("cat big.bin").encode() == DATA
    inside.sh("printf x >> other.bin")
    changed = {c.path: (c.status, c.added) for c in await repository.stat(base.commit, (await workspace.save()).commit)}
    assert set(changed) == {"big.bin", "new.txt", "other.bin"}
    for one in (workspace, again):
        await one.remove()


async def test_what_is_not_asked_for_is_left_as_it_is(user: UserRepository, tmp_path: Path) -> None:
    give_lfs(user, "big.bin")
    work = await opened(user.path, tmp_path)
    found = await gather(work.repository, work.base.commit, tmp_path / "state", Wanted())
    before = (work.tree / ".git/index").read_bytes()
    await extras.write(found, work.tree, work.tree / ".git/index")
    assert (work.tree / "big.bin").read_bytes().startswith(b"version https://git-lfs")
    assert (work.tree / ".git/index").read_bytes() == before
    assert found.note == ""
    assert {Wanted().key, Wanted(lfs=True).key, Wanted(submodules=True).key, Wanted(True, True).key} == {
        "", "l", "s", "sl",
    }  # fmt: skip


async def test_a_damaged_index_is_not_made_worse(user: UserRepository, tmp_path: Path) -> None:
    work = await opened(user.path, tmp_path)
    index = work.tree / ".git/index"
    index.write_bytes(index.read_bytes()[:-1] + b"x")
    before = index.read_bytes()
    with pytest.raises(OperationError, match="damaged"):
        settle(index, work.tree, [b"a.txt"])
    assert index.read_bytes() == before
