"""Planted configuration: whatever a box writes, no program of its choice runs on the host."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from midwatch.workspace import found, part, scan, stamps
from midwatch.workspace.found import Found
from tests.support.repositories import Opened, UserRepository, git, opened


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """Made by any planted program that runs."""
    return tmp_path / "it-ran"


@pytest.fixture
def evil(tmp_path: Path, marker: Path) -> Path:
    """The planted program."""
    program = tmp_path / "evil.sh"
    program.write_text(f"#!/bin/sh\necho \"$0 $*\" >> '{marker}'\ncat\n")
    program.chmod(0o755)
    return program


def plant(tree: Path, evil: Path) -> None:
    """All the places from which git starts programs."""
    repository = UserRepository(tree)
    config = f"""
[core]
    fsmonitor = {evil}
    hooksPath = {tree}/hooks
    pager = {evil}
    sshCommand = {evil}
    editor = {evil}
    attributesFile = {tree}/.gitattributes
[filter "evil"]
    clean = {evil}
    smudge = {evil}
    process = {evil}
    required = true
[diff "evil"]
    textconv = {evil}
    command = {evil}
[diff]
    external = {evil}
[merge "evil"]
    driver = {evil} %A
[gpg]
    program = {evil}
[alias]
    status = !{evil}
    fast-import = !{evil}
[credential]
    helper = {evil}
[include]
    path = {tree}/more.config
