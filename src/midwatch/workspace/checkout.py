"""The folder of one attempt: made from a checkpoint, given to a box, saved after each step."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from midwatch.domain.errors import OperationError
from midwatch.domain.evidence import Checkpoint
from midwatch.domain.task import Base
from midwatch.engine.disk import full_or_broken
from midwatch.workspace.checkpoint import Saver, kept_now
from midwatch.workspace.git import Git, GitError
from midwatch.workspace.history import visible_objects
from midwatch.workspace.names import shown
from midwatch.workspace.repository import EMAIL, NAME, RAW, Repository, alternates
from midwatch.workspace.scan import Kept, Known, folders_of

PRIVATE = "private"
"""Beside the tree: a box's /tmp and home. What a run that was cut off left there must not show in the next."""

_GITLINK = b"160000"
Listing = Mapping[bytes, tuple[bytes, str]]
"""Mode and blob by path."""


class Workspace:
    """One attempt's files. Not to be used from two tasks at once; no process of a box may run during a call."""

    def __init__(self, repository: Repository, folder: Path, owner: tuple[int, int] | None = None) -> None:
        self.repository = repository
        self.folder = folder
        self.skipped: tuple[str, ...] = ()
        """What the last `save` could not keep: path and reason, a sentence each."""
        self.objects: Path | None = None
        """After `restore`: the git objects that a box must be given to read, at the same path."""
        self._owner = owner
        self._saver: Saver | None = None
        self._checkpoint: Checkpoint | None = None
        self._kept: Mapping[bytes, Kept] = {}

    @property
    def tree(self) -> Path:
        """The folder that a box is given."""
        return self.folder / "tree"

    @property
    def checkpoint(self) -> Checkpoint:
        """The last one: what was restored or saved. `restore` must have been called."""
        assert self._checkpoint is not None
        return self._checkpoint

    async def restore(self, base: Base, checkpoint: Checkpoint | None = None) -> Checkpoint:
        """Make `tree` anew: exactly the files of the checkpoint (of the base when None), and a `.git` at the base for
        git inside the box. What was there is deleted, as is `private` beside it, a box's /tmp and home. May be called
        again, also after a crash. Raises OperationError when the files cannot be had from the store or written."""
        start = checkpoint or Checkpoint(tree=base.tree, commit=base.commit)
        try:
            await asyncio.to_thread(_make_room, self.folder)
            listing, tracked = await self._check_out(base, start)
            visible = await visible_objects(self.repository.git, self.repository.git_dir, base.commit)
            await asyncio.to_thread(self._furnish, base, visible)
            known, self._kept = await asyncio.to_thread(self._look, listing, tracked)
        except OSError as error:
            raise full_or_broken(self.folder, error) from error
        self._saver = Saver(self.repository.git, self.tree, self._ref(), known, sha256=len(base.commit) == 64)
        self._checkpoint = start
        self.skipped = ()
        return start

    async def save(self) -> Checkpoint:
        """Keep the files as they are now. The same as before when nothing changed. Ignored files that the base does
        not track are not kept; what cannot be kept is in `skipped`. Raises OperationError (GitError for the store)."""
        assert self._saver is not None, "restore comes first"
        try:
            saved = await asyncio.to_thread(self._saver.save, self.checkpoint, self._kept)
        except OSError as error:
            raise full_or_broken(self.folder, error) from error
        self._checkpoint, self._kept, self.skipped = saved.checkpoint, saved.kept, saved.skipped
        return saved.checkpoint

    async def remove(self) -> None:
        """Delete the folder and all in it. May be called twice."""
        await asyncio.to_thread(_remove, self.folder)

    def _ref(self) -> str:
        digest = hashlib.sha256(os.fsencode(os.path.realpath(self.folder))).hexdigest()
        return f"refs/midwatch/workspaces/{digest[:24]}"

    async def _check_out(self, base: Base, start: Checkpoint) -> tuple[Listing, Listing]:
        """Write the files; what is there now, and what the base tracks. The index is left at the base."""
        store = self.repository.git_dir
        index = {"GIT_INDEX_FILE": str(self.folder / "index")}
        git = Git(git_dir=store, work_tree=self.tree, cwd=self.tree, environment=index)
        try:
            await git.run("read-tree", "--reset", "-u", start.tree)
            listing = tracked = await asyncio.to_thread(_listed, await git.run("ls-files", "--stage", "-z"))
            if start.tree != base.tree:
                await git.run("read-tree", "-m", base.tree)
                tracked = await asyncio.to_thread(_listed, await git.run("ls-files", "--stage", "-z"))
        except GitError as error:
            raise OperationError(
                f"the files of {start.commit[:12]} cannot be written to {shown(self.tree)}: {error.message}",
                error.mend or f"`git fsck` in {shown(self.repository.location)} says whether an object is missing",
            ) from error
        return listing, tracked

    def _look(self, listing: Listing, tracked: Listing) -> tuple[Known, Mapping[bytes, Kept]]:
        known = _known(tracked, self.repository.excludes())
        blobs = {path: entry for path, entry in listing.items() if entry[0] != _GITLINK}
        return known, kept_now(self.tree, known, blobs)

    def _furnish(self, base: Base, visible: Path) -> None:
        """The `.git` for inside the box, written by hand: no hooks, no remotes, nothing of the user's configuration."""
        git = self.tree / ".git"
        for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info"):
            (git / name).mkdir(parents=True)
        (git / "HEAD").write_bytes(b"ref: refs/heads/midwatch\n")
        (git / "refs" / "heads" / "midwatch").write_text(base.commit + "\n")
        (git / "config").write_text(_config(sha256=len(base.commit) == 64))
        self.objects = visible / "objects"
        (git / "objects" / "info" / "alternates").write_bytes(alternates((self.objects,)))
        (git / "info" / "attributes").write_bytes(RAW)
        (git / "info" / "exclude").write_bytes(self.repository.excludes())
        if (visible / "shallow").is_file():
            shutil.copyfile(visible / "shallow", git / "shallow")
        index = self.folder / "index"
        if index.is_file():
            index.rename(git / "index")
        if self._owner is not None:
            _hand_over(self.tree, self._owner)


