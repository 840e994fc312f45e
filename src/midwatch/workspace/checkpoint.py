"""Saving a workspace: what changed since the last checkpoint becomes a commit in the store.

The host never runs git on what the box has written; it reads the files itself and hands on names and bytes.
"""

from __future__ import annotations

import stat
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from midwatch.domain.errors import OperationError
from midwatch.domain.evidence import Checkpoint
from midwatch.workspace.aside import FILES, LIST, SUBJECT, Aside, Listing, plain
from midwatch.workspace.found import Lower, above
from midwatch.workspace.git import Git
from midwatch.workspace.importing import Import
from midwatch.workspace.part import Moved, Part, Source
from midwatch.workspace.reading import folder_of, look, top_folder
from midwatch.workspace.scan import scan
from midwatch.workspace.stamps import FILE, Kept, Stamp, settled
from midwatch.workspace.stored import Blobs, Difference

_TRIES = 4
_PATIENCE = 2
"""How often one file may change while it is read before it is left as it was known."""
_LENIENT_TRIES = 12
"""Further ones when more files than that change all the time: none of them holds the others up any more."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What lay there at the last checkpoint."""

    files: Mapping[bytes, Kept] = field(default_factory=dict)
    """Those that differ from the base."""
    ignored: Mapping[bytes, Kept] = field(default_factory=dict)
    deleted: frozenset[bytes] = frozenset()
    listing: Listing = field(default_factory=Listing)
    aside: Aside | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint, what lay there at that time, and what could not be kept (a sentence each)."""

    checkpoint: Checkpoint
    memory: Memory
    skipped: tuple[str, ...]
    exact: bool
    """Whether the checkpoint says all of the work: nothing that could not be looked at or kept, or lies in a
    submodule."""


@dataclass(frozen=True, slots=True)
class Saver:
    """Saves the files of one workspace again and again. One thread at a time."""

    git: Git
    store: Path
    top: Path
    """The upper or the plain folder."""
    ref: str
    base_tree: str
    lower: Lower

    def remember(self, what: Difference) -> Memory:
        """What lies there right after the difference was laid out. Blocks for a walk. Raises OSError."""
        started = time.time_ns()
        with top_folder(self.top) as top:
            found = scan(top, self.lower)
        stamps = {**found.ignored, **found.files}

        def kept(blobs: Blobs) -> dict[bytes, Kept]:
            return {path: settled(Kept(stamps.get(path), *entry), started) for path, entry in blobs.items()}

        deleted = frozenset(found.deleted)
        return Memory(kept(what.files), kept(what.ignored), deleted, what.listing, what.aside)

    def save(self, last: Checkpoint, memory: Memory) -> Saved:
        """The files as they are now. Blocks; costs a walk and what changed. A file that does not keep still is left as
        it was known, and named. Raises OperationError when too many do not, GitError or StoreError when the store
        cannot be written. A failed call leaves nothing half made."""
        moved: Counter[bytes] = Counter()
        for turn in range(_TRIES + _LENIENT_TRIES):
            lenient = turn >= _TRIES
            restless = frozenset(path for path, times in moved.items() if lenient or times >= _PATIENCE)
            try:
                with top_folder(self.top) as top:
                    return _Save(self, last, memory, (top, restless, lenient)).run()
            except Moved as error:
                moved[error.path] += 1
        raise OperationError(
            "the workspace cannot be saved: its files keep changing",
            "a process is still writing there; `midwatch resume`",
        )


class _Save:
    """One checkpoint being made."""

    def __init__(self, saver: Saver, last: Checkpoint, memory: Memory, how: tuple[int, frozenset[bytes], bool]) -> None:
        """`how`: the handle of the folder, and as `Source`: `restless` and `lenient`."""
        top, restless, lenient = how
        self._saver, self._last, self._memory = saver, last, memory
        started = time.time_ns()
        self._found = scan(top, saver.lower)
        self._listing = Listing.of(self._found)
        sha256 = len(saver.base_tree) == 64
        self._import = Import(saver.git, saver.store, sha256)
        pointers = saver.lower.pointers
        self._source = Source(top, self._found, self._import, started, sha256, restless, lenient, pointers)

    def run(self) -> Saved:
        found, before = self._found, self._memory
        deleted = frozenset(found.deleted | {path for path in before.deleted if found.hides(path)})
        try:
            ignored = self._ignored()
            beside = self._import.started
            aside = bool(ignored or self._listing)
            files = self._work(deleted, beside=beside, aside=aside)
            made = self._import.finish()
        finally:
            self._import.close()
        second = before.aside
        if beside:
            second = Aside(*made[0]) if aside else None
        checkpoint = self._last
        if made and (made[-1][1] != self._last.tree or second != before.aside):
            checkpoint = Checkpoint(tree=made[-1][1], commit=made[-1][0])
        memory = Memory(files, ignored, deleted, self._listing, second)
        return Saved(checkpoint, memory, found.sentences(), self._exact())

    def _exact(self) -> bool:
        found, links = self._found, tuple(path + b"/" for path in self._saver.lower.gitlinks)
        inside = links and any(path.startswith(links) for path in (*found.ignored, *found.deleted))
        return not (found.hidden or found.unseen or inside)

    def _ignored(self) -> dict[bytes, Kept]:
        """The commit of what is kept beside, where that has changed."""
        before, listing = self._memory, self._listing
        dropped = self._dropped(before.ignored, self._found.ignored)

        def begin() -> None:
            self._import.commit(self._saver.ref, SUBJECT, ())
            if before.aside is not None:
                self._import.tree(before.aside.tree)
            for path in dropped:
                self._import.delete(FILES + plain(path))
            if listing != before.listing:
                self._import.delete(LIST)
            if listing and listing != before.listing:
                self._import.file(LIST, FILE, listing.encoded())

        part = Part(self._source, begin, lambda path: FILES + plain(path), ignored=True)
        if dropped or listing != before.listing:
            part.begin()
        return part.write(before.ignored, self._found.ignored)

    def _work(self, deleted: frozenset[bytes], *, beside: bool, aside: bool) -> dict[bytes, Kept]:
        """The commit of the work, where that or what is kept beside has changed."""
        before, found = self._memory, self._found
        dropped = self._dropped(before.files, found.files)
        whole = self._shows_again(dropped, deleted)
        fresh = deleted if whole else deleted - before.deleted

        def begin() -> None:
            second = () if before.aside is None else (before.aside.commit,)
            if beside:
                second = (":1",) if aside else ()
            self._import.commit(self._saver.ref, b"checkpoint", (self._last.commit, *second))
            if whole:
                self._import.tree(self._saver.base_tree)
            for path in sorted(
                fresh if whole else {*fresh, *dropped}
            ):  # first, so that a file can take the place of a folder
                self._import.delete(path)
            if whole:
                for path in sorted(before.files.keys() - dropped):
                    self._import.known(path, before.files[path].mode, before.files[path].blob)

        part = Part(self._source, begin, lambda path: path, ignored=False)
        if beside or whole or fresh or dropped:
            part.begin()
        return part.write(before.files, found.files)

    def _dropped(self, before: Mapping[bytes, Kept], now: Mapping[bytes, Stamp]) -> set[bytes]:
        return {path for path in before if path not in now and not self._found.hides(path)}

    def _shows_again(self, dropped: set[bytes], deleted: frozenset[bytes]) -> bool:
        """Whether something of the base that was changed or deleted is there again: then the tree is made anew from
        the base's, since what it was is not known here."""
        if any(path not in self._found.files for path in self._memory.deleted - deleted):
            return True
        covered = deleted.union(self._found.files)
        bare = [path for path in dropped if path not in covered and covered.isdisjoint(above(path))]
        if not bare:
            return False
        with top_folder(self._saver.lower.base) as base:
            return any(_is_file(base, path) for path in bare)


def _is_file(base: int, path: bytes) -> bool:
    """Whether the base has a file or link there."""
    try:
        with folder_of(base, path) as (folder, name):
            status = look(folder, name)
    except OSError:
        return False
    return status is not None and not stat.S_ISDIR(status.st_mode)
