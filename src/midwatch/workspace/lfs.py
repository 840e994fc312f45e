"""Git LFS: pointer files of a base commit, and the contents that stand in their place in a box.

We read pointers and fetch objects ourselves, with the person's credentials (`lfs_transfer.py`): the git-lfs program
takes settings from `.lfsconfig`, which is part of the repository. Every content is checked against its SHA-256.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.errors import OperationError
from midwatch.engine.disk import full_or_broken
from midwatch.workspace import objects
from midwatch.workspace.git import Git
from midwatch.workspace.lfs_server import Server
from midwatch.workspace.lfs_sources import endpoint_of, folders_of
from midwatch.workspace.lfs_transfer import Transfer
from midwatch.workspace.names import shown
from midwatch.workspace.repository import Repository, alternates

Pointers = Mapping[bytes, tuple[str, str, int]]
"""By path: the blob that the tree has in the place of a content, and the SHA-256 and size of that content."""

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (0|[1-9][0-9]{0,17})\n"
)
_SHORTEST, LONGEST = 120, 160
"""Bytes of a pointer without extensions, which we have no programs for."""
_PIECE = 1 << 20
_SPARE = 1 << 30


@dataclass(frozen=True, slots=True)
class Content:
    """A file of the base whose content is an LFS object."""

    path: str
    """From the top of the tree; bytes that are not UTF-8 as surrogate escapes."""
    sha256: str
    size: int
    pointer: str
    """The id of the blob that the tree has in its place."""
    file: Path
    """Where the content lies on this machine: in the store, or in the person's repository."""


