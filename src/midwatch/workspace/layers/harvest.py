"""From what a box wrote to a layer: nothing of the repository's own files, nothing that is no file, one owner."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from midwatch.workspace.deletion import delete
from midwatch.workspace.names import shown

DEEPEST = 200
"""Folders below each other; what lies deeper is left out."""
MOST_SAID = 50

_OPAQUE = "user.overlay."


@dataclass(slots=True)
class Harvest:
    """What became of a folder that a box wrote."""

    files: int = 0
    size: int = 0
    """Bytes on disk."""
    left_out: list[str] = field(default_factory=list)
    """Sentences, at most MOST_SAID, and how many more there are."""
    _more: int = 0

    def say(self, path: bytes, why: str) -> None:
        """Something is not in the layer."""
        if len(self.left_out) < MOST_SAID:
            self.left_out.append(f"{shown(path)}: {why}")
        else:
            self._more += 1

    def sentences(self) -> tuple[str, ...]:
        """What was left out and why."""
        return (*self.left_out, f"and {self._more} more") if self._more else tuple(self.left_out)


@dataclass(frozen=True, slots=True)
class Own:
    """What the repository itself has at the top of the workspace: never part of a layer."""

    files: Collection[bytes] = frozenset()
    folders: Collection[bytes] = frozenset()
    gitlinks: Collection[bytes] = frozenset()
    before: Mapping[bytes, tuple[int, int, int]] = field(default_factory=dict)
    """Size, time and mode of files as they lay there before the box was opened, where all of them are in the folder."""


def stamps(top: Path) -> dict[bytes, tuple[int, int, int]]:
    """What `Own.before` needs. Blocks for about 5 µs a file."""
    found = {}
    root = os.fsencode(top)
    for folder, _, names in os.walk(root):
        for name in names:
            path = folder + b"/" + name
            found[path[len(root) + 1 :]] = _stamp(os.lstat(path))
    return found


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_mode


def harvest(source: Path, target: Path, own: Own | None = None, *, above: bool = False) -> Harvest:
    """Move `source`, which no box can write to any more, to `target` and make a layer of it. `own` is given for a
    workspace: its files, its folders where nothing new is in them, and `.git` are left out. `above` keeps what says
    that something of a layer below is gone. Blocks for about 10 µs a file; raises OSError."""
    _open_up(os.fsencode(source))
    source.rename(target)
    found = Harvest()
    _Pruning(own, above, found).walk(os.fsencode(target), b"", 0)
    _settle(os.fsencode(target))
    return found


class _Pruning:
    def __init__(self, own: Own | None, above: bool, found: Harvest) -> None:
        self.workspace = own is not None
        self.own = own or Own()
        self.above = above
        self.found = found

    def walk(self, folder: bytes, place: bytes, depth: int) -> bool:
        """Whether anything is left in the folder. Follows no link: nothing runs that could change what is looked at."""
        _open_up(folder)
        kept = False
        with os.scandir(folder) as entries:
            names = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
        for name, status in names:
            path, where = folder + b"/" + name, place + name
            if stat.S_ISDIR(status.st_mode):
                kept |= self._folder(path, where, depth)
            elif self._wanted(where, status):
                kept = True
                self.found.files += 1
                self.found.size += status.st_blocks * 512
                _settle(path)
            else:
                os.unlink(path)  # noqa: PTH108
        return kept

    def _folder(self, path: bytes, where: bytes, depth: int) -> bool:
        why = ""
        if where == b".git" and self.workspace:
            delete(Path(os.fsdecode(path)))  # the box's own view of the repository; each attempt gets a new one
            return False
        if where in self.own.files or where in self.own.gitlinks:
            why = "a folder, where the repository has something of its own"
        elif depth >= DEEPEST:
            why = f"deeper than {DEEPEST} folders"
        if why:
            self.found.say(where, why)
            delete(Path(os.fsdecode(path)))
            return False
        kept = self.walk(path, where + b"/", depth + 1)
        ours = where in self.own.folders
        for name in os.listxattr(path, follow_symlinks=False):
            # a folder that a box put in place of another hides what is below; only a layer further up may
            if name.startswith(_OPAQUE) and (ours or not self.above):
                os.removexattr(path, name, follow_symlinks=False)
        if ours and not kept:
            os.rmdir(path)  # noqa: PTH106
            return False
        _settle(path)
        return True

    def _wanted(self, where: bytes, status: os.stat_result) -> bool:
        gone = stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
        if where == b".git" and self.workspace:
            return False
        if where in self.own.files or where in self.own.folders or where in self.own.gitlinks:
            if self.own.before.get(where) != _stamp(status):
                self.found.say(where, f"{'deleted' if gone else 'changed'}, but it is the repository's own")
            return False
        if gone:
            return self.above
        if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
            return True
        self.found.say(where, "is no file, folder or link")
        return False


def _open_up(folder: bytes) -> None:
    """A folder of our own that its modes keep us out of."""
    mode = stat.S_IMODE(os.lstat(folder).st_mode)
    if os.geteuid() != 0 and mode & 0o700 != 0o700:
        os.chmod(folder, mode | 0o700)  # noqa: PTH101


def _settle(path: bytes) -> None:
    """One owner throughout, who is not the user that some box runs as; no program that changes its user."""
    status = os.lstat(path)
    if os.geteuid() == 0 and (status.st_uid, status.st_gid) != (0, 0):
        os.lchown(path, 0, 0)
    if stat.S_ISREG(status.st_mode) and status.st_mode & 0o6000:
        os.chmod(path, stat.S_IMODE(status.st_mode) & ~0o6000)  # noqa: PTH101
