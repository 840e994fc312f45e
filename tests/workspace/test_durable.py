"""A power cut: what a log is about to name is on the disk before it is named, its files and their folders."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from midwatch.engine.blobs import Blobs
from midwatch.workspace import writing
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
