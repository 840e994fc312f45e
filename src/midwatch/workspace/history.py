"""The git objects that a box may read: the base commit and the commits before it, and nothing else of the repository.

The user's object folder holds every branch, stash and removed secret; a box is given a pack of its own instead, made
once for a base commit and kept beside the store.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

from midwatch.engine.disk import full_or_broken
from midwatch.workspace.git import Git

DEPTH = 50
"""Commits that a box sees, newest first; `git log` ends there as in a shallow clone."""


async def visible_objects(git: Git, store: Path, commit: str) -> Path:
    """The folder for a box: `objects` with one pack, and `shallow` where the history is cut. Made when it is not there;
    safe to be asked for by several processes at once. Raises GitError when an object is missing, StoreError for a full
    disk."""
    folder = store / "visible" / commit
    if folder.is_dir():
        return folder
    listed = (await git.run("rev-list", "--parents", f"--max-count={DEPTH}", commit)).decode().splitlines()
    parents = {line.split()[0]: line.split()[1:] for line in listed}
    cut = [name for name, before in parents.items() if any(parent not in parents for parent in before)]
    cut += [name for name in _shallow(store) if name in parents and name not in cut]
    wanted = "\n".join(parents)
    # a partial clone lacks old contents; a box then lacks them as well
    listing = ("rev-list", "--objects", "--missing=allow-any", "--no-walk=unsorted", "--stdin")
    objects = await git.run(*listing, stdin=wanted.encode() + b"\n")
    try:
        new = await asyncio.to_thread(_begin, folder)
        names = b"\n".join(line.split(b" ")[0] for line in objects.splitlines()) + b"\n"
        # quick rather than small: what is packed already is copied, the rest is not searched for likenesses
        pack = os.fspath(new / "objects" / "pack" / "pack")
        await git.run("pack-objects", "-q", "--window=0", "--compression=1", pack, stdin=names)
        await asyncio.to_thread(_finish, new, folder, cut)
    except OSError as error:
        raise full_or_broken(folder, error) from error
    return folder


def _begin(folder: Path) -> Path:
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix="new-", dir=folder.parent))
    new.chmod(0o755)
    (new / "objects" / "pack").mkdir(parents=True)
    (new / "objects" / "info").mkdir()
    return new


def _finish(new: Path, folder: Path, cut: list[str]) -> None:
    for file in (new / "objects" / "pack").iterdir():
        file.chmod(0o444)
    if cut:
        (new / "shallow").write_text("".join(f"{name}\n" for name in cut))
    try:
        new.rename(folder)
    except OSError:
        shutil.rmtree(new, ignore_errors=True)  # another process was first


def _shallow(store: Path) -> list[str]:
    """Where the user's own clone ends."""
    try:
        return (store / "shallow").read_text("ascii").split()
    except OSError:
        return []
