"""The files of one commit: those that changed are read and handed on to be written."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from midwatch.workspace.found import Found
from midwatch.workspace.importing import Import
from midwatch.workspace.lfs import Pointers, digest_of, pointer_of
from midwatch.workspace.reading import folder_of, opened, read_all
from midwatch.workspace.stamps import LINK, Kept, Stamp, settled

_IN_MEMORY = 1 << 20
"""Bytes up to which a file is read at once; a larger one is streamed."""
MOST_NEW = 4 << 30
"""Bytes that are read for one checkpoint; a hole in a file costs as much as bytes do."""
LARGEST_IGNORED, MOST_IGNORED = 512 << 20, 2 << 30
"""The same for ignored files: of one, and of those that are new in one checkpoint."""
_PIECE = 1 << 18


class Moved(Exception):
    """A file changed or went away while it was being read; its path."""

    def __init__(self, path: bytes, *, torn: bool = False) -> None:
        self.path = path
        self.torn = torn
        """Half of it has been handed on already: what was begun cannot be finished."""
        super().__init__(path)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the files are and where they go."""

    top: int
    """Handle of the folder that was walked."""
    found: Found
    target: Import
    started: int
    """When the walk began, in nanoseconds."""
    sha256: bool
    restless: frozenset[bytes] = frozenset()
    """Files that would not keep still so far: they are not read."""
    lenient: bool = False
    """What changes or goes away while it is read stays as it was known, instead of raising Moved."""
    pointers: Pointers = field(default_factory=dict)


class Part:
    """Begins its commit at the first change. `place` says where a path goes in the commit's tree."""

    def __init__(
        self, source: Source, begin: Callable[[], None], place: Callable[[bytes], bytes], *, ignored: bool
    ) -> None:
        self._source, self._begin, self._place = source, begin, place
        self._largest = LARGEST_IGNORED if ignored else None
        self._most = MOST_IGNORED if ignored else MOST_NEW
        self._begun = False

    def begin(self) -> None:
        """Begin the commit, unless that has been done."""
        if not self._begun:
            self._begun = True
            self._begin()

    def write(self, before: Mapping[bytes, Kept], now: Mapping[bytes, Stamp]) -> dict[bytes, Kept]:
        """Hand on what changed; what is known from now on. Raises Moved, OSError, GitError."""
        found = self._source.found
        fresh = {path: kept for path, kept in before.items() if path not in now and found.hides(path)}
        changed = []
        for path, stamp in now.items():
            kept = before.get(path)
            if kept is not None and kept.stamp == stamp:
                fresh[path] = kept
            else:
                changed.append(path)
        left = self._most
        for path in sorted(changed):  # in one order, so that the same files are kept when they are too much
            stamp, entry = now[path], before.get(path)
            if self._largest is not None and stamp.size > self._largest:
                self._left(path, f"ignored, and larger than {self._largest >> 20} MiB")
            elif path in self._source.restless:
                self._left(path, "it kept changing while it was read")
            elif stamp.size > left:
                self._left(path, f"more than {self._most >> 30} GiB of changes at once")
            else:
                left -= stamp.size
                entry = self._entry(path, stamp, entry)
            if entry:
                fresh[path] = settled(entry, self._source.started)
        return fresh

    def _entry(self, path: bytes, stamp: Stamp, before: Kept | None) -> Kept | None:
        """Hand the file on if it changed; what is now known of it, or None when it could not be read at all."""
        same = before.blob if before is not None and before.mode == stamp.mode else ""
        try:
            with folder_of(self._source.top, path) as (folder, name):
                if stamp.mode == LINK:
                    target = os.readlink(name, dir_fd=folder)
                    return self._small(path, stamp, os.fsencode(target), same)
                with opened(folder, name) as handle:
                    return self._file(handle, path, stamp, same)
        except Moved as error:
            if error.torn or not self._source.lenient:
                raise
            self._left(path, "it kept changing while it was read")
            return before
        except PermissionError as error:
            self._left(path, str(error.strerror))
            return before
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL):
                raise
            if self._source.lenient:  # it has gone away since the walk; the next checkpoint knows
                return before
            raise Moved(path) from error

    def _left(self, path: bytes, why: str) -> None:
        """It stays as it was known."""
        self._source.found.skipped.append((path, why))
        if self._largest is None:
            self._source.found.hidden.add(path)

    def _file(self, handle: int, path: bytes, stamp: Stamp, same: str) -> Kept:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise Moved(path)
        _, oid, size = self._source.pointers.get(path, ("", "", -1))
        if size == status.st_size and digest_of(handle) == oid:
            return self._small(path, stamp, pointer_of(oid, size), same)
        os.lseek(handle, 0, os.SEEK_SET)
        if status.st_size <= _IN_MEMORY:
            data = read_all(handle, status.st_size + 1)
            if len(data) > _IN_MEMORY:
                raise Moved(path)
            return self._small(path, stamp, data, same)
        if same and self._hash_of(handle, path, status.st_size, None) == same:
            return Kept(stamp, stamp.mode, same)
        os.lseek(handle, 0, os.SEEK_SET)
        self.begin()
        self._source.target.header(self._place(path), stamp.mode, status.st_size)
        blob = self._hash_of(handle, path, status.st_size, self._source.target)
        self._source.target.write(b"\n")
        return Kept(stamp, stamp.mode, blob)

    def _small(self, path: bytes, stamp: Stamp, data: bytes, same: str) -> Kept:
        digest = self._hash(len(data))
        digest.update(data)
        blob = digest.hexdigest()
        if blob != same:
            self.begin()
            self._source.target.file(self._place(path), stamp.mode, data)
        return Kept(stamp, stamp.mode, blob)

    def _hash_of(self, handle: int, path: bytes, size: int, copy: Import | None) -> str:
        """The blob id of `size` bytes, which also go to `copy`. Raises Moved when there are fewer."""
        digest, left = self._hash(size), size
        while left:
            piece = os.read(handle, min(left, _PIECE))
            if not piece:
                raise Moved(path, torn=copy is not None)
            digest.update(piece)
            if copy is not None:
                copy.write(piece)
            left -= len(piece)
        return digest.hexdigest()

    def _hash(self, size: int) -> hashlib._Hash:
        digest = hashlib.new("sha256" if self._source.sha256 else "sha1", usedforsecurity=False)
        digest.update(b"blob %d\0" % size)
        return digest
