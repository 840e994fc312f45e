"""Laying out a difference on top of the layers: into a new upper folder, or into a plain folder that holds copies.

Nothing but this process writes there meanwhile, and no folder is entered that is a link.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from midwatch.workspace.found import above
from midwatch.workspace.raw import Contents
from midwatch.workspace.scan import OPAQUE
from midwatch.workspace.stamps import LINK, usual
from midwatch.workspace.stored import Blobs, Difference

Owner = tuple[int, int] | None


class Target(Protocol):
    """A folder that takes a difference."""

    @property
    def files(self) -> Files:
        """For writing there."""

    def erase(self, path: bytes) -> None:
        """Make it so that nothing is at the path."""

    def close_up(self, folder: bytes, wanted: bool) -> bool:
        """Erase the folder when nothing is in it and it is not `wanted`. Whether it was erased."""


@dataclass(slots=True)
class Files:
    """Writing below one folder."""

    top: Path
    owner: Owner
    lower: tuple[Path, ...] = ()
    """The layers, the lowest first: where they have a folder, its copy is given the same permissions."""
    written: set[bytes] = field(default_factory=set)
    _folders: set[bytes] = field(default_factory=set)

    def at(self, path: bytes) -> bytes:
        """The path in the file system; that of the folder itself for an empty one."""
        return os.fsencode(self.top) + b"/" + path if path else os.fsencode(self.top)

    def in_layers(self, path: bytes) -> list[bytes]:
        """Where the layers have this path, the highest first; not below something there that is no folder."""
        found = []
        for layer in reversed(self.lower):
            there = os.fsencode(layer) + b"/" + path
            parents = (os.fsencode(layer) + b"/" + folder for folder in above(path))
            if os.path.lexists(there) and not any(os.path.islink(parent) for parent in parents):
                found.append(there)
        return found

    def folder(self, path: bytes) -> None:
        """Make the folder and those above it. What is in the way is deleted."""
        for part in (*above(path), path):
            if not part or part in self._folders:
                continue
            if not _is_folder(self.at(part)):
                self.clear(part)
                os.mkdir(self.at(part))
                below = [there for there in self.in_layers(part) if _is_folder(there)]
                self._finish(part, stat.S_IMODE(os.lstat(below[0]).st_mode) if below else 0o755)
            self._folders.add(part)

    def clear(self, path: bytes) -> None:
        """Delete what is at the path, a folder with all in it; it holds nothing that a box has written."""
        place = self.at(path)
        if _is_folder(place):
            for name in os.listdir(place):
                self.clear(path + b"/" + name)
            os.rmdir(place)
            self._folders.discard(path)
        elif os.path.lexists(place):
            os.unlink(place)

    def file(self, path: bytes, mode: bytes, blob: str, contents: Contents) -> None:
        """Write a file or link."""
        self.folder(path.rpartition(b"/")[0])
        self.clear(path)
        self.written.add(path)
        if mode == LINK:
            os.symlink(b"".join(contents.pieces(blob)), self.at(path))
            self._own(path)
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self.at(path), flags, 0o600)
        try:
            for piece in contents.pieces(blob):
                view = memoryview(piece)
                while view:
                    view = view[os.write(handle, view) :]
        finally:
            os.close(handle)
        self._finish(path, usual(mode))

    def plain(self, path: bytes, content: bytes) -> None:
        """Write a small file of our own."""
        self.folder(path.rpartition(b"/")[0])
        self.clear(path)
        Path(os.fsdecode(self.at(path))).write_bytes(content)
        self._finish(path, 0o644)

    def whiteout(self, path: bytes) -> None:
        """Hide what the layers have there."""
        self.folder(path.rpartition(b"/")[0])
        self.clear(path)
        os.mknod(self.at(path), stat.S_IFCHR, 0)
        self._own(path)

    def permissions(self, path: bytes, mode: int) -> None:
        """Set them, on what only a layer has by copying it up; nothing happens where there is a link or nothing, or
        below a link, which may lead anywhere on this machine."""
        if not self.within(path):
            return
        if _status(self.at(path)) is None:
            self._copy_up(path)
        status = _status(self.at(path))
        if status is not None and (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            self.written.add(path)
            os.chmod(self.at(path), mode)

    def _copy_up(self, path: bytes) -> None:
        shown = self.in_layers(path)
        if not shown:
            return
        if _is_folder(shown[0]):
            self.folder(path)
        elif stat.S_ISREG(os.lstat(shown[0]).st_mode):
            self.folder(path.rpartition(b"/")[0])
            shutil.copy2(shown[0], self.at(path))
            self._own(path)

    def within(self, path: bytes) -> bool:
        """Whether all that is here of the way to the path are folders, and no file or link."""
        for folder in above(path):
            status = _status(self.at(folder))
            if status is None:
                return True
            if not stat.S_ISDIR(status.st_mode):
                return False
        return True

    def _finish(self, path: bytes, mode: int) -> None:
        self._own(path)
        os.chmod(self.at(path), mode)  # afterwards: a change of the owner takes some bits away

    def _own(self, path: bytes) -> None:
        if self.owner is not None:
            os.lchown(self.at(path), *self.owner)


@dataclass(frozen=True, slots=True)
class Upper:
    """An upper folder in the form of overlayfs. `opaque` is the attribute of folders that hide what is below."""

    files: Files
    opaque: str = OPAQUE

    def erase(self, path: bytes) -> None:
        """See Target."""
        if not self.files.within(path):
            return  # a file has taken the place of a folder above
        if self.files.in_layers(path):
            self.files.whiteout(path)
        else:
            self.files.clear(path)

    def close_up(self, folder: bytes, wanted: bool) -> bool:
        """See Target."""
        place = self.files.at(folder)
        if not self.files.within(folder) or not _is_folder(place):
            return False
        here = os.listdir(place)
        whiteouts = {name for name in here if _is_whiteout(place + b"/" + name)}
        if len(whiteouts) < len(here):
            return False
        for there in self.files.in_layers(folder):
            if _is_folder(there) and not whiteouts.issuperset(os.listdir(there)):
                return False
        if not wanted:
            self.erase(folder)
        elif whiteouts and _has_attribute(place, self.opaque):
            for name in whiteouts:
                os.unlink(place + b"/" + name)
        return not wanted


@dataclass(frozen=True, slots=True)
class Plain:
    """A plain folder that holds copies of the layers."""

    files: Files

    def erase(self, path: bytes) -> None:
        """See Target."""
        if self.files.within(path):
            self.files.clear(path)

    def close_up(self, folder: bytes, wanted: bool) -> bool:
        """See Target."""
        if wanted or not self.files.within(folder) or not _is_folder(self.files.at(folder)):
            return False
        if os.listdir(self.files.at(folder)):
            return False
        self.files.clear(folder)
        return True


def lay_out(target: Target, what: Difference, contents: Contents) -> None:
    """Make the folder what the checkpoint was. Blocks; costs what differs. Raises OSError, GitError."""
    gone = what.deleted | what.listing.gone
    for path in sorted(gone):
        target.erase(path)
    for path in sorted(what.listing.empty):
        target.files.folder(path)
    for blobs in (what.files, what.ignored):
        _write(target.files, blobs, contents)
    _close_up(target, gone, what.listing.empty)
    for path, mode in sorted(what.listing.modes.items(), reverse=True):  # a folder after what is in it
        target.files.permissions(path, mode)


def _write(files: Files, blobs: Blobs, contents: Contents) -> None:
    for path, (mode, blob) in sorted(blobs.items()):
        files.file(path, mode, blob, contents)


def _close_up(target: Target, gone: Iterable[bytes], wanted: frozenset[bytes]) -> None:
    """Erase folders that have lost their last file: git knows of no empty ones; those that were there are listed."""
    levels: dict[int, set[bytes]] = {}
    for path in gone:
        levels.setdefault(path.count(b"/"), set()).add(path.rpartition(b"/")[0])
    for depth in range(max(levels, default=0), 0, -1):  # the deepest first
        for folder in levels.get(depth, ()):
            if target.close_up(folder, folder in wanted):
                levels.setdefault(depth - 1, set()).add(folder.rpartition(b"/")[0])


def _has_attribute(folder: bytes, name: str) -> bool:
    try:
        os.setxattr(folder, name, b"y", follow_symlinks=False)
    except OSError:
        return False  # a file system without attributes: the whiteouts do as well
    return True


def _status(path: bytes) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _is_folder(path: bytes) -> bool:
    status = _status(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def _is_whiteout(path: bytes) -> bool:
    status = os.lstat(path)
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