"""
    with open(tree / ".git" / "config", "a") as file:
        file.write(config)
    repository.write("more.config", config.partition("[include]")[0])
    for hook in (
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "pre-commit",
        "post-merge",
        "fsmonitor-watchman",
    ):
        for folder in ("hooks", ".git/hooks"):
            repository.write(f"{folder}/{hook}", f"#!/bin/sh\nexec {evil}\n", 0o755)
    repository.write(".gitattributes", "* filter=evil diff=evil merge=evil text\n")
    repository.write(".git/info/attributes", "* filter=evil diff=evil merge=evil\n")


async def all_that_the_host_does(work: Opened) -> None:
    saved = await work.workspace.save()
    await work.repository.diff(work.base.commit, saved.commit)
    await work.repository.stat(work.base.commit, saved.commit)
    await work.workspace.restore(work.base, saved)
    assert await work.workspace.save() == saved


async def test_planted_settings_hooks_and_filters_never_run(work: Opened, evil: Path, marker: Path) -> None:
    plant(work.tree, evil)
    git(work.tree, "diff", check=False)
    assert marker.exists(), "the trap itself does not work"
    marker.unlink()
    work.write("a.txt", "changed\n")
    await all_that_the_host_does(work)
    assert not marker.exists()


async def test_the_same_on_a_base_that_carries_the_traps(
    user: UserRepository, tmp_path: Path, evil: Path, marker: Path
) -> None:
    user.write(".gitattributes", "* filter=evil diff=evil merge=evil\n")
    user.commit()
    work = await opened(user.path, tmp_path)
    plant(work.tree, evil)
    work.write("a.txt", "changed\n")
    await all_that_the_host_does(work)
    assert not marker.exists()


async def test_a_git_file_that_points_elsewhere_leads_nowhere(
    work: Opened, tmp_path: Path, evil: Path, marker: Path
) -> None:
    trap = UserRepository.make(tmp_path / "trap")
    plant(trap.path, evil)
    shutil.rmtree(work.tree / ".git")
    work.write(".git", f"gitdir: {trap.path}/.git\n")
    work.write("a.txt", "changed\n")
    await all_that_the_host_does(work)
    shutil.rmtree(work.tree / ".git")
    os.symlink(trap.path / ".git", work.tree / ".git")
    saved = await work.workspace.save()
    assert [c.path for c in await work.repository.stat(work.base.commit, saved.commit)] == ["a.txt"]
    assert not marker.exists()


async def test_a_bare_repository_among_the_files_is_only_files(work: Opened, evil: Path, marker: Path) -> None:
    for name, text in (
        ("HEAD", "ref: refs/heads/main\n"),
        ("config", f"[core]\n\tbare = true\n\tfsmonitor = {evil}\n"),
    ):
        work.write(name, text)
        work.write(f"sub/{name}", text)
    for name in ("objects", "refs"):
        work.write(f"{name}/keep", "")
        work.write(f"sub/{name}/keep", "")
    await all_that_the_host_does(work)
    assert set(await work.changed()) >= {"HEAD", "config", "sub/config", "refs/keep"}
    assert not marker.exists()


async def test_links_lead_neither_reading_nor_writing_out_of_the_tree(work: Opened, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    os.symlink(outside, work.tree / "folder")
    os.symlink(outside / "secret.txt", work.tree / "file")
    os.symlink(outside / "secret.txt", work.tree / ".gitignore")
    saved = await work.workspace.save()
    assert await work.content(saved, "folder") == os.fsencode(outside)
    assert await work.content(saved, "file") == os.fsencode(outside / "secret.txt")
    (work.tree / "folder").unlink()
    work.write("folder/secret.txt", "mine")
    await work.workspace.save()
    await work.workspace.restore(work.base, saved)
    assert (outside / "secret.txt").read_text() == "secret"
    assert sorted(p.name for p in outside.iterdir()) == ["secret.txt"]


@pytest.fixture
async def work(user: UserRepository, tmp_path: Path) -> Opened:
    """A workspace of a.txt."""
    return await opened(user.path, tmp_path)


async def test_very_many_oddities_are_counted_and_not_listed(work: Opened) -> None:
    for i in range(2000):
        os.mkfifo(work.tree / f"pipe{i:04}")
    await work.workspace.save()
    assert len(work.workspace.skipped) == 101
    assert work.workspace.skipped[0] == "pipe0000: neither a file nor a link"
    assert work.workspace.skipped[99:] == ("pipe0099: neither a file nor a link", "and 1900 more")


def test_what_lies_below_a_hidden_folder_is_found_without_looking_at_every_pair() -> None:
    class Counted(bytes):
        compared = 0

        def __eq__(self, other: object) -> bool:
            Counted.compared += 1
            return bytes.__eq__(self, other)

        __hash__ = bytes.__hash__

    found = Found(hidden={Counted(b"folder%d/" % i) for i in range(2000)} | {b"file", b"a/b/"})
    Counted.compared = 0
    assert all(found.hides(b"folder%d/deep/file" % i) for i in range(2000))
    assert Counted.compared < 10_000
    assert [found.hides(p) for p in (b"file", b"a/b/c", b"a/b", b"files", b"a/bc/d", b"x/file")] == [
        True, True, False, False, False, False,
    ]  # fmt: skip


async def test_very_many_ignore_rules_are_cut_and_it_is_said(work: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "RULES_PER_FILE", 50)
    monkeypatch.setattr(found, "RULES", 80)
    for folder in ("a", "b", "c"):
        rules = "# a comment\n\n" + "".join(f"*.{i}\n" for i in range(60 if folder == "a" else 30))
        work.write(f"{folder}/.gitignore", rules)
        for i in (0, 29, 55):
            work.write(f"{folder}/file.{i}", "x")
    changed = await work.changed()
    assert {name for name in changed if "file" in name} == {
        "a/file.55", "b/file.55", "c/file.0", "c/file.29", "c/file.55"
    }  # fmt: skip
    cut = "so many rules that only the first count"
    assert work.workspace.skipped == (f"a/.gitignore: {cut}", f"c/.gitignore: {cut}")
    work.write("d/.gitignore", "#" * (2 << 20))
    await work.workspace.save()
    assert work.workspace.skipped[-1] == "d/.gitignore: larger than 1 MiB, so its rules do not count"


async def test_one_checkpoint_takes_only_so_much_and_says_what_it_left(
    work: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, "MOST_NEW", 5 << 20)
    monkeypatch.setattr(stamps, "CLOCK_NS", -(1 << 60))  # what was read just now need not be read again
    for name in ("x1", "x2", "x3", "a.txt"):
        with open(work.tree / name, "wb") as file:
            file.truncate(2 << 20)  # all hole: it costs the disk nothing, and reading it as much as any
    assert await work.changed() == {"a.txt": "M", "x1": "A"}
    assert [line.partition(":")[0] for line in work.workspace.skipped] == ["x2", "x3"]
    assert await work.changed() == {"a.txt": "M", "x1": "A", "x2": "A", "x3": "A"}
    assert work.workspace.skipped == ()
