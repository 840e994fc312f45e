"""A change that came as a diff from elsewhere, made on a commit that a person's own repository has."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.domain.evidence import FileChange
from midwatch.workspace import diff, objects
from midwatch.workspace.git import Git, last_words
from midwatch.workspace.listing import is_id
from midwatch.workspace.location import Place, locate
from midwatch.workspace.names import shown
from midwatch.workspace.repository import alternates


@dataclass(frozen=True, slots=True)
class Grafted:
    """The change as a tree, in a store of its own that is gone with the context. The repository has nothing of it."""

    place: Place
    git: Git
    old: str
    """The tree of the commit that it was made on."""
    tree: str

    async def changes(self) -> tuple[FileChange, ...]:
        """The files that it changes."""
        return await diff.stat(self.git, self.old, self.tree)

    async def apply(self) -> tuple[FileChange, ...]:
        """Put it into the person's working tree. Raises as `diff.apply`, and then nothing was touched."""
        assert self.git.git_dir is not None
        return await diff.apply(self.place, self.git.git_dir, self.old, self.tree)


async def has(place: Place, commit: str) -> bool:
    """Whether a repository has a commit."""
    return is_id(commit) and (await place.git().ask("cat-file", "-e", f"{commit}^{{commit}}")).code == 0


@asynccontextmanager
async def grafted(folder: str, commit: str, patch: bytes) -> AsyncIterator[Grafted]:
    """The change of `patch`, as `git diff` writes it, on that commit of the repository in a folder of this machine.
    Raises InputError for a folder that is no repository, one that has not the commit, and a diff that cannot be made on
    it. git refuses paths that lead out of the repository, or into its `.git`."""
    place = await locate(folder)
    if not await has(place, commit):
        raise InputError(
            f"{shown(place.name)} has not the commit {commit[:12]}, on which the change stands",
            f"`git -C {shown(place.name)} fetch` where it comes from, or name another clone with --repo",
        )
    store = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="midwatch-graft-"))
    try:
        made = ("init", "--quiet", "--bare", "--template=", f"--object-format={'sha256' if place.sha256 else 'sha1'}")
        await Git().run(*made, store)
        (store / "objects/info").mkdir(parents=True, exist_ok=True)
        (store / "objects/info/alternates").write_bytes(alternates((place.common_dir / "objects",)))
        git = Git(git_dir=store, cwd=store, environment={"GIT_INDEX_FILE": str(store / "index")})
        old, _ = await objects.commit_facts(git, commit)
        await git.run("read-tree", old)
        if patch:
            done = await git.ask("apply", "--cached", "--whitespace=nowarn", "-p1", "-", stdin=patch)
            if done.code != 0:
                raise InputError(
                    f"the diff cannot be made on commit {commit[:12]}: {last_words(done.stderr)}",
                    "a diff holds no binary file of more than 16 MiB: fetch the pull request's branch instead",
                )
        tree = (await git.run("write-tree")).decode().strip()
        yield Grafted(place, git, old, tree)
    finally:
        await asyncio.to_thread(shutil.rmtree, store, True)