def _config(*, sha256: bool) -> str:
    # the files may belong to another user than the index was made by: only size and time count
    lines = ["[core]", f"\trepositoryformatversion = {int(sha256)}", "\tbare = false", "\tfilemode = true"]
    lines += ["\tlogallrefupdates = true", "\tcheckStat = minimal", "\ttrustctime = false", "[gc]", "\tauto = 0"]
    lines += ["[user]", f"\tname = {NAME}", f"\temail = {EMAIL}"]
    if sha256:
        lines += ["[extensions]", "\tobjectFormat = sha256"]
    return "\n".join(lines) + "\n"


def _known(tracked: Listing, outside: bytes) -> Known:
    files = frozenset(path for path, (mode, _) in tracked.items() if mode != _GITLINK)
    gitlinks = frozenset(path for path, (mode, _) in tracked.items() if mode == _GITLINK)
    return Known(files, folders_of(files), gitlinks, outside)


def _listed(output: bytes) -> Listing:
    listing = {}
    for entry in output.split(b"\0")[:-1]:
        about, _, path = entry.partition(b"\t")
        mode, blob, _stage = about.split(b" ")
        listing[path] = (mode, blob.decode())
    return listing


def _hand_over(top: Path, owner: tuple[int, int]) -> None:
    """Give a tree that only we have written to another user."""
    os.lchown(top, *owner)
    for folder, folders, files in os.walk(os.fsencode(top)):
        for name in folders + files:
            os.lchown(os.path.join(folder, name), *owner)  # noqa: PTH118


def _make_room(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("old-*"):
        _remove(old)
    (folder / "index").unlink(missing_ok=True)
    (folder / "index.lock").unlink(missing_ok=True)
    for name in ("tree", PRIVATE):
        if os.path.lexists(folder / name):
            aside = Path(tempfile.mkdtemp(prefix="old-", dir=folder))
            (folder / name).rename(aside / name)  # at once, so that a crash cannot leave half a tree
            _remove(aside)
    (folder / "tree").mkdir()


def _remove(path: Path) -> None:
    """Delete a tree that a box has written, whatever its depth, names and modes; follows no link."""
    command = ["rm", "-rf", "--one-file-system", "--", os.fspath(path)]
    for _ in range(2):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode == 0:
            return
        # a folder that forbids its owner to look inside; never needed for root, who is forbidden nothing
        subprocess.run(
            ["chmod", "-R", "u+rwX", "--", os.fspath(path)], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    words = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    raise OperationError(f"{shown(path)} cannot be deleted: {words}", "delete it by hand, then `midwatch resume`")
