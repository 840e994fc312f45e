"""What a base commit names and does not hold: submodules, and the contents of LFS files. They become parts of its
checkout where the recipe of the repository asks for them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from midwatch.engine.disk import full_or_broken
from midwatch.workspace import lfs, submodules
from midwatch.workspace.index import settle
from midwatch.workspace.repository import Repository


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for."""

    submodules: bool = False
    lfs: bool = False
    private: tuple[str, ...] = ()
    """Addresses of submodules that a connection's credential may be lent for."""

    @property
    def key(self) -> str:
        """For the name of a checkout: two with the same commit and the same key hold the same files."""
        return "".join(mark for mark, wanted in (("s", self.submodules), ("l", self.lfs)) if wanted)


NOTHING = Wanted()


@dataclass(frozen=True, slots=True)
class Extras:
    """What was found, all of it on this machine."""

    submodules: tuple[submodules.Submodule, ...] = ()
    contents: tuple[lfs.Content, ...] = ()
    """Also those inside submodules; paths are from the top of the outermost tree."""

    @property
    def note(self) -> str:
        """What a person should know; empty when there is nothing."""
        return "; ".join(part for part in (submodules.note(self.submodules), lfs.note(self.contents)) if part)

    @property
    def pointers(self) -> lfs.Pointers:
        """For whoever saves the workspace: by path, the blob to keep for a file of that SHA-256 and size. What lies in
        submodules is not kept at all."""
        inside = tuple(f"{one.path}/" for one in self.submodules)
        return lfs.kept_as_pointers([one for one in self.contents if not one.path.startswith(inside)])


async def gather(repository: Repository, commit: str, state: Path, wanted: Wanted) -> Extras:
    """Find them, and fetch what lacks. Blocks on the network where something is to fetch; may be called again, and by
    several processes at once. Raises InputError and OperationError, which say how to leave them out."""
    found = await submodules.gather(repository, commit, state, wanted.private) if wanted.submodules else ()
    contents: list[lfs.Content] = []
    if wanted.lfs:
        contents += await lfs.gather(repository, commit)
        for one in found:
            inside = await lfs.gather(one.repository, one.commit)
            contents += [replace(content, path=f"{one.path}/{content.path}") for content in inside]
    return Extras(found, tuple(contents))


async def write(extras: Extras, top: Path, index: Path) -> None:
    """Make them part of a checkout to which nobody else may write; `index` is the one of the outermost tree, as git has
    just written it. Blocks. For one call; a failed one leaves the checkout unusable. Raises OperationError."""
    await submodules.write(extras.submodules, top)
    await lfs.write(extras.contents, top)
    try:
        await asyncio.to_thread(settle, index, top, extras.pointers)
    except OSError as error:
        raise full_or_broken(top, error) from error
