"""A folder that is no git repository, worked on as if it were one: its git folder lies in the state folder."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.engine.disk import full_or_broken
from midwatch.workspace.git import Git
from midwatch.workspace.location import NotARepository, Place, locate, repository_key
from midwatch.workspace.names import shown

MOST_ENTRIES = 200_000
"""Files and folders; past it somebody has probably named the wrong folder."""

_WHO = {"NAME": "Midwatch", "EMAIL": "midwatch@localhost", "DATE": "@0 +0000"}
_AUTHOR = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _WHO.items()}


async def find(state: Path, location: str) -> Place:
    """The repository that the folder is in; else the folder itself, with an empty history of its own. May be called
    again. Raises InputError as `locate`, and for a folder with too much in it."""
    try:
        return await locate(location)
    except NotARepository:
        return await beside(state, _real(location))


async def beside(state: Path, top: Path) -> Place:
    """The folder with an empty history of its own, whatever git says of it. Raises as `find`."""
    await asyncio.to_thread(_require_small, top)
    git_dir = state / "folders" / f"{repository_key(str(top))}.git"
    place = Place(top=top, git_dir=git_dir, common_dir=git_dir, shallow=False, sha256=False)
    if not (git_dir / "refs" / "heads" / "main").is_file():
        await _make(git_dir)
    return place


def _real(location: str) -> Path:
    return Path(os.path.realpath(Path(location).expanduser()))


async def _make(git_dir: Path) -> None:
    """A git folder whose one commit is empty."""
    try:
        git_dir.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise full_or_broken(git_dir, error) from error
    await Git().run("init", "--quiet", "--bare", "--template=", "--initial-branch=main", git_dir)
    git = Git(git_dir=git_dir, cwd=git_dir, environment=_AUTHOR)
    tree = (await git.run("mktree")).decode().strip()
    commit = (await git.run("commit-tree", tree, "-m", "An empty beginning")).decode().strip()
    await git.run("update-ref", "refs/heads/main", commit)


def _require_small(top: Path) -> None:
    entries, folders = 0, [top]
    while folders:
        try:
            with os.scandir(folders.pop()) as found:
                for entry in found:
                    entries += 1
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
        except OSError:
            continue  # what cannot be read is said when it is needed
        if entries > MOST_ENTRIES:
            raise InputError(
                f"{shown(top)} holds more than {MOST_ENTRIES:,} files and is no git repository",
                "name a smaller folder, or make it a repository: `git init` and a .gitignore",
            )
