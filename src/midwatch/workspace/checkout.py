"""The workspace of one attempt: made from a checkpoint, given to a box, saved after each step."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

from midwatch.domain.evidence import Checkpoint
from midwatch.domain.task import Base
from midwatch.engine.disk import full_or_broken
from midwatch.sandbox.spec import Overlay
from midwatch.workspace import fused
from midwatch.workspace.base_checkout import BaseCheckout, base_checkout
from midwatch.workspace.checkpoint import Memory, Saver
from midwatch.workspace.copies import copy_layers, hand_over, untouched
from midwatch.workspace.deletion import delete, discard, set_aside
from midwatch.workspace.extras import NOTHING, Wanted
from midwatch.workspace.found import Lower
from midwatch.workspace.layout import Files, Plain, Target, Upper, lay_out
from midwatch.workspace.leftovers import sweep
from midwatch.workspace.lfs import Pointers, place
from midwatch.workspace.lfs_offered import folder_in, pointers_in
from midwatch.workspace.raw import contents
from midwatch.workspace.repository import Repository
from midwatch.workspace.scan import FUSED_OPAQUE, OPAQUE
from midwatch.workspace.stored import Difference, difference

PRIVATE = "private"
"""Beside the files: a box's /tmp and home. What a run that was cut off left there must not show in the next."""