def pointer_of(sha256: str, size: int) -> bytes:
    """The file that stands for an object in a tree."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def parse(data: bytes) -> tuple[str, int] | None:
    """SHA-256 and size that a pointer says; None for what is no pointer."""
    found = _POINTER.fullmatch(data)
    return (found[1].decode(), int(found[2])) if found else None


def digest_of(handle: int) -> str:
    """The SHA-256 of what is read from a handle to its end. Blocks."""
    digest = hashlib.sha256()
    while piece := os.read(handle, _PIECE):
        digest.update(piece)
    return digest.hexdigest()


def note(contents: Sequence[Content]) -> str:
    """What a person should know; empty when there are none."""
    if not contents:
        return ""
    count = "1 file" if len(contents) == 1 else f"{len(contents)} files"
    return f"Git LFS: {count} with contents; one that is changed is offered as a pointer, with its content beside it"


def kept_as_pointers(contents: Sequence[Content]) -> Pointers:
    """For whoever saves the workspace: by path, the blob to keep for a file of that SHA-256 and size."""
    return {os.fsencode(one.path): (one.pointer, one.sha256, one.size) for one in contents}


async def gather(repository: Repository, commit: str) -> tuple[Content, ...]:
    """The LFS files of a commit, all contents on this machine; what lacks is fetched into the store. Blocks on the
    network where something is to fetch; may be called again, and by several processes at once. Raises InputError when
    there is no server to ask, OperationError when an object cannot be had or the disk is too small."""
    pointers = await _pointers(repository.git, repository.git_dir, commit)
    if not pointers:
        return ()
    found = {oid: await _on_disk(repository, oid, size) for oid, size in {p[1:] for p in pointers.values()}}
    lacking = {oid: size for _, oid, size in pointers.values() if found[oid] is None}
    if lacking:
        await asyncio.to_thread(_require_space, repository.git_dir, sum(lacking.values()))
        endpoint = await endpoint_of(repository, commit)
        own = repository.git_dir / "lfs" / "objects"
        try:
            await Transfer(Server(endpoint, await repository.lend(repository.location))).download(lacking, own)
        except OSError as error:
            raise full_or_broken(own, error) from error
        found |= {oid: place(own, oid) for oid in lacking}
    return tuple(
        Content(path, oid, size, blob, file) for path, (blob, oid, size) in pointers.items() if (file := found[oid])
    )


def place(folder: Path, oid: str) -> Path:
    """Where an object lies in a folder of objects."""
    return folder / oid[:2] / oid[2:4] / oid


async def write(contents: Sequence[Content], top: Path) -> None:
    """Put the contents in the place of their pointers in a checkout to which nobody else may write. Modes stay. Blocks
    for a copy. Raises OperationError when a content is not what its pointer says, or a file is not the pointer."""
    for one in contents:
        try:
            await asyncio.to_thread(_replace, one, top)
        except OSError as error:
            raise full_or_broken(top, error) from error


def _replace(one: Content, top: Path) -> None:
    *above, name = os.fsencode(one.path).split(b"/")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    folder = os.open(top, flags | os.O_DIRECTORY)
    try:
        for part in above:
            inner = os.open(part, flags | os.O_DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        _replace_in(folder, name, one)
    finally:
        os.close(folder)


def _replace_in(folder: int, name: bytes, one: Content) -> None:
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode) or parse(os.read(handle, LONGEST + 1)) != (one.sha256, one.size):
            raise OperationError(f"{shown(one.path)} is not the pointer that the commit has there")
    finally:
        os.close(handle)
    temporary = b".lfs-" + os.urandom(8).hex().encode()
    target = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, stat.S_IMODE(mode), dir_fd=folder)
    try:
        _copy(one, target)
        os.fchmod(target, stat.S_IMODE(mode))
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(temporary, dir_fd=folder)
        raise
    finally:
        os.close(target)


def _copy(one: Content, target: int) -> None:
    digest, left = hashlib.sha256(), one.size
    with one.file.open("rb") as source:
        while piece := source.read(min(_PIECE, left + 1)):
            digest.update(piece)
            left -= len(piece)
            if left < 0:
                break
            view = memoryview(piece)
            while view:
                view = view[os.write(target, view) :]
    if left or digest.hexdigest() != one.sha256:
        raise OperationError(
            f"the LFS object of {shown(one.path)} in {shown(one.file)} is not what the pointer says",
            "delete that file and fetch it again, for example with `git lfs fetch`",
        )


async def _pointers(git: Git, store: Path, commit: str) -> dict[str, tuple[str, str, int]]:
    """Blob, SHA-256 and size by path, of the files that the attributes of the commit give to LFS."""
    entries = [e for e in (await git.run("ls-tree", "-r", "-l", "-z", commit)).split(b"\0") if e]
    short: dict[str, str] = {}
    attributes = []
    for entry in entries:
        about, _, path = entry.partition(b"\t")
        mode, _, blob, size = about.split()
        if mode not in (b"100644", b"100755"):
            continue
        if path.rpartition(b"/")[2] == b".gitattributes":
            attributes.append(os.fsdecode(path))
        elif _SHORTEST <= int(size) <= LONGEST:
            short[os.fsdecode(path)] = blob.decode()
    said = await objects.read_files(git, commit, attributes)
    if not short or not any(b"lfs" in text for text in said.values()):
        return {}
    texts = await objects.read_files(git, commit, short)
    parsed = {path: (short[path], *found) for path, text in texts.items() if (found := parse(text))}
    return {path: parsed[path] for path in await given_to_lfs(git, store, commit, list(parsed))}


async def given_to_lfs(git: Git, store: Path, commit: str, paths: list[str]) -> list[str]:
    """Those with the attribute `filter=lfs` in a commit or tree. Attributes only name filters; here is no program that
    could be run. The store's own attributes, which switch all filters off, must not count, so that git is shown a
    folder without them."""
    if not paths:
        return []
    with tempfile.TemporaryDirectory(prefix="lfs-", dir=store) as scratch:
        aside = await asyncio.to_thread(_without_attributes, Path(scratch), store)
        index = {"GIT_INDEX_FILE": f"{scratch}/index"}
        here = Git(git_dir=aside, cwd=aside, environment=index)
        await here.run("read-tree", commit)
        names = b"".join(os.fsencode(path) + b"\0" for path in paths)
        listed = await here.run("check-attr", "--cached", "-z", "--stdin", "filter", stdin=names)
    fields = listed.split(b"\0")
    return [os.fsdecode(fields[i]) for i in range(0, len(fields) - 2, 3) if fields[i + 2] == b"lfs"]


def _without_attributes(folder: Path, store: Path) -> Path:
    for name in ("objects/info", "refs"):
        (folder / name).mkdir(parents=True)
    (folder / "HEAD").write_bytes(b"ref: refs/heads/none\n")
    (folder / "objects" / "info" / "alternates").write_bytes(alternates((store / "objects",)))
    shutil.copyfile(store / "config", folder / "config")
    return folder


async def _on_disk(repository: Repository, oid: str, size: int) -> Path | None:
    for folder in await folders_of(repository):
        file = place(folder, oid)
        try:
            status = file.stat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_size == size:
            return file
    return None


def _require_space(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size + _SPARE > free:
        raise OperationError(
            f"the LFS files take {size >> 20} MiB, and the disk of {shown(folder)} has {free >> 20} MiB left",
            "free some space, or leave them out: take `lfs = true` out of .midwatch/environment.toml",
        )
