"""Git LFS on the way out: what a task offers has pointers where its attributes want them, and the contents lie beside.

Checkpoints hold a file as it was in the box. Only what is offered is made as git-lfs would have made it, and git-lfs
itself is never started: attributes that were written in a box choose no program.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from midwatch.domain.errors import OperationError
from midwatch.domain.task import Base
from midwatch.engine.disk import full_or_broken, keep
from midwatch.workspace import lfs, objects, writing
from midwatch.workspace.edited import Edited
from midwatch.workspace.git import Git
from midwatch.workspace.lfs_sources import folder_of
from midwatch.workspace.lfs_transfer import begin, write
from midwatch.workspace.location import Place
from midwatch.workspace.names import shown
from midwatch.workspace.raw import contents, reading
from midwatch.workspace.repository import Repository
from midwatch.workspace.stamps import EXECUTABLE, FILE
from midwatch.workspace.stored import Blobs

_LOOKS_LIKE_A_POINTER = re.compile(rb"version https?://(?:git-lfs|hawser)\.github\.com/spec/")
_LONGEST = 1024
"""Bytes. A file that begins so and is no longer is a pointer to git-lfs, perhaps of another kind than ours."""
_PIECE = 1 << 20
_LONG = 120
"""Seconds."""


def folder_in(store: Path) -> Path:
    """The store's own folder of objects; it need not exist."""
    return store / "lfs" / "objects"


async def pointed(repository: Repository, base: Base, tree: str, *, wanted: bool) -> str:
    """The tree with a pointer for each file that differs from the base and that its attributes give to LFS; the
    contents are in the store's folder of objects then, also after a power cut. The tree itself where there is no such
    file, or the base says nothing of LFS and it is not `wanted` either. The same arguments give the same tree. Costs a
    copy of these files. Raises OperationError, StoreError for a full disk."""
    if tree == base.tree or not (wanted or await _speaks_of_lfs(repository.git, base.commit)):
        return tree
    git, store = repository.git, repository.git_dir
    changed = await _changed(git, base.tree, tree)
    changed = {path: changed[path] for path in await _given(git, store, tree, list(changed))}
    if not changed:
        return tree
    sizes = await _sizes(git, {blob for _, blob in changed.values()})
    try:
        pointers = await asyncio.to_thread(_taken, git, store, [blob for blob, size in sizes.items() if size])
        return await asyncio.to_thread(_with, repository, tree, changed, pointers)
    except OSError as error:
        raise full_or_broken(store, error) from error


async def added(git: Git, store: Path, old: str, new: str) -> dict[str, int]:
    """The objects (size by SHA-256) whose pointers a commit or tree has and another has not: of files that its
    attributes give to LFS. Raises GitError."""
    changed = await _changed(git, old, new)
    return dict((await _pointers_among(git, store, new, changed)).values())


async def pointers_in(repository: Repository, tree: str, files: Blobs) -> lfs.Pointers:
    """Those of a tree's files that are pointers to objects which the store has: by path, as for the base. A change that
    began as an earlier task's offer has some."""
    folder = folder_in(repository.git_dir)
    if not folder.is_dir():
        return {}
    changed = {os.fsdecode(path): (mode, blob) for path, (mode, blob) in files.items() if mode in (FILE, EXECUTABLE)}
    found = await _pointers_among(repository.git, repository.git_dir, tree, changed)
    there = {path: (oid, size) for path, (oid, size) in found.items() if lfs.place(folder, oid).is_file()}
    return {os.fsencode(path): (changed[path][1], oid, size) for path, (oid, size) in there.items()}


async def _pointers_among(
    git: Git, store: Path, tree: str, files: Mapping[str, tuple[bytes, str]]
) -> dict[str, tuple[str, int]]:
    """SHA-256 and size by path, of those of its files that a commit or tree gives to LFS and that are pointers."""
    sizes = await _sizes(git, {blob for _, blob in files.values()})
    short = {path: blob for path, (_, blob) in files.items() if 0 < sizes.get(blob, 0) <= lfs.LONGEST}
    if not short:
        return {}
    parsed = await asyncio.to_thread(_parsed, git, set(short.values()))
    found = {path: parsed[blob] for path, blob in short.items() if blob in parsed}
    return {path: found[path] for path in await _given(git, store, tree, list(found))}


async def _given(git: Git, store: Path, tree: str, paths: list[str]) -> list[str]:
    """As `given_to_lfs`, for attributes that a box has written: they may be many, and match slowly."""
    try:
        async with asyncio.timeout(_LONG):
            return await lfs.given_to_lfs(git, store, tree, paths)
    except TimeoutError:
        raise OperationError(
            f"it takes more than {_LONG} s to tell which of the changed files .gitattributes gives to Git LFS",
            "have the task make these files simpler, or change fewer",
        ) from None


