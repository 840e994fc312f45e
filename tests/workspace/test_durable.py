"""A power cut: what a log is about to name is on the disk before it is named, its files and their folders."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.domain.errors import StoreError
from midwatch.engine.blobs import Blobs
from midwatch.workspace import importing, writing
from midwatch.workspace.importing import Import
from tests.support.repositories import Opened, UserRepository, opened

Unkept = Callable[[Path], set[Path]]


@pytest.fixture
def unkept(monkeypatch: pytest.MonkeyPatch) -> Unkept:
    """The files and folders of a folder that have come since the last call and were not synced after their last
    change."""
    inner, kept, known = os.fsync, dict[int, int](), set[Path]()

    def fsync(handle: int) -> None:
        inner(handle)
        status = os.fstat(handle)
        kept[status.st_ino] = status.st_mtime_ns

    monkeypatch.setattr(os, "fsync", fsync)

    def look(folder: Path) -> set[Path]:
        fresh = {path for path in folder.rglob("*") if path not in known}
        known.update(fresh)
        touched = {path: path.stat() for path in fresh | {path.parent for path in fresh}}
        return {path for path, status in touched.items() if kept.get(status.st_ino) != status.st_mtime_ns}

    return look


async def test_a_checkpoint_is_on_the_disk_before_it_is_named(
    user: UserRepository, tmp_path: Path, unkept: Unkept
) -> None:
    work: Opened = await opened(user.path, tmp_path)
    store = work.repository.git_dir
    for number in range(3):
        unkept(store)
        work.write(f"new/{number}.txt", f"{number}\n" * 50)
        work.write("a.txt", f"changed {number}\n")
        saved = await work.workspace.save()
        assert (store / "objects" / saved.commit[:2] / saved.commit[2:]).is_file()
        assert unkept(store) == set()


async def test_a_small_checkpoint_is_so_before_a_ref_names_it_and_without_git(
    user: UserRepository, tmp_path: Path, unkept: Unkept, monkeypatch: pytest.MonkeyPatch
) -> None:
    work: Opened = await opened(user.path, tmp_path)
    store = work.repository.git_dir
    inner, named = writing.ref, list[str]()

    def ref(where: Path, name: str, commit: str) -> None:
        assert unkept(where / "objects") == set()
        named.append(commit)
        inner(where, name, commit)

    monkeypatch.setattr(writing, "ref", ref)
    monkeypatch.setattr(Import, "_start", None)
    unkept(store)
    work.write("new/1.txt", "1\n")
    work.write(".gitignore", "built\n")
    work.write("built", "kept beside\n")
    saved = await work.workspace.save()
    assert named == [saved.commit]
    assert unkept(store) == set()


async def test_what_somebody_who_was_killed_has_left_unsynced_is_synced(
    user: UserRepository, tmp_path: Path, unkept: Unkept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    work: Opened = await opened(user.path, tmp_path)
    store = work.repository.git_dir
    unkept(store)
    work.write("a.txt", "changed\n")
    with monkeypatch.context() as cut_off:
        cut_off.setattr(importing, "keep", killed)
        with pytest.raises(KeyboardInterrupt):
            await work.workspace.save()
    await work.workspace.save()
    assert unkept(store) == set()
    lying = writing.loose(store, b"blob", b"some", sha256=False, unkept=set())
    assert writing.loose(store, b"blob", b"some", sha256=False) == lying
    assert unkept(store) == set()


async def test_a_disk_that_takes_no_names_is_said_and_no_ref_is_moved(
    user: UserRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Path) -> None:
        raise OSError(28, "No space left on device")

    work: Opened = await opened(user.path, tmp_path)
    first = await work.repository.git.run("for-each-ref", "refs/midwatch/workspaces")
    work.write("a.txt", "changed\n")
    monkeypatch.setattr(importing, "keep", full)
    with pytest.raises(StoreError, match="is full"):
        await work.workspace.save()
    monkeypatch.undo()
    assert await work.repository.git.run("for-each-ref", "refs/midwatch/workspaces") == first
    assert (await work.workspace.save()).commit != work.base.commit


async def test_objects_that_git_writes_one_by_one_have_their_bytes_before_their_names(
    user: UserRepository, tmp_path: Path
) -> None:
    work: Opened = await opened(user.path, tmp_path)
    traced = tmp_path / "traced"
    traced.mkdir()
    git = replace(work.repository.git, environment={"GIT_TRACE2_EVENT": str(traced)})
    target = Import(git, work.repository.git_dir, sha256=False)
    try:
        target.commit("refs/midwatch/some", b"subject", (work.base.commit,))
        target.header(b"large", b"100644", 5)
        target.write(b"large\n")
        target.finish()
    finally:
        target.close()
    told = [json.loads(line) for path in traced.iterdir() for line in path.read_text().splitlines()]
    begun = {one["sid"] for one in told if one["event"] == "start" and "unpack-objects" in one["argv"]}
    synced = [one for one in told if one["sid"] in begun and one.get("key") == "fsync/hardware-flush"]
    assert [int(one["value"]) for one in synced] == [3]


async def test_the_working_tree_of_a_person_too(user: UserRepository, tmp_path: Path, unkept: Unkept) -> None:
    work: Opened = await opened(user.path, tmp_path)
    store = work.repository.git_dir
    unkept(store)
    user.write("a.txt", "changed\n")
    await work.repository.snapshot(work.base)
    assert unkept(store) == set()


async def test_a_large_checkpoint_too(user: UserRepository, tmp_path: Path, unkept: Unkept) -> None:
    work: Opened = await opened(user.path, tmp_path)
    store = work.repository.git_dir
    unkept(store)
    for number in range(150):
        work.write(f"many/{number}.txt", f"{number}\n")
    await work.workspace.save()
    packs = list((store / "objects" / "pack").glob("*.pack"))
    assert packs
    assert unkept(store) == set()


async def test_a_commit_and_a_ref_that_are_written_without_git(
    user: UserRepository, tmp_path: Path, unkept: Unkept
) -> None:
    work: Opened = await opened(user.path, tmp_path)
    store = work.repository.git_dir
    base = await work.repository.resolve(None)
    unkept(store)
    name = writing.commit(store, base.tree, base.commit, b"T <t@t> 1 +0000", b"message\n")
    writing.ref(store, "refs/midwatch/propose/some", name)
    assert unkept(store) == set()


def test_a_blob(tmp_path: Path, unkept: Unkept) -> None:
    blobs = Blobs(tmp_path / "blobs")
    unkept(tmp_path)
    for data in (b"one", b"two"):
        blobs.put(data)
    assert unkept(tmp_path) <= {tmp_path}
