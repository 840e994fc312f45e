"""A workspace of layers: whatever a box left in the upper folder, and whom the files belong to."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from midwatch.domain.errors import OperationError
from midwatch.domain.evidence import Checkpoint
from midwatch.sandbox.spec import Overlay
from midwatch.workspace import part
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.deletion import delete, discarded
from midwatch.workspace.fused import possible
from midwatch.workspace.repository import Repository
from tests.support.insides import Inside
from tests.support.insides import overlay as overlay
from tests.support.merged import shown
from tests.support.repositories import Opened, UserRepository


@pytest.fixture
async def work(user: UserRepository, tmp_path: Path) -> Opened:
    """A workspace of layers."""
    user.write("keep/one", "1")
    user.write("keep/two", "2")
    user.commit()
    repository = await Repository.open(tmp_path / "state", str(user.path))
    base = await repository.resolve(None)
    workspace = Workspace(repository, tmp_path / "attempts" / "one", overlay=True)
    await workspace.restore(base)
    return Opened(repository, base, workspace)


def upper(work: Opened) -> UserRepository:
    """For writing to the upper folder by hand."""
    return UserRepository(work.workspace.folder / "upper")


async def test_it_is_empty_at_first_and_lies_over_the_shared_checkout(work: Opened) -> None:
    spec = work.workspace.spec()
    assert isinstance(spec, Overlay)
    assert list(spec.upper.iterdir()) == list(spec.work.iterdir()) == []
    assert spec.lower[0].parts[-4:] == ("bases", work.repository.git_dir.stem, work.base.commit, "tree")
    assert set(shown(spec)) == {".", "a.txt", "keep", "keep/one", "keep/two"}
    assert await work.workspace.save() == work.workspace.checkpoint


@pytest.mark.usefixtures("overlay")
async def test_git_inside_sees_the_change_and_its_commits_are_not_kept(work: Opened) -> None:
    inside = Inside(work.workspace)
    assert inside.sh("git status --porcelain; git log --format=%s") == "more\nfirst\n"
    inside.sh("echo x > a.txt; git add a.txt; git commit -q -m inside; git gc -q; git checkout -q -b other")
    saved = await work.workspace.save()
    await work.workspace.restore(work.base, saved)
    assert Inside(work.workspace).sh("git status --porcelain; git log --format=%s") == " M a.txt\nmore\nfirst\n"
    spec = work.workspace.spec()
    assert isinstance(spec, Overlay)
    assert not (spec.lower[0] / ".git" / "logs").exists()


async def test_links_lead_neither_reading_nor_writing_out_of_the_upper_folder(work: Opened, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "one").write_text("secret")
    (outside / ".gitignore").write_text("*")
    os.symlink(outside, upper(work).path / "keep")
    os.symlink(outside / ".gitignore", upper(work).path / ".gitignore")
    upper(work).write("new", "n")
    saved = await work.workspace.save()
    assert await work.changed() == {".gitignore": "A", "keep": "A", "keep/one": "D", "keep/two": "D", "new": "A"}
    assert await work.content(saved, "keep") == os.fsencode(outside)
    shutil.rmtree(upper(work).path)
    os.symlink(outside, upper(work).path)
    with pytest.raises(OperationError):
        await work.workspace.save()
    await work.workspace.restore(work.base, saved)
    assert sorted(path.name for path in outside.iterdir()) == [".gitignore", "one"]
    assert (outside / "one").read_text() == "secret"


@pytest.mark.parametrize("fuse", [False, True])
async def test_permissions_are_set_through_no_link_of_a_lower_layer(
    work: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fuse: bool
) -> None:
    if fuse and not possible():
        pytest.skip("fuse-overlayfs cannot be had here")
    outside, layer = tmp_path / "outside", tmp_path / "layer"
    outside.mkdir()
    layer.mkdir()
    (outside / "big").write_text("secret")
    (outside / "big").chmod(0o600)
    (layer / "link").symlink_to(outside)
    plain = Workspace(work.repository, tmp_path / "attempts" / "two", fuse=fuse)
    await plain.restore(work.base, layers=(layer,))
    (plain.tree / "link").unlink()
    UserRepository(plain.tree).write(".gitignore", "link/\n")
    UserRepository(plain.tree).write("link/big", "larger than what is kept of ignored files", 0o666)
    monkeypatch.setattr(part, "LARGEST_IGNORED", 20)
    saved = await plain.save()
    assert any("link/big" in line for line in plain.skipped)
    await plain.restore(work.base, saved, layers=(layer,))
    assert stat.S_IMODE((outside / "big").stat().st_mode) == 0o600
    await plain.remove()


@pytest.mark.skipif(not possible(), reason="fuse-overlayfs cannot be had here")
async def test_what_fuse_overlayfs_has_mounted_below_is_unmounted_before_it_is_deleted(
    work: Opened, tmp_path: Path
) -> None:
    outer = Workspace(work.repository, tmp_path / "attempts" / "o d\nd", overlay=True)
    await outer.restore(work.base)
    inner = Workspace(work.repository, outer.folder / "check", fuse=True)
    await inner.restore(work.base)
    assert (inner.tree / "a.txt").read_text()
    await outer.remove()
    await discarded()
    assert not outer.folder.exists()
    inner = Workspace(work.repository, tmp_path / "left", fuse=True)
    await inner.restore(work.base)
    delete(inner.folder)
    assert not inner.folder.exists()


async def test_what_is_neither_file_nor_link_hides_the_base_and_is_said(work: Opened) -> None:
    os.mkfifo(upper(work).path / "a.txt")
    upper(work).write("keep/x", "x")
    os.mkfifo(upper(work).path / "keep" / ".gitignore")
    assert await work.changed() == {"a.txt": "D", "keep/x": "A"}
    assert set(work.workspace.skipped) == {
        "a.txt: neither a file nor a link", "keep/.gitignore: neither a file nor a link",
    }  # fmt: skip


async def test_what_a_box_writes_as_an_attribute_or_a_name_of_overlayfs_means_nothing(work: Opened) -> None:
    upper(work).write("new/.wh.a.txt", "w")
    os.setxattr(upper(work).path / "new", "user.overlay.redirect", b"/keep")
    os.setxattr(upper(work).path / "new/.wh.a.txt", "user.overlay.metacopy", b"")
    assert await work.changed() == {"new/.wh.a.txt": "A"}


async def test_a_file_too_large_leaves_the_base_as_it_was(work: Opened) -> None:
    upper(work).write("a.txt", "")
    os.truncate(upper(work).path / "a.txt", 3 << 30)
    assert await work.changed() == {}
    assert work.workspace.skipped == ("a.txt: larger than 2 GiB",)


async def test_something_of_the_base_that_shows_again_is_in_the_tree_again(work: Opened) -> None:
    for name in ("keep", "a.txt"):
        os.mknod(upper(work).path / name, stat.S_IFCHR, 0)
    upper(work).write("new", "n")
    assert await work.changed() == {"a.txt": "D", "keep/one": "D", "keep/two": "D", "new": "A"}
    (upper(work).path / "keep").unlink()
    assert await work.changed() == {"a.txt": "D", "new": "A"}
    (upper(work).path / "a.txt").unlink()
    upper(work).write("a.txt", "changed")
    assert await work.changed() == {"a.txt": "M", "new": "A"}
    (upper(work).path / "a.txt").unlink()
    assert await work.changed() == {"new": "A"}
    (upper(work).path / "new").unlink()
    assert (await work.workspace.save()).tree == work.base.tree


async def test_whatever_lies_there_is_deleted_and_nothing_outside(work: Opened, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("kept")
    dig = "import os\nfor _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')\n"
    subprocess.run(["python3", "-c", dig], cwd=upper(work).path, check=True)
    await work.workspace.save()
    assert len(work.workspace.skipped) == 1
    os.symlink(outside, upper(work).path / "link")
    locked = work.workspace.folder / "work" / "work"
    locked.mkdir()
    locked.chmod(0)
    upper(work).path.chmod(0)
    await work.workspace.restore(work.base)
    assert list(upper(work).path.iterdir()) == []
    await work.workspace.remove()
    await discarded()
    await work.workspace.remove()
    assert list(work.workspace.folder.parent.iterdir()) == []
    assert (outside / "precious").read_text() == "kept"


async def test_a_checkpoint_is_the_start_of_another_attempt_and_of_a_way_back(work: Opened) -> None:
    upper(work).write("a.txt", "one")
    first = await work.workspace.save()
    upper(work).write("a.txt", "two")
    second = await work.workspace.save()
    other = Workspace(work.repository, work.workspace.folder.with_name("two"), overlay=True)
    await other.restore(work.base, first)
    UserRepository(other.folder / "upper").write("b.txt", "b")
    forked = await other.save()
    await work.workspace.restore(work.base, first)
    upper(work).write("b.txt", "b")
    assert await work.workspace.save() == forked
    await work.workspace.restore(work.base, second)
    assert await work.content(work.workspace.checkpoint, "a.txt") == b"two"
    assert await work.changed() == {"a.txt": "M"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
async def test_all_that_is_laid_out_belongs_to_the_box_and_the_checkout_does_not(work: Opened, tmp_path: Path) -> None:
    upper(work).write("new/deep/file", "f", 0o2755)
    upper(work).write("build.log", "b")
    os.symlink("/etc/passwd", upper(work).path / "link")
    os.mknod(upper(work).path / "keep", stat.S_IFCHR, 0)
    (upper(work).path / "void").mkdir()
    saved: Checkpoint = await work.workspace.save()
    for layered in (True, False):
        given = Workspace(work.repository, tmp_path / "attempts" / str(layered), (12345, 12346), overlay=layered)
        await given.restore(work.base, saved)
        top = given.folder / ("upper" if layered else "tree")
        for path in (top, *(path for path in top.rglob("*"))):
            status = path.lstat()
            assert (status.st_uid, status.st_gid) == (12345, 12346), path
        assert stat.S_IMODE((top / "new/deep/file").stat().st_mode) == 0o2755
        assert await given.save() == saved
        assert shown(given.spec()) == shown(work.workspace.spec())
    assert os.stat("/etc/passwd").st_uid == 0
    spec = work.workspace.spec()
    assert isinstance(spec, Overlay)
    assert (spec.lower[0] / "a.txt").stat().st_uid == 0