async def bring(place: Place, store: Path, old: str, new: str) -> None:
    """Have a person's repository hold the objects that `new` adds to `old`, where git-lfs has them, as far as the store
    does. May be cut off and repeated. Blocks for a copy; costs nothing for a store without LFS. Raises OperationError
    for one that is damaged, and when that repository cannot be written."""
    if not folder_in(store).is_dir():
        return
    wanted = await added(Git(git_dir=store, cwd=store), store, old, new)
    if not wanted:
        return
    target = await folder_of(place)
    try:
        await asyncio.to_thread(_copy, wanted, folder_in(store), target)
    except OSError as error:
        raise OperationError(
            f"the files of Git LFS cannot be written to {shown(target)}: {error.strerror}",
            "check its owner, its mode and the space on that disk, then `midwatch resume`",
        ) from error


async def _speaks_of_lfs(git: Git, commit: str) -> bool:
    paths = [path for path in await objects.files(git, commit) if path.rpartition("/")[2] == ".gitattributes"]
    return any(b"lfs" in text for text in (await objects.read_files(git, commit, paths)).values())


async def _changed(git: Git, old: str, new: str) -> dict[str, tuple[bytes, str]]:
    """Mode and blob by path of the ordinary files whose contents differ."""
    how = ("-r", "-z", "--raw", "--no-abbrev", "--no-renames", "--no-commit-id")
    fields = iter((await git.run("diff-tree", *how, old, new, "--")).split(b"\0"))
    found = {}
    for about in fields:
        if about.startswith(b":"):
            _, mode, was, blob, _ = about[1:].split(b" ")
            path = next(fields)
            if mode in (FILE, EXECUTABLE) and was != blob:
                found[os.fsdecode(path)] = (mode, blob.decode())
    return found


async def _sizes(git: Git, blobs: Iterable[str]) -> dict[str, int]:
    """Bytes by blob, of those that the store has."""
    names = "".join(f"{name}\n" for name in sorted(blobs)).encode()
    if not names:
        return {}
    said = (await git.run("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=names)).decode().splitlines()
    return {name: int(size) for name, size in (line.split(" ") for line in said) if size != "missing"}


def _parsed(git: Git, blobs: Iterable[str]) -> dict[str, tuple[str, int]]:
    """SHA-256 and size by blob, of those that are pointers."""
    with contents(git) as source:
        texts = {blob: b"".join(source.pieces(blob)) for blob in blobs}
    return {blob: pointer for blob, text in texts.items() if (pointer := lfs.parse(text))}


def _taken(git: Git, store: Path, blobs: Sequence[str]) -> dict[str, bytes]:
    """Have the contents of blobs in the folder of objects; their pointers by blob. Blobs that are some are left."""
    pointers: dict[str, bytes] = {}
    folders: set[Path] = set()
    with contents(git) as source:
        for blob in blobs:
            handle, name = tempfile.mkstemp(prefix="lfs-", dir=store)
            try:
                digest, size, head = hashlib.sha256(), 0, b""
                for piece in source.pieces(blob):
                    digest.update(piece)
                    size += len(piece)
                    head = (head + piece)[:_LONGEST]
                    write(handle, piece)
                if size <= _LONGEST and _LOOKS_LIKE_A_POINTER.match(head):
                    continue
                os.fchmod(handle, 0o644)
                os.fsync(handle)
                target = lfs.place(folder_in(store), digest.hexdigest())
                target.parent.mkdir(parents=True, exist_ok=True)
                Path(name).replace(target)
                folders.update(target.parents[: target.parents.index(store) + 1])
                pointers[blob] = lfs.pointer_of(digest.hexdigest(), size)
            finally:
                os.close(handle)
                Path(name).unlink(missing_ok=True)
    keep(*folders)
    return pointers


def _with(
    repository: Repository, tree: str, changed: Mapping[str, tuple[bytes, str]], pointers: Mapping[str, bytes]
) -> str:
    """The tree with the pointers in the place of their blobs; durable."""
    store, sha256 = repository.git_dir, len(tree) == 64
    unkept: set[Path] = set()

    def written(kind: bytes, data: bytes) -> str:
        return writing.loose(store, kind, data, sha256=sha256, unkept=unkept)

    with reading(repository.git) as raw:
        top = Edited(raw.get, tree)
        for path, (mode, blob) in changed.items():
            if blob in pointers:
                top.put(os.fsencode(path), mode, written(b"blob", pointers[blob]))
        made = top.written(lambda data: written(b"tree", data))
    keep(*unkept)
    return made


def _copy(wanted: Mapping[str, int], source: Path, target: Path) -> None:
    for oid, size in wanted.items():
        file, there = lfs.place(source, oid), lfs.place(target, oid)
        if not file.is_file() or (there.is_file() and there.stat().st_size == size):
            continue
        handle, name = begin(there)
        try:
            digest = hashlib.sha256()
            with file.open("rb") as content:
                while piece := content.read(_PIECE):
                    digest.update(piece)
                    write(handle, piece)
            if digest.hexdigest() != oid:
                raise OperationError(f"{shown(file)} is not what its name says", "the disk may be failing")
            os.fchmod(handle, 0o644)
            name.replace(there)
        finally:
            os.close(handle)
            name.unlink(missing_ok=True)
