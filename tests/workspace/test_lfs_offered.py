"""What a task offers of Git LFS: pointers as git-lfs writes them, for what the offered tree itself gives to it."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from midwatch.domain.evidence import Checkpoint
from midwatch.workspace import lfs_offered
from midwatch.workspace.checkout import Workspace
from midwatch.workspace.extras import Wanted
from midwatch.workspace.lfs import parse, place, pointer_of
from midwatch.workspace.lfs_offered import added, bring, folder_in, pointed
from midwatch.workspace.location import locate
from tests.support.repositories import Opened, UserRepository, git, opened

LFS = "*.png filter=lfs diff=lfs merge=lfs -text\n"
BIG = b"\x00large " * 200_000
FILES: dict[str, bytes] = {
    "new.png": BIG, "art/same.png": BIG, "empty.png": b"", "kept/plain.png": b"plain\n", "sound.wav": b"sound\n",
    "p.png": pointer_of("a" * 64, 7), "odd.png": b"version https://git-lfs.github.com/spec/v1\next-0-x sha256:1\n",
    "words.txt": b"words\n", "quote\"\n.png": b"quote\n",
}  # fmt: skip
POINTERS = {"new.png", "art/same.png", "sound.wav", 'quote"\n.png'}
"""Those that a tree has in the place of contents, where it gives *.png and *.wav to LFS."""


def oid(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def made(work: Opened, *, wanted: bool = False) -> dict[str, bytes]:
    """What is offered of the workspace as it is now, by path. All of its pointers are found again."""
    saved = await work.workspace.save()
    tree = await pointed(work.repository, work.base, saved.tree, wanted=wanted)
    assert tree == await pointed(work.repository, work.base, saved.tree, wanted=wanted)
    found = {}
    for entry in (await work.repository.git.run("ls-tree", "-r", "-z", tree)).split(b"\0")[:-1]:
        about, _, path = entry.partition(b"\t")
        found[path.decode()] = await work.repository.git.run("cat-file", "blob", about.split()[2])
    pointers = dict(pointer for data in found.values() if (pointer := parse(data)))
    assert await added(work.repository.git, work.repository.git_dir, work.base.commit, tree) == pointers
    return found


@pytest.mark.parametrize("form", ["sha1", "sha256"])
async def test_what_the_offered_tree_gives_to_lfs_becomes_pointers_as_the_program_writes_them(
    form: str, tmp_path: Path
) -> None:
    git(tmp_path, "init", "-q", "-b", "main", f"--object-format={form}", "project")
    user = UserRepository(tmp_path / "project")
    user.write(".gitattributes", LFS)
    user.commit()
    work = await opened(user.path, tmp_path)
    for name, data in FILES.items():
        work.write(name, data)
    work.write(".gitattributes", LFS + "[attr]heavy filter=lfs\n*.wav heavy\n")
    work.write("kept/.gitattributes", "*.png -filter\n")
    offered = await made(work)
    for name, data in FILES.items():
        assert offered[name] == (pointer_of(oid(data), len(data)) if name in POINTERS else data), name
    store = work.repository.git_dir
    kept = sorted(path.name for path in folder_in(store).rglob("*") if path.is_file())
    assert kept == sorted({oid(FILES[name]) for name in POINTERS})
    assert list(store.glob("lfs-*")) == []
    assert place(folder_in(store), oid(BIG)).read_bytes() == BIG
    assert (await work.repository.git.run("show", f"{work.workspace.checkpoint.tree}:new.png")) == BIG, "in checkpoints"


async def test_a_repository_without_lfs_gets_it_only_where_its_recipe_wants_it(
    user: UserRepository, tmp_path: Path
) -> None:
    work = await opened(user.path, tmp_path)
    work.write(".gitattributes", LFS)
    work.write("new.png", BIG)
    assert (await made(work))["new.png"] == BIG
    assert not folder_in(work.repository.git_dir).exists()
    assert parse((await made(work, wanted=True))["new.png"]) == (oid(BIG), len(BIG))


async def test_a_persons_repository_gets_the_objects_where_git_lfs_looks(user: UserRepository, tmp_path: Path) -> None:
    user.write(".gitattributes", LFS)
    user.commit()
    work = await opened(user.path, tmp_path)
    work.write("new.png", BIG)
    work.write("lost.png", pointer_of("b" * 64, 9))
    saved = await work.workspace.save()
    store, base = work.repository.git_dir, work.base
    tree = await pointed(work.repository, base, saved.tree, wanted=False)
    assert await added(work.repository.git, store, base.tree, tree) == {oid(BIG): len(BIG), "b" * 64: 9}
    user.git("config", "lfs.storage", "elsewhere")
    person = await locate(str(user.path))
    for _ in range(2):
        await bring(person, store, base.tree, tree)
        files = [path for path in (user.path / ".git/elsewhere").rglob("*") if path.is_file()]
        assert [(path.name, path.read_bytes()) for path in files] == [(oid(BIG), BIG)]
    if shutil.which("git-lfs") is not None:
        (user.path / "new.png").write_bytes(pointer_of(oid(BIG), len(BIG)))
        smudge = "git-lfs smudge < new.png"
        assert git(user.path, "-c", f"alias.smudged=!{smudge}", "smudged").encode() == BIG
    assert lfs_offered.folder_in(store).is_dir()


async def test_work_that_begins_as_an_offer_has_its_contents_in_the_box_and_stays_as_it_is(
    user: UserRepository, tmp_path: Path
) -> None:
    user.write(".gitattributes", LFS)
    user.commit()
    work = await opened(user.path, tmp_path)
    work.write("new.png", BIG)
    work.write("lost.png", pointer_of("b" * 64, 9))
    repository, base = work.repository, work.base
    tree = await pointed(repository, base, (await work.workspace.save()).tree, wanted=False)
    offered = Checkpoint(tree, await repository.commit(tree, base.commit, "offered\n", "2026-01-01T00:00:00Z"))
    later = Workspace(repository, tmp_path / "later", fuse=False, wanted=Wanted(lfs=True))
    await later.restore(base, offered)
    assert (later.tree / "new.png").read_bytes() == BIG
    assert (later.tree / "lost.png").read_bytes() == pointer_of("b" * 64, 9)
    os.utime(later.tree / "new.png")
    assert await later.save() == offered
    (later.tree / "new.png").write_bytes(BIG + b"!")
    saved = await later.save()
    assert await repository.git.run("show", f"{saved.tree}:new.png") == BIG + b"!"
    await later.remove()
