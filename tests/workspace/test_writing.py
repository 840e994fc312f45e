"""What is written into the store without git is what git would have written."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from midwatch.workspace import leftovers, writing

WHO = b"Midwatch <midwatch@localhost> 1700000000 +0000"


def git(store: Path, *arguments: str, stdin: bytes = b"") -> str:
    who = (("NAME", "Midwatch"), ("EMAIL", "midwatch@localhost"), ("DATE", "@1700000000 +0000"))
    names = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who}
    command = ["git", "-C", str(store), *arguments]
    return subprocess.run(command, input=stdin, env=os.environ | names, capture_output=True, check=True).stdout.decode()


@pytest.mark.parametrize("form", ["sha1", "sha256"])
@pytest.mark.parametrize("message", [b"One\n", b"One\n\nMore \xc3\xa4\n", b"no end of line", b"\n"])
def test_a_commit_is_the_one_that_git_makes(form: str, message: bytes, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", f"--object-format={form}")
    tree = git(tmp_path, "mktree").strip()
    first = git(tmp_path, "commit-tree", tree, "-m", "first").strip()
    made = writing.commit(tmp_path, tree, first, WHO, message)
    assert git(tmp_path, "cat-file", "commit", made).encode().partition(b"\n\n")[2] == message
    assert git(tmp_path, "fsck", "--strict", "--no-dangling") == ""
    (tmp_path / "objects" / made[:2] / made[2:]).unlink()
    assert git(tmp_path, "commit-tree", tree, "-p", first, "-F", "-", stdin=message).strip() == made


def test_a_ref_is_seen_by_git_and_can_be_moved(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "--object-format=sha1")
    tree = git(tmp_path, "mktree").strip()
    first = git(tmp_path, "commit-tree", tree, "-m", "first").strip()
    second = writing.commit(tmp_path, tree, first, WHO, b"second\n")
    for commit in (first, second, second):
        writing.ref(tmp_path, "refs/midwatch/propose/abc", commit)
        assert (
            git(tmp_path, "for-each-ref", "--format=%(objectname) %(refname)")
            == f"{commit} refs/midwatch/propose/abc\n"
        )
    assert [path.name for path in (tmp_path / "refs/midwatch/propose").iterdir()] == ["abc"]


def test_a_folder_of_refs_that_git_deletes_in_that_moment_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q", "--bare", "--object-format=sha1")
    tree = git(tmp_path, "mktree").strip()
    first = git(tmp_path, "commit-tree", tree, "-m", "first").strip()
    inner = os.fsync

    def fsync(handle: int) -> None:
        inner(handle)
        if (tmp_path / "refs/midwatch/propose").is_dir() and not list((tmp_path / "refs/midwatch/propose").iterdir()):
            (tmp_path / "refs/midwatch/propose").rmdir()

    monkeypatch.setattr(os, "fsync", fsync)
    writing.ref(tmp_path, "refs/midwatch/propose/abc", first)
    assert git(tmp_path, "rev-parse", "refs/midwatch/propose/abc").strip() == first


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_an_object_that_many_write_at_once_is_whole(form: str, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", f"--object-format={form}")
    body = b"some\n" * 5000
    with ThreadPoolExecutor(8) as many:
        wanted = [many.submit(writing.loose, tmp_path, b"blob", body, sha256=form == "sha256") for _ in range(40)]
    (name,) = {one.result() for one in wanted}
    assert git(tmp_path, "cat-file", "blob", name).encode() == body
    assert git(tmp_path, "fsck", "--strict", "--no-dangling") == ""
    assert list((tmp_path / "objects").rglob("tmp_*")) == []


def test_a_ref_that_was_cut_off_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    git(tmp_path, "init", "-q", "--bare", "--object-format=sha1")
    tree = git(tmp_path, "mktree").strip()
    first = git(tmp_path, "commit-tree", tree, "-m", "first").strip()
    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        writing.ref(tmp_path, "refs/midwatch/propose/abc", first)
    assert git(tmp_path, "for-each-ref") == ""
    leftovers.sweep(tmp_path, settled=0)
    assert list((tmp_path / "objects").rglob("tmp_*")) == []
