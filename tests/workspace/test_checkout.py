"""Restoring a workspace: exactly the files of the checkpoint, whatever was there before."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, OperationError
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.deletion import discarded
from midwatch.workspace.repository import Repository
from tests.support.repositories import UserRepository, git, opened


def listing(tree: Path) -> dict[bytes, tuple[str, bytes]]:
    """Mode and content of everything in a tree, but for `.git` at its top."""
    found = {}
    for folder, folders, files in os.walk(os.fsencode(tree)):
        if folder == os.fsencode(tree):
            folders.remove(b".git")
        for name in files + [f for f in folders if os.path.islink(os.path.join(folder, f))]:
            path = os.path.join(folder, name)
            link = os.path.islink(path)
            content = os.readlink(path) if link else Path(os.fsdecode(path)).read_bytes()
            mode = "link" if link else "x" if os.stat(path).st_mode & 0o100 else "-"
            found[os.path.relpath(path, os.fsencode(tree))] = (mode, content)
    return found


async def test_a_tree_has_exactly_the_bytes_and_modes_of_the_commit(user: UserRepository, tmp_path: Path) -> None:
    files = {
        b"caf\xe9 \xff": b"latin", b"new\nline": b"", b'quo"te\\': b"q", "ümläut/☃".encode(): b"snow",
        b"binary": bytes(range(256)) * 8, b"crlf.txt": b"a\r\nb\r\n", b"mixed.txt": b"a\r\nb\n",
        b"ident.txt": b"$Id$\n", b"-dash": b"-", b"utf16.txt": "x\ny".encode("utf-16"), b"empty": b"",
    }  # fmt: skip
    for name, content in files.items():
        user.write(name, content)
    user.write("run.sh", "#!/bin/sh\n", 0o755)
    os.symlink("/etc/passwd", user.path / "outside")
    os.symlink("../../..", user.path / "up")
    os.symlink(b"\xff not there", os.fsencode(user.path / "broken"))
    user.commit()
    attributes = (
        "* text=auto eol=crlf\nident.txt ident\nutf16.txt working-tree-encoding=UTF-16\n*.sh filter=evil diff=evil\n"
    )
    user.write(".gitattributes", attributes)
    user.git("-c", "core.attributesFile=/dev/null", "add", ".gitattributes")
    user.git("commit", "-q", "-m", "attributes")
    work = await opened(user.path, tmp_path)
    expected = {name: ("-", content) for name, content in files.items()}
    expected |= {b"a.txt": ("-", b"one\ntwo\nthree\n"), b".gitattributes": ("-", attributes.encode())}
    expected |= {b"run.sh": ("x", b"#!/bin/sh\n"), b"outside": ("link", b"/etc/passwd")}
    expected |= {b"up": ("link", b"../../.."), b"broken": ("link", b"\xff not there")}
    assert listing(work.tree) == expected
    assert await work.workspace.save() == work.workspace.checkpoint
    assert work.workspace.checkpoint.commit == work.base.commit
    assert work.workspace.skipped == ()


async def test_git_inside_the_box_knows_the_base_and_nothing_else(user: UserRepository, tmp_path: Path) -> None:
    user.git("remote", "add", "origin", "https://secret@example.org/x")
    user.write(".git/hooks/post-checkout", "#!/bin/sh\ntouch /tmp/no\n", 0o755)
    work = await opened(user.path, tmp_path)
    assert git(work.tree, "rev-parse", "HEAD") == work.base.commit
    assert git(work.tree, "symbolic-ref", "HEAD") == "refs/heads/midwatch"
    assert git(work.tree, "status", "--porcelain") == ""
    assert git(work.tree, "remote") == ""
    assert not (work.tree / ".git" / "hooks").exists()
    assert "secret" not in (work.tree / ".git" / "config").read_text()
    work.write("b.txt", "b")
    git(work.tree, "add", "b.txt")
    git(work.tree, "commit", "-q", "-m", "in the box")
    assert git(work.tree, "log", "--format=%s") == "in the box\nfirst"
    git(work.tree, "stash", "list")
    git(work.tree, "fsck", "--connectivity-only")


async def test_a_checkpoint_comes_back_and_git_shows_it_against_the_base(user: UserRepository, tmp_path: Path) -> None:
    work = await opened(user.path, tmp_path)
    work.write("b/c.txt", "c\n")
    work.write("a.txt", "changed\n")
    saved = await work.workspace.save()
    work.write("a.txt", "lost\n")
    work.write("litter.txt", "lost\n")
    assert await work.workspace.restore(work.base, saved) == saved
    assert listing(work.tree) == {b"a.txt": ("-", b"changed\n"), b"b/c.txt": ("-", b"c\n")}
    assert git(work.tree, "status", "--porcelain") == " M a.txt\n?? b/"
    assert await work.workspace.save() == saved
    other = Workspace(work.repository, tmp_path / "another")
    await other.restore(work.base, saved)
    assert await other.save() == saved


async def test_what_the_box_left_is_removed_and_nothing_outside(user: UserRepository, tmp_path: Path) -> None:
    work = await opened(user.path, tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o750)
    (outside / "precious").write_text("kept")
    os.symlink(outside, work.tree / "link")
    os.symlink(outside, work.tree / ".git" / "link")
    for name in (b"\xff", b"-rf", b"new\nline", b"*"):
        work.write(name, b"x")
    locked = work.tree / "locked" / "inner"
    locked.mkdir(parents=True)
    (locked / "file").write_text("x")
    locked.chmod(0)
    locked.parent.chmod(0)
    await work.workspace.restore(work.base)
    assert listing(work.tree) == {b"a.txt": ("-", b"one\ntwo\nthree\n")}
    assert (outside / "precious").read_text() == "kept"
    assert stat.S_IMODE(outside.stat().st_mode) == 0o750
    assert sorted(p.name for p in work.workspace.folder.iterdir()) == ["tree"]


async def test_a_tree_of_any_depth_is_removed(user: UserRepository, tmp_path: Path) -> None:
    work = await opened(user.path, tmp_path)
    dig = "import os\nfor _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')\n"
    subprocess.run(["python3", "-c", dig], cwd=work.tree, check=True)
    await work.workspace.save()
    assert len(work.workspace.skipped) == 1
    assert "folders deep" in work.workspace.skipped[0]
    await work.workspace.remove()
    await discarded()
    await work.workspace.remove()
    assert not work.workspace.folder.exists()


async def test_a_tree_replaced_by_a_link_is_neither_followed_nor_saved(user: UserRepository, tmp_path: Path) -> None:
    work = await opened(user.path, tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("kept")
    shutil.rmtree(work.tree)
    os.symlink(outside, work.tree)
    with pytest.raises(OperationError):
        await work.workspace.save()
    await work.workspace.restore(work.base)
    assert (outside / "precious").exists()
    assert listing(work.tree) == {b"a.txt": ("-", b"one\ntwo\nthree\n")}


async def test_an_interrupted_restore_is_made_good_by_the_next(user: UserRepository, tmp_path: Path) -> None:
    work = await opened(user.path, tmp_path)
    (work.workspace.folder / "index.lock").touch()
    (work.workspace.folder / "index").write_bytes(b"half")
    (work.workspace.folder / "old-x" / "tree").mkdir(parents=True)
    (work.tree / "a.txt").unlink()
    await work.workspace.restore(work.base)
    assert listing(work.tree) == {b"a.txt": ("-", b"one\ntwo\nthree\n")}
    assert sorted(p.name for p in work.workspace.folder.iterdir()) == ["tree"]


async def test_what_a_box_left_in_its_tmp_and_home_is_removed(user: UserRepository, tmp_path: Path) -> None:
    work = await opened(user.path, tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("kept")
    private = work.workspace.folder / "private"
    (private / "tmp").mkdir(parents=True, mode=0o700)
    (private / "tmp" / "half-an-effect").write_text("x")
    os.symlink(outside, private / "home")
    (private / "locked").mkdir(mode=0)
    await work.workspace.restore(work.base)
    assert not private.exists()
    os.symlink(outside, private)
    await work.workspace.restore(work.base)
    assert not os.path.lexists(private)
    assert (outside / "precious").exists()


async def test_a_state_folder_that_cannot_be_written_is_said(user: UserRepository, tmp_path: Path) -> None:
    repository = await Repository.open(tmp_path / "state", str(user.path))
    base = await repository.resolve(None)
    (tmp_path / "file").write_text("")
    with pytest.raises(OperationError, match="cannot be written") as caught:
        await Workspace(repository, tmp_path / "file" / "attempt").restore(base)
    assert not isinstance(caught.value, InputError)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
async def test_files_are_handed_to_the_owner_of_the_box(user: UserRepository, tmp_path: Path) -> None:
    os.symlink("/etc/passwd", user.path / "link")
    user.write("d/e.txt", "e")
    user.commit()
    before = os.stat("/etc/passwd").st_uid
    repository = await Repository.open(tmp_path / "state", str(user.path))
    base = await repository.resolve(None)
    workspace = Workspace(repository, tmp_path / "attempt", (12345, 12346))
    await workspace.restore(base)
    for folder, folders, files in os.walk(workspace.folder / "tree"):
        for name in [*folders, *files, "."]:
            status = os.lstat(os.path.join(folder, name))
            assert (status.st_uid, status.st_gid) == (12345, 12346)
    assert os.stat("/etc/passwd").st_uid == before
    assert await workspace.save() == workspace.checkpoint
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", "--no-optional-locks", "status", "--porcelain"],
        cwd=workspace.tree, capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout == b""
