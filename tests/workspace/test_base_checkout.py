"""The checkout that attempts share: made once, never half, and deleted only when nobody uses it."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from pathlib import Path

import pytest

from midwatch.domain.errors import OperationError
from midwatch.domain.task import Base
from midwatch.workspace.base_checkout import base_checkout, bases_folder, collect
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.repository import Repository
from tests.support.repositories import UserRepository, git


async def at(user: UserRepository, tmp_path: Path) -> tuple[Repository, Base]:
    """The store and the base of the user's HEAD."""
    repository = await Repository.open(tmp_path / "state", str(user.path))
    return repository, await repository.resolve(None)


async def test_it_is_made_once_also_when_many_ask(user: UserRepository, tmp_path: Path) -> None:
    repository, base = await at(user, tmp_path)
    made = await asyncio.gather(*(base_checkout(repository, base) for _ in range(8)))
    assert len({checkout.tree for checkout in made}) == 1
    inode = made[0].tree.stat().st_ino
    assert (await base_checkout(repository, base)).tree.stat().st_ino == inode
    names = sorted(path.name for path in bases_folder(repository).iterdir())
    assert names == [base.commit, f"{base.commit}.lock"]


async def test_what_a_killed_builder_left_is_not_used(user: UserRepository, tmp_path: Path) -> None:
    repository, base = await at(user, tmp_path)
    place = bases_folder(repository)
    for name in (f"new-{base.commit}-x", base.commit):
        (place / name / "tree").mkdir(parents=True)
        (place / name / "tree" / "half").write_text("h")
    checkout = await base_checkout(repository, base)
    assert sorted(path.name for path in checkout.tree.iterdir()) == [".git", "a.txt"]
    assert sorted(path.name for path in place.iterdir()) == [base.commit, f"{base.commit}.lock"]


async def test_what_a_power_cut_left_is_made_anew(user: UserRepository, tmp_path: Path) -> None:
    repository = await Repository.open(tmp_path / "state", str(user.path))
    base = await repository.resolve(None)
    made = await base_checkout(repository, base)
    made.release()
    (made.tree.parent / "about.json").write_bytes(b"")
    again = await base_checkout(repository, base)
    assert (again.tree / "a.txt").is_file()
    again.release()


async def test_a_builder_that_fails_leaves_nothing(user: UserRepository, tmp_path: Path) -> None:
    repository, base = await at(user, tmp_path)
    await base_checkout(repository, base)  # the objects that a box sees are there from now on
    collect(tmp_path / "state", keep_bytes=0, keep_seconds=0)
    blob = user.git("rev-parse", "HEAD:a.txt")
    loose = user.path / ".git" / "objects" / blob[:2] / blob[2:]
    loose.unlink()
    with pytest.raises(OperationError, match="cannot be written"):
        await base_checkout(repository, base)
    assert [path.name for path in bases_folder(repository).iterdir()] == [f"{base.commit}.lock"]


async def test_modes_do_not_depend_on_the_umask(user: UserRepository, tmp_path: Path) -> None:
    user.write("run.sh", "#!/bin/sh\n", 0o755)
    user.write("d/e", "e")
    user.commit()
    repository, base = await at(user, tmp_path)
    old = os.umask(0o077)
    try:
        tree = (await base_checkout(repository, base)).tree
    finally:
        os.umask(old)
    modes = {name: stat.S_IMODE((tree / name).stat().st_mode) for name in ("", "d", "d/e", "run.sh", "a.txt")}
    assert modes == {"": 0o755, "d": 0o755, "d/e": 0o644, "run.sh": 0o755, "a.txt": 0o644}


async def test_what_is_in_use_stays_and_what_was_used_last_goes_last(user: UserRepository, tmp_path: Path) -> None:
    state, used = tmp_path / "state", []
    repository = await Repository.open(state, str(user.path))
    workspace = Workspace(repository, tmp_path / "attempt", overlay=True)
    for number in range(4):
        user.write("big", os.urandom(1 << 20))
        user.commit()
        base = await repository.resolve(None)
        used.append(bases_folder(repository) / base.commit)
        if number == 0:
            await workspace.restore(base)
        else:
            (await base_checkout(repository, base)).release()
        os.utime(used[-1].with_name(f"{base.commit}.lock"), (number, number))
    assert collect(state, keep_bytes=10 << 30, keep_seconds=1e12) == 0
    assert collect(state, keep_bytes=int(3.5 * (1 << 20)), keep_seconds=1e12) >= 1 << 20
    assert [folder.exists() for folder in used] == [True, False, True, True]
    collect(state, keep_bytes=10 << 30, keep_seconds=0)
    assert [folder.exists() for folder in used] == [True, False, False, False]
    assert (used[0] / "tree" / "big").stat().st_size == 1 << 20
    await workspace.remove()
    collect(state, keep_bytes=0, keep_seconds=0)
    assert list(bases_folder(repository).iterdir()) == []
    await workspace.restore(base)
    assert (used[3] / "tree" / "big").exists()


async def test_the_users_ignore_rules_of_today_hold_in_an_old_checkout(user: UserRepository, tmp_path: Path) -> None:
    repository, base = await at(user, tmp_path)
    (await base_checkout(repository, base)).release()
    user.write(".git/info/exclude", "private.txt\n")
    repository, base = await at(user, tmp_path)
    workspace = Workspace(repository, tmp_path / "attempt")
    await workspace.restore(base)
    UserRepository(workspace.tree).write("private.txt", "p")
    assert git(workspace.tree, "status", "--porcelain") == ""
    layered = Workspace(repository, tmp_path / "layered", overlay=True)
    await layered.restore(base)
    assert (layered.folder / "upper/.git/info/exclude").read_text() == "private.txt\n"
    assert await layered.save() == layered.checkpoint


async def test_git_in_a_box_finds_nothing_to_read_again(user: UserRepository, tmp_path: Path) -> None:
    for number in range(2500):
        user.write(f"d{number % 50}/{number}", str(number))
    user.commit()
    repository, base = await at(user, tmp_path)
    tree = (await base_checkout(repository, base)).tree
    index = (tree / ".git" / "index").stat().st_mtime
    assert all(int(path.stat().st_mtime) < int(index) for path in tree.glob("d*/*"))
    shutil.rmtree(tree / "d1")
    assert len(git(tree, "--no-optional-locks", "status", "--porcelain").split("\n")) == 50


async def test_all_users_in_one_process_have_one_handle_until_the_last_is_gone(
    user: UserRepository, tmp_path: Path
) -> None:
    repository, base = await at(user, tmp_path)
    (await base_checkout(repository, base)).release()
    before = len(os.listdir("/proc/self/fd"))
    made = [await base_checkout(repository, base) for _ in range(20)]
    assert len(os.listdir("/proc/self/fd")) == before + 1
    for checkout in made[1:]:
        checkout.release()
    assert collect(tmp_path / "state", keep_bytes=0, keep_seconds=0) == 0
    assert made[0].tree.is_dir()
    made[0].release()
    assert len(os.listdir("/proc/self/fd")) == before
    collect(tmp_path / "state", keep_bytes=0, keep_seconds=0)
    assert not made[0].tree.exists()
