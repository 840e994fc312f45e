"""Saving a workspace: all that changed, nothing that is ignored, and no surprise from what a box can make."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from midwatch.workspace.git import GitError
from tests.support.repositories import Opened, UserRepository, opened


@pytest.fixture
async def work(user: UserRepository, tmp_path: Path) -> Opened:
    """A workspace of a repository with a few files."""
    user.write("keep/one.txt", "1\n")
    user.write("keep/two.txt", "2\n")
    user.write("run.sh", "#!/bin/sh\n", 0o755)
    os.symlink("a.txt", user.path / "link")
    user.commit()
    return await opened(user.path, tmp_path)


async def test_every_kind_of_change_is_saved(work: Opened) -> None:
    work.write("a.txt", "changed\n")
    work.write("new/deep/file.txt", "new\n")
    work.write(b'\xff\n"quote\\ \t', "odd name")
    (work.tree / "keep" / "one.txt").unlink()
    (work.tree / "run.sh").chmod(0o644)
    (work.tree / "link").unlink()
    os.symlink("elsewhere", work.tree / "link")
    (work.tree / "empty").mkdir()
    assert await work.changed() == {
        "a.txt": "M", "new/deep/file.txt": "A", os.fsdecode(b"\xff\n\"quote\\ \t"): "A", "keep/one.txt": "D",
        "run.sh": "M", "link": "M",
    }  # fmt: skip
    assert await work.content(work.workspace.checkpoint, "link") == b"elsewhere"


async def test_the_saved_tree_is_the_one_that_git_would_make(work: Opened, user: UserRepository) -> None:
    for target in (work.tree, user.path):
        here = UserRepository(target)
        here.write("a.txt", "changed\r\n")
        here.write("b/c/d.bin", bytes(range(256)), 0o755)
        shutil.rmtree(target / "keep")
        os.symlink("x" * 100, target / "keep")
        (target / "link").unlink()
        here.write("link/now/a/folder", "f")
    user.commit()
    assert (await work.workspace.save()).tree == user.git("rev-parse", "HEAD^{tree}")


async def test_files_and_folders_take_each_others_place_and_go_back(work: Opened) -> None:
    first = work.workspace.checkpoint
    shutil.rmtree(work.tree / "keep")
    work.write("keep", "a file now")
    (work.tree / "a.txt").unlink()
    work.write("a.txt/inner", "a folder now")
    assert await work.changed() == {
        "keep": "A",
        "keep/one.txt": "D",
        "keep/two.txt": "D",
        "a.txt": "D",
        "a.txt/inner": "A",
    }
    shutil.rmtree(work.tree / "a.txt")
    (work.tree / "keep").unlink()
    work.write("a.txt", "one\ntwo\nthree\n")
    work.write("keep/one.txt", "1\n")
    work.write("keep/two.txt", "2\n")
    assert (await work.workspace.save()).tree == first.tree


async def test_nothing_changed_costs_no_process_and_gives_the_same_checkpoint(
    work: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.write("new.txt", "new\n")
    saved = await work.workspace.save()

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert await work.workspace.save() == saved
    os.utime(work.tree / "new.txt")
    assert await work.workspace.save() == saved


async def test_a_change_that_hides_its_time_and_size_is_seen(work: Opened) -> None:
    for text in ("xxx\ntwo\nthree\n", "yyy\ntwo\nthree\n", "zzz\ntwo\nthree\n"):
        before = os.stat(work.tree / "a.txt")
        with open(work.tree / "a.txt", "r+") as file:
            file.write(text)
        os.utime(work.tree / "a.txt", ns=(before.st_atime_ns, before.st_mtime_ns))
        assert await work.content(await work.workspace.save(), "a.txt") == text.encode()


async def test_the_same_work_makes_the_same_checkpoints(work: Opened, tmp_path: Path) -> None:
    saved = []
    for pause in (1.1, 0):  # the second time in another second
        await work.workspace.restore(work.base)
        work.write("a.txt", "changed\n")
        first = await work.workspace.save()
        work.write("b.txt", "b\n")
        saved.append((first, await work.workspace.save()))
        time.sleep(pause)
    assert saved[0] == saved[1]


async def test_ignored_files_are_not_kept_and_tracked_ones_always(
    user: UserRepository, tmp_path: Path, home: Path
) -> None:
    user.write("build/tracked.txt", "tracked although ignored\n")
    user.write("tracked.log", "tracked too\n")
    user.git("add", "-f", "build/tracked.txt", "tracked.log")
    user.write(".gitignore", "build/\n*.log\n")
    user.write(".git/info/exclude", "private.txt\n")
    user.commit()
    (home / ".config" / "git").mkdir(parents=True)
    (home / ".config" / "git" / "ignore").write_text("*.swp\n")
    work = await opened(user.path, tmp_path)
    for name in (
        "build/new.txt",
        "x.log",
        "private.txt",
        "a.swp",
        "__pycache__/x.pyc",
        "node_modules/m/i.js",
        ".venv/cfg",
    ):
        work.write(name, "not kept")
    work.write("build/tracked.txt", "changed\n")
    work.write("sub/.gitignore", "*.tmp\n!x.log\n")
    work.write("sub/x.tmp", "not kept")
    work.write("sub/x.log", "kept")
    assert await work.changed() == {"build/tracked.txt": "M", "sub/.gitignore": "A", "sub/x.log": "A"}
    (work.tree / "tracked.log").unlink()
    shutil.rmtree(work.tree / "build")
    work.write(".gitignore", "build/\n*.log\nsub/\n")
    assert await work.changed() == {"build/tracked.txt": "D", "tracked.log": "D", ".gitignore": "M"}


async def test_what_git_cannot_hold_is_left_out_and_named(work: Opened) -> None:
    for name in ("x/.GIT/config", "git~1/x", "y/.git ", "z/.g\u200cit"):
        work.write(name, "no")
    os.symlink("a.txt", work.tree / ".gitmodules")
    os.symlink("a.txt", work.tree / "keep" / ".git")
    os.mkfifo(work.tree / "pipe")
    os.mkfifo(work.tree / "keep" / ".gitignore")
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(work.tree)  # the name of a socket is short
        server.bind("socket")
        os.chdir("/")
    work.write("good.txt", "good")
    assert await work.changed() == {"good.txt": "A"}
    reasons = dict(line.rsplit(": ", 1) for line in work.workspace.skipped)
    refused = {"x/.GIT/", "git~1/", "y/.git ", "z/.g\\u200cit", ".gitmodules", "keep/.git"}
    assert {n for n, why in reasons.items() if why == "git refuses this name"} == refused
    special = {n for n, why in reasons.items() if why == "neither a file nor a link"}
    assert special == {"pipe", "keep/.gitignore", "socket"}


async def test_a_nested_repository_is_kept_as_plain_files(work: Opened, tmp_path: Path) -> None:
    UserRepository.make(work.tree / "vendor" / "lib", code__py="x = 1\n")
    work.write("other/.git", "gitdir: /somewhere/else\n")
    work.write("other/file", "f")
    assert await work.changed() == {"vendor/lib/code.py": "A", "other/file": "A"}
    assert work.workspace.skipped == ()


async def test_files_that_forbid_reading_are_kept(work: Opened) -> None:
    work.write("secret.txt", "s")
    (work.tree / "secret.txt").chmod(0)
    (work.tree / "a.txt").chmod(0)
    (work.tree / "keep").chmod(0)
    try:
        assert await work.changed() == {"secret.txt": "A"}
        assert work.workspace.skipped == ()
    finally:
        (work.tree / "keep").chmod(0o755)


async def test_a_very_large_file_is_streamed(work: Opened) -> None:
    with open(work.tree / "large", "wb") as file:
        file.truncate(40 << 20)
        file.write(b"start")
    before = await work.workspace.save()
    with open(work.tree / "large", "r+b") as file:
        file.seek(39 << 20)
        file.write(b"middle")
    saved = await work.workspace.save()
    assert saved != before
    size = await work.repository.git.run("cat-file", "-s", f"{saved.tree}:large")
    assert int(size) == 40 << 20
    os.utime(work.tree / "large")
    assert await work.workspace.save() == saved
    patch = await work.repository.diff(work.base.commit, saved.commit)
    assert len(patch) < 1000
    assert b"Binary files /dev/null and b/large differ" in patch


async def test_a_file_that_no_forge_would_take_is_left_out_and_what_was_known_of_it_stands(work: Opened) -> None:
    for name in ("huge", "a.txt"):
        (work.tree / name).touch()
        os.truncate(work.tree / name, 3 << 30)
    assert await work.changed() == {}
    assert work.workspace.skipped == ("a.txt: larger than 2 GiB", "huge: larger than 2 GiB")


async def test_a_file_that_shrinks_while_it_is_read_is_read_again(
    work: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(work.tree / "moving", "wb") as file:
        file.truncate(4 << 20)
    real = os.read
    done: list[bool] = []

    def shrinking(handle: int, size: int) -> bytes:
        if not done and size >= 1 << 17 and os.fstat(handle).st_size == 4 << 20:
            done.append(True)
            os.truncate(work.tree / "moving", 2 << 20)
            os.lseek(handle, 2 << 20, os.SEEK_SET)
        return real(handle, size)

    monkeypatch.setattr(os, "read", shrinking)
    assert await work.changed() == {"moving": "A"}
    assert done
    size = await work.repository.git.run("cat-file", "-s", f"{work.workspace.checkpoint.tree}:moving")
    assert int(size) == 2 << 20


async def test_a_file_that_never_keeps_still_does_not_hold_up_the_others(
    work: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("moving", "still"):
        work.write(name, bytes(4 << 20))
    real = os.read

    def shrinking(handle: int, size: int) -> bytes:
        path = os.readlink(f"/proc/self/fd/{handle}")
        if path.endswith("/moving"):
            return real(handle, size) if os.lseek(handle, 0, os.SEEK_CUR) < 2 << 20 else b""
        return real(handle, size)

    with monkeypatch.context() as patch:
        patch.setattr(os, "read", shrinking)
        assert await work.changed() == {"still": "A"}
    assert list(work.workspace.skipped) == ["moving: it kept changing while it was read"]
    assert await work.changed() == {"still": "A", "moving": "A"}
    assert list(work.workspace.skipped) == []


async def test_a_store_that_fails_is_an_error_and_the_next_save_is_whole(work: Opened) -> None:
    work.write("new.txt", "new\n")
    objects = work.repository.git_dir / "objects"
    objects.rename(objects.with_name("away"))
    objects.write_text("in the way")
    with pytest.raises(GitError, match="cat-file"):
        await work.workspace.save()
    objects.unlink()
    objects.with_name("away").rename(objects)
    assert await work.changed() == {"new.txt": "A"}


async def test_many_files_at_once(work: Opened) -> None:
    for i in range(600):
        work.write(f"many/{i % 20}/{i}.txt", f"{i}\n")
    assert len(await work.changed()) == 600
    shutil.rmtree(work.tree / "many")
    assert await work.changed() == {}