class Workspace:
    """One attempt's files. Not to be used from two tasks at once; no process of a box may run during a call, and for
    `restore` and `remove` no box may be open.

    `overlay` says that the box will be given layers; else it is given a plain folder, in which fuse-overlayfs joins
    them (`fuse`; None for where it can be had) or which holds copies of them. What comes of it is the same. `wanted`
    says what the base is to hold besides its own files: submodules, and contents of Git LFS."""

    def __init__(
        self,
        repository: Repository,
        folder: Path,
        owner: tuple[int, int] | None = None,
        *,
        overlay: bool = False,
        fuse: bool | None = None,
        wanted: Wanted = NOTHING,
    ) -> None:
        self.repository = repository
        self.folder = folder
        self.form = "overlay" if overlay else ""
        """How it was made: `overlay`, `fuse-overlayfs`, `reflink` or `copy`; all but the first after `restore`."""
        self.skipped: tuple[str, ...] = ()
        """What the last `save` could not keep: path and reason, a sentence each."""
        self.exact = True
        """Whether nothing but ignored files lies there beside what the last `save` kept: no file as it was known before
        because it could not be read, none that git cannot hold, no change in a submodule."""
        self._overlay = overlay
        self._fuse = fuse
        self._wanted = wanted
        self._owner = owner
        self._of: Base | None = None
        self._base: BaseCheckout | None = None
        self._layers: tuple[Path, ...] = ()
        self._saver: Saver | None = None
        self._checkpoint: Checkpoint | None = None
        self._memory = Memory()

    @property
    def tree(self) -> Path:
        """The plain folder that a box is given, where it is not given layers."""
        return self.folder / "tree"

    @property
    def objects(self) -> Path | None:
        """After `restore`: the git objects that a box must be given to read, at the same path."""
        return None if self._base is None else self._base.objects

    @property
    def checkpoint(self) -> Checkpoint:
        """The last one: what was restored or saved. `restore` or `later` must have been called."""
        assert self._checkpoint is not None
        return self._checkpoint

    def spec(self) -> Path | Overlay:
        """What a box is given as its workspace. `restore` must have been called."""
        if not self._overlay:
            return self.tree
        assert self._base is not None
        lower = (*self._layers, self._base.tree)
        return Overlay(lower, self.folder / "upper", self.folder / "work")

    async def restore(
        self,
        base: Base,
        checkpoint: Checkpoint | None = None,
        layers: tuple[Path, ...] = (),
        *,
        work_only: bool = False,
    ) -> Checkpoint:
        """Make the workspace anew: exactly the files of the checkpoint (of the base when None), ignored ones too, over
        what a setup left in `layers` (the lowest first; where the base has a file, that is seen), and a `.git` at the
        base for git inside the box: what the box did to its own `.git` is not kept. `work_only` leaves out what is kept
        beside the work: these are then the files that would be offered. What was there is deleted, as is `private`, a
        box's /tmp and home. May be called again, also after a crash, and with the checkpoint of another attempt at the
        same base. Raises OperationError when the files cannot be had from the store or written."""
        start = checkpoint or Checkpoint(tree=base.tree, commit=base.commit)
        git, store = self.repository.git, self.repository.git_dir
        try:
            left = await asyncio.to_thread(self._make_room)
            self._base = shared = await base_checkout(self.repository, base, self._wanted)
            what = await difference(git, base, start, work_only=work_only)
            more = await pointers_in(self.repository, start.tree, what.files) if self._wanted.lfs and what else {}
            saver, memory = await asyncio.to_thread(self._make, shared, base, (what, more), layers)
            await asyncio.to_thread(sweep, store, saver.ref)
        except OSError as error:
            raise full_or_broken(self.folder, error) from error
        self._of, self._layers, self._saver, self._memory, self._checkpoint = base, layers, saver, memory, start
        self.skipped, self.exact = (), True
        await discard(*left)
        return start

    def later(self, base: Base, checkpoint: Checkpoint | None = None, layers: tuple[Path, ...] = ()) -> None:
        """As `restore`, but nothing is made before `ready` is called; nothing can have changed until then."""
        self._of, self._layers, self._saver = base, layers, None
        self._checkpoint = checkpoint or Checkpoint(tree=base.tree, commit=base.commit)

    async def ready(self) -> None:
        """Make what `later` has put off. May be called again. Raises as `restore`."""
        assert self._of is not None, "later comes first"
        if self._saver is None:
            await self.restore(self._of, self.checkpoint, self._layers)

    async def put_back(self, checkpoint: Checkpoint) -> None:
        """Be as an earlier checkpoint again, over the same base and layers. Unlike with `restore` a box's /tmp and home
        stay, and its box may be parked instead of closed. Raises as `restore`, which must have been called before."""
        assert self._of is not None, "restore comes first"
        if self._saver is None:
            self._checkpoint = checkpoint
            return
        private, kept = self.folder / PRIVATE, self.folder / "kept"
        try:
            await asyncio.to_thread(set_aside, kept)  # what a crash in here has left
            if there := await asyncio.to_thread(private.is_dir):
                await asyncio.to_thread(private.rename, kept)
            await self.restore(self._of, checkpoint, self._layers)
            if there:
                await asyncio.to_thread(kept.rename, private)
        except OSError as error:
            raise full_or_broken(self.folder, error) from error

    async def save(self) -> Checkpoint:
        """Keep the files as they are now, ignored ones beside the work. The same as before when nothing changed. What
        cannot be kept is in `skipped`. Raises OperationError (GitError for the store)."""
        if self._saver is None:
            return self.checkpoint
        try:
            saved = await asyncio.to_thread(self._saver.save, self.checkpoint, self._memory)
        except OSError as error:
            raise full_or_broken(self.folder, error) from error
        self._checkpoint, self._memory = saved.checkpoint, saved.memory
        self.skipped, self.exact = saved.skipped, saved.exact
        return saved.checkpoint

    async def renew_git(self) -> None:
        """Make the `.git` inside anew, as `restore` does: what a box did to it shows in no checkpoint. No box may be
        open. Raises OperationError."""
        assert self._base is not None, "restore comes first"
        try:
            await asyncio.to_thread(self._renew_git, self._base)
        except OSError as error:
            raise full_or_broken(self.folder, error) from error

    def _renew_git(self, shared: BaseCheckout) -> None:
        top = self.folder / "upper" if self._overlay else self.tree
        files = Files(top, self._owner, (*self._layers, shared.tree))
        delete(top / ".git")
        if not self._overlay:
            copy_layers((shared.tree / ".git",), top / ".git")
        self._furnish(files, shared)
        if not self._overlay and self._owner is not None:
            hand_over(top / ".git", self._owner)

    async def remove(self) -> None:
        """Delete the folder and all in it; what is large goes on being deleted in the background. May be called
        twice."""
        if self._base is not None:
            self._base.release()
        try:
            left = await asyncio.to_thread(self._all_aside)
        except OSError as error:
            raise full_or_broken(self.folder, error) from error
        await discard(*left, then=self.folder)

    def _all_aside(self) -> list[Path]:
        """Set aside whatever is in the folder; it is to be deleted."""
        if not self.folder.is_dir():
            return []
        fused.unmount(self.tree)
        for path in list(self.folder.iterdir()):
            if not path.name.startswith("old-"):
                set_aside(path)
        return list(self.folder.iterdir())

    def _make_room(self) -> list[Path]:
        """Set aside what an earlier run left; it is to be deleted."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fused.unmount(self.tree)
        for name in ("upper", "work", "tree", PRIVATE, "index", "index.lock"):  # the last are of an earlier release
            set_aside(self.folder / name)
        return list(self.folder.glob("old-*"))

    def _ref(self) -> str:
        return ref_of(self.folder)

    def _make(
        self, shared: BaseCheckout, base: Base, start: tuple[Difference, Pointers], layers: tuple[Path, ...]
    ) -> tuple[Saver, Memory]:
        """Lay out the files and look at them. `start`: what differs, and what of that stands for contents of LFS."""
        what, more = start
        lower = (*layers, shared.tree)
        fuse = not self._overlay and (fused.usable(self.folder, *lower) if self._fuse is None else self._fuse)
        files = Files(self.folder / ("upper" if self._overlay or fuse else "tree"), self._owner, lower)
        target: Target = Upper(files, FUSED_OPAQUE[0] if fuse else OPAQUE)
        if self._overlay or fuse:
            self._empty(files.top, self.folder / "work")
        else:
            target = Plain(files)
            self.form = copy_layers(lower, files.top)
        if what:
            instead = {blob: shared.tree / os.fsdecode(path) for path, (blob, _, _) in shared.pointers.items()}
            own = folder_in(self.repository.git_dir)
            instead |= {blob: place(own, oid) for blob, oid, _ in more.values()}
            with contents(self.repository.git, instead) as source:
                lay_out(target, what, source)
        self._furnish(files, shared)
        copies = None
        if fuse:
            self.form = "fuse-overlayfs"
            fused.mount(lower, files.top, self.folder / "work", self.tree)
        elif not self._overlay:
            if self._owner is not None:
                hand_over(files.top, self._owner)
            copies = untouched(files.top, files.written)
        known = Lower(
            shared.tree, shared.gitlinks, self.repository.excludes(), layers, copies, {**shared.pointers, **more},
            fused=fuse,
        )  # fmt: skip
        git, store = self.repository.git, self.repository.git_dir
        saver = Saver(git, store, files.top, self._ref(), base.tree, known)
        return saver, saver.remember(what) if what else Memory()

    def _empty(self, *folders: Path) -> None:
        for folder in folders:
            folder.mkdir()
            folder.chmod(0o755)
            if self._owner is not None:
                os.chown(folder, *self._owner)

    def _furnish(self, files: Files, shared: BaseCheckout) -> None:
        """Where the shared checkout's `.git` says something that no longer holds, say it anew above it."""
        for name, content in shared.furnishing.files().items():
            path = os.fsencode(name)
            if (shared.tree / name).read_bytes() != content:
                files.plain(path, content)


def ref_of(folder: Path) -> str:
    """The ref that holds on to what is saved of the workspace in a folder."""
    digest = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()
    return f"refs/midwatch/workspaces/{digest[:24]}"
