"""What is kept beside the work: ignored files and all that git cannot say, and nothing of it in what is offered."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from midwatch.domain.evidence import Checkpoint
from midwatch.workspace import found, part
from midwatch.workspace.aside import Listing, decoded, original, plain
from midwatch.workspace.checkout import Workspace
from tests.support.merged import shown
from tests.support.repositories import Opened, UserRepository, git, opened


@pytest.fixture
async def work(user: UserRepository, tmp_path: Path) -> Opened:
    """A workspace of a.txt and an ignore file."""
    user.write(".gitignore", "build/\n*.log\n")
    user.commit()
    return await opened(user.path, tmp_path)


async def elsewhere(work: Opened, checkpoint: Checkpoint) -> Workspace:
    """The checkpoint in another place."""
    workspace = Workspace(work.repository, work.workspace.folder.with_name("elsewhere"), overlay=True)
    await workspace.restore(work.base, checkpoint)
    return workspace


async def test_a_virtual_environment_comes_back_and_is_not_offered(work: Opened) -> None:
    work.write(".venv/bin/python", "#!", 0o755)
    os.symlink("python", work.tree / ".venv/bin/python3")
    work.write(".venv/lib/x.py", "x")
    (work.tree / ".venv/include").mkdir()
    work.write("a.txt", "changed\n")
    assert await work.changed() == {"a.txt": "M"}
    workspace = await elsewhere(work, work.workspace.checkpoint)
    assert shown(workspace.spec()) == shown(work.workspace.spec())
    assert ".venv/include" in shown(workspace.spec())


async def test_only_the_work_is_laid_out_where_that_is_asked_for(work: Opened) -> None:
    work.write("x.log", "one")
    work.write("a.txt", "changed\n", 0o600)
    saved = await work.workspace.save()
    for layered in (True, False):
        workspace = Workspace(work.repository, work.workspace.folder.with_name("check"), overlay=layered)
        assert await workspace.restore(work.base, saved, work_only=True) == saved
        assert set(shown(workspace.spec())) == {".", ".gitignore", "a.txt"}
        assert shown(workspace.spec())["a.txt"][1] == 0o644
        assert await workspace.save() == saved


async def test_a_change_of_ignored_files_alone_is_a_checkpoint_with_the_same_tree(work: Opened) -> None:
    first = work.workspace.checkpoint
    work.write("x.log", "one")
    one = await work.workspace.save()
    work.write("x.log", "two")
    two = await work.workspace.save()
    assert first.tree == one.tree == two.tree
    assert len({first.commit, one.commit, two.commit}) == 3
    assert await work.workspace.save() == two
    (work.tree / "x.log").unlink()
    three = await work.workspace.save()
    assert len((await work.repository.git.run("rev-list", "--parents", "-1", three.commit)).split()) == 2
    assert "x.log" not in shown((await elsewhere(work, three)).spec())
    assert shown((await elsewhere(work, one)).spec())["x.log"] != shown((await elsewhere(work, two)).spec())["x.log"]


async def test_checkpoints_of_earlier_releases_and_merged_bases_have_nothing_beside(
    user: UserRepository, tmp_path: Path
) -> None:
    user.git("checkout", "-q", "-b", "side")
    user.write("s.txt", "s")
    user.commit()
    user.git("checkout", "-q", "main")
    user.git("merge", "-q", "--no-ff", "-m", "ignored files", "side")
    work = await opened(user.path, tmp_path)
    assert await work.workspace.save() == work.workspace.checkpoint
    commit = await work.repository.commit(
        user.git("rev-parse", "side~1^{tree}"), work.base.commit, "checkpoint", "2020-01-01"
    )
    old = Checkpoint(user.git("rev-parse", "side~1^{tree}"), commit)
    await work.workspace.restore(work.base, old)
    assert set(shown(work.workspace.spec())) == {".", "a.txt"}
    assert await work.workspace.save() == old


async def test_too_much_that_is_ignored_is_left_out_and_said(work: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "LARGEST_IGNORED", 1 << 20)
    monkeypatch.setattr(part, "MOST_IGNORED", 3 << 19)
    for name, size in (("build/a", 1 << 20), ("build/b", 1 << 20), ("build/huge", 1 << 21), ("new", 1 << 21)):
        work.write(name, bytes(size))
    assert await work.changed() == {"new": "A"}
    assert [line.partition(":")[0] for line in work.workspace.skipped] == ["build/b", "build/huge"]
    assert work.workspace.skipped[1] == "build/huge: ignored, and larger than 1 MiB"
    assert {"build/a", "new"} <= set(shown((await elsewhere(work, work.workspace.checkpoint)).spec()))


async def test_very_many_files_are_cut_and_it_is_said(work: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "MOST_FILES", 20)
    for number in range(30):
        work.write(f"new/{number}", "n")
        work.write(f"build/{number}", "b")
    assert len(await work.changed()) == 20
    assert len(work.workspace.skipped) == 20
    assert work.workspace.skipped[0].endswith("more than 20 files")


async def test_the_store_stays_sound_with_any_name_beside_the_work(work: Opened) -> None:
    for name in (b".git/config", b"git~1", b".GIT", b"%", b"%.git", b"a\nb", b"\xff", b".gitmodules", b'"q"'):
        work.write(b"build/" + name, name)
    os.symlink("x", work.tree / "build" / ".gitattributes")
    saved = await work.workspace.save()
    assert work.workspace.skipped == ()
    assert "error" not in git(work.repository.git_dir, "fsck", "--strict", "--no-dangling")
    assert shown((await elsewhere(work, saved)).spec()) == shown(work.workspace.spec())


async def test_modes_of_folders_that_forbid_everything_come_back(work: Opened) -> None:
    work.write("locked/inner/file", "f")
    work.write("build/secret", "s", 0)
    for name in ("locked/inner", "locked"):
        (work.tree / name).chmod(0)
    saved = await work.workspace.save()
    workspace = await elsewhere(work, saved)
    try:
        top = workspace.folder / "upper"
        assert stat.S_IMODE((top / "locked").lstat().st_mode) == 0
        assert stat.S_IMODE((top / "build/secret").lstat().st_mode) == 0
        assert await workspace.save() == saved
    finally:
        (work.tree / "locked").chmod(0o755)
    await workspace.remove()
    assert not workspace.folder.exists()


@pytest.mark.parametrize("path", [b"a/b", b".git/x", b"%/%25", b"GIT~1/.gitx", b"\xff\n/ ", "x/.g\u200cit".encode()])
def test_names_are_written_so_that_they_can_be_read_back(path: bytes) -> None:
    assert original(plain(path)) == path


def test_the_list_can_be_read_back_and_one_of_the_future_is_refused() -> None:
    listing = Listing({b"a b\n": 0o640, b"": 0o700}, frozenset({b"e"}), frozenset({b"g h"}))
    assert decoded(listing.encoded()) == listing
    with pytest.raises(ValueError, match="unknown form"):
        decoded(b"midwatch 2\0")
