"""Reading a checkpoint from the store: how it differs from its base."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from midwatch.domain.errors import OperationError
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.task import Base
from midwatch.workspace.aside import FILES, LIST, SUBJECT, Aside, Listing, decoded, original
from midwatch.workspace.edited import changes
from midwatch.workspace.git import Git
from midwatch.workspace.raw import reading
from midwatch.workspace.stamps import FILE

Blobs = Mapping[bytes, tuple[bytes, str]]
"""Mode and blob by path."""

_GITLINK = b"160000"


@dataclass(frozen=True, slots=True)
class Difference:
    """A checkpoint as seen from its base."""

    files: Blobs = field(default_factory=dict)
    deleted: frozenset[bytes] = frozenset()
    """Files of the base that are gone."""
    ignored: Blobs = field(default_factory=dict)
    listing: Listing = field(default_factory=Listing)
    aside: Aside | None = None

    def __bool__(self) -> bool:
        return bool(self.files or self.deleted or self.aside)


async def difference(git: Git, base: Base, checkpoint: Checkpoint, *, work_only: bool = False) -> Difference:
    """Costs what differs; nothing for the base itself. `work_only` leaves out what is kept beside the work. Raises
    OperationError when the store lacks an object."""
    if checkpoint.commit == base.commit:
        return Difference()
    files, deleted = await asyncio.to_thread(_between, git, base.tree, checkpoint.tree)
    aside = None if work_only else await _second_parent(git, checkpoint.commit)
    if aside is None:
        return Difference(files, frozenset(deleted))
    ignored, listing = await _beside(git, aside)
    return Difference(files, frozenset(deleted), ignored, listing, aside)


def _between(git: Git, old: str, new: str) -> tuple[dict[bytes, tuple[bytes, str]], set[bytes]]:
    """The files of a tree that another does not have so, and those of the other that it lacks."""
    files: dict[bytes, tuple[bytes, str]] = {}
    deleted: set[bytes] = set()
    with reading(git) as raw:
        for path, before, after in changes(raw.get, old, new):
            if after is not None and after[0] != _GITLINK:
                files[path] = after
            elif before is not None and before[0] != _GITLINK:
                deleted.add(path)
    return files, deleted


async def _second_parent(git: Git, commit: str) -> Aside | None:
    content = await git.run("cat-file", "commit", commit)
    parents = _parents(content)
    if len(parents) != 2:
        return None  # nothing was ignored, or a checkpoint of an earlier release
    content = await git.run("cat-file", "commit", parents[1])
    if _parents(content) or content.partition(b"\n\n")[2].strip() != SUBJECT:
        return None
    tree = next(line.split()[1] for line in content.split(b"\n") if line.startswith(b"tree "))
    return Aside(parents[1], tree.decode())


def _parents(commit: bytes) -> list[str]:
    lines = commit.partition(b"\n\n")[0].split(b"\n")
    return [line.split()[1].decode() for line in lines if line.startswith(b"parent ")]


async def _beside(git: Git, aside: Aside) -> tuple[Blobs, Listing]:
    ignored, listing = {}, Listing()
    for entry in (await git.run("ls-tree", "-r", "-z", "--full-tree", aside.tree)).split(b"\0")[:-1]:
        about, _, path = entry.partition(b"\t")
        mode, _, blob = about.split(b" ")
        if path.startswith(FILES):
            ignored[original(path.removeprefix(FILES))] = (mode, blob.decode())
        elif (path, mode) == (LIST, FILE):
            try:
                listing = decoded(await git.run("cat-file", "blob", blob))
            except ValueError as error:
                raise OperationError(
                    f"what was kept beside checkpoint {aside.commit[:12]} cannot be read: {error}",
                    "it was written by another release; use that one",
                ) from error
    return ignored, listing
