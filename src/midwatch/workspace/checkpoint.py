"""Saving a tree: what changed since the last checkpoint becomes a commit in the store, through `git fast-import`.

The host never runs git on what the box has written; it reads the files itself and hands git names and bytes.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from midwatch.domain.errors import OperationError
from midwatch.domain.evidence import Checkpoint
from midwatch.workspace.git import Git, GitError
from midwatch.workspace.names import quoted
from midwatch.workspace.scan import LINK, Kept, Known, Scan, Stamp, opened, scan

_IN_MEMORY = 1 << 20
"""Bytes up to which a file is read at once; a larger one is streamed."""
MOST_NEW = 4 << 30
"""Bytes that are read for one checkpoint; a hole in a file costs as much as bytes do."""
_PIECE = 1 << 18
_CLOCK_NS = 20_000_000
"""Two changes closer together than this may carry the same time."""
_TRIES = 3
_WHEN = b"946684800 +0000"
"""All checkpoints carry one date: the same content after the same checkpoint has the same id."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint, what lay there at that time, and what could not be kept (a sentence each)."""

    checkpoint: Checkpoint
    kept: Mapping[bytes, Kept]
    skipped: tuple[str, ...]


class _Moved(Exception):
    """A file changed while it was being read."""


@dataclass(slots=True)
class Saver:
    """Saves the tree at `tree` again and again. One thread at a time."""

    git: Git
    tree: Path
    ref: str
    known: Known
    sha256: bool

    def save(self, last: Checkpoint, kept: Mapping[bytes, Kept]) -> Saved:
        """The tree as it is now. Blocks; costs a walk and what changed. Raises OperationError when a file does not
        stop changing, GitError when the store cannot be written. A failed call leaves nothing half made."""
        for _ in range(_TRIES):
            try:
                return self._save(last, kept)
            except (_Moved, FileNotFoundError, NotADirectoryError):
                continue
        raise OperationError(
            "the workspace cannot be saved: its files keep changing",
            "a process is still writing there; `midwatch resume`",
        )

    def _save(self, last: Checkpoint, kept: Mapping[bytes, Kept]) -> Saved:
        started = time.time_ns()
        top = os.open(self.tree, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            found = scan(top, self.known)
            absent = [path for path in kept if path not in found.files]
            gone = [path for path in absent if not found.hides(path)]
            batch = _Batch(self, last, gone)
            try:
                fresh = {path: kept[path] for path in absent if found.hides(path)}
                changed = []
                for path, stamp in found.files.items():
                    before = kept.get(path)
                    if before is not None and before.stamp == stamp:
                        fresh[path] = before
                    else:
                        changed.append(path)
                left = MOST_NEW
                for path in sorted(changed):  # in one order, so that the same files are kept when they are too much
                    stamp = found.files[path]
                    if stamp.size > left:
                        found.skipped.append((path, f"more than {MOST_NEW >> 30} GiB of changes at once"))
                        entry = kept.get(path)
                    else:
                        left -= stamp.size
                        entry = self._entry(top, path, stamp, kept.get(path), batch, found)
                    if entry:
                        fresh[path] = _settled(entry, started)
                if gone:
                    batch.begin()
                return Saved(batch.finish(), fresh, found.sentences())
            finally:
                batch.close()
        finally:
            os.close(top)

    def _entry(
        self, top: int, path: bytes, stamp: Stamp, before: Kept | None, batch: _Batch, found: Scan
    ) -> Kept | None:
        """Hand the file on if it changed; what is now known of it, or None when it could not be read at all."""
        same = before.blob if before is not None and before.mode == stamp.mode else ""
        try:
            with _parent(top, path) as (folder, name):
                if stamp.mode == LINK:
                    target = os.readlink(name, dir_fd=folder)
                    return self._small(path, stamp, os.fsencode(target), same, batch)
                with opened(folder, name) as handle:
                    return self._file(handle, path, stamp, same, batch)
        except PermissionError as error:
            found.skipped.append((path, str(error.strerror)))
            return before

    def _file(self, handle: int, path: bytes, stamp: Stamp, same: str, batch: _Batch) -> Kept:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise _Moved
        if status.st_size <= _IN_MEMORY:
            data = _read(handle, status.st_size + 1)
            if len(data) > _IN_MEMORY:
                raise _Moved
            return self._small(path, stamp, data, same, batch)
        if same and self._hash_of(handle, status.st_size, None) == same:
            return Kept(stamp, stamp.mode, same)
        os.lseek(handle, 0, os.SEEK_SET)
        pipe = batch.begin()
        pipe.write(b"M %s inline %s\ndata %d\n" % (stamp.mode, quoted(path), status.st_size))
        blob = self._hash_of(handle, status.st_size, pipe)
        pipe.write(b"\n")
        return Kept(stamp, stamp.mode, blob)

    def _small(self, path: bytes, stamp: Stamp, data: bytes, same: str, batch: _Batch) -> Kept:
        digest = self._hash(len(data))
        digest.update(data)
        blob = digest.hexdigest()
        if blob != same:
            command = b"M %s inline %s\ndata %d\n" % (stamp.mode, quoted(path), len(data))
            batch.begin().write(command + data + b"\n")
        return Kept(stamp, stamp.mode, blob)

    def _hash_of(self, handle: int, size: int, copy: _Pipe | None) -> str:
        """The blob id of `size` bytes, which also go to `copy`. Raises _Moved when there are fewer."""
        digest, left = self._hash(size), size
        while left:
            piece = os.read(handle, min(left, _PIECE))
            if not piece:
                raise _Moved
            digest.update(piece)
            if copy is not None:
                copy.write(piece)
            left -= len(piece)
        return digest.hexdigest()

    def _hash(self, size: int) -> hashlib._Hash:
        digest = hashlib.new("sha256" if self.sha256 else "sha1", usedforsecurity=False)
        digest.update(b"blob %d\0" % size)
        return digest


@dataclass(slots=True)
class _Batch:
    """One run of fast-import, started by the first change."""

    saver: Saver
    last: Checkpoint
    gone: list[bytes]
    _process: subprocess.Popen[bytes] | None = None
    _errors: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def begin(self) -> _Pipe:
        """Where the changes go. Deletions go first, so that a file can take the place of a folder."""
        if self._process is None:
            self._process = self._start()
            pipe = self._pipe()
            ref = self.saver.ref.encode()
            pipe.write(b"commit " + ref + b"\nmark :1\ncommitter Midwatch <midwatch@localhost> " + _WHEN)
            pipe.write(b"\ndata 11\ncheckpoint\n\nfrom " + self.last.commit.encode() + b"\n")
            for path in self.gone:
                pipe.write(b"D " + quoted(path) + b"\n")
        return self._pipe()

    def _start(self) -> subprocess.Popen[bytes]:
        argv, env = self.saver.git.command("fast-import", "--quiet", "--done", "--force", "--date-format=raw")
        return subprocess.Popen(
            argv, env=env, cwd=self.saver.git.cwd, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip

    def _pipe(self) -> _Pipe:
        assert self._process is not None
        assert self._process.stdin is not None
        return _Pipe(self._process.stdin, self)

    def finish(self) -> Checkpoint:
        """The new checkpoint, or the last one when nothing changed."""
        if self._process is None:
            return self.last
        self._pipe().write(b'\nget-mark :1\nls :1 ""\ndone\n')
        try:
            stdout, _ = self._process.communicate()
        except BrokenPipeError:
            raise self.failure() from None
        if self._process.returncode != 0:
            raise self.failure()
        commit, listing = stdout.decode("ascii", "replace").split("\n")[:2]
        tree = listing.split()[2]
        return self.last if tree == self.last.tree else Checkpoint(tree=tree, commit=commit)

    def failure(self) -> GitError:
        """Why fast-import ended."""
        assert self._process is not None
        self._process.kill()
        code = self._process.wait()
        self._errors.seek(0)
        return GitError("fast-import", code, self._errors.read())

    def close(self) -> None:
        """End the process, finished or not: an unfinished one leaves no ref and no object behind."""
        process = self._process
        if process is not None:
            if process.poll() is None:
                process.kill()
            for stream in (process.stdin, process.stdout):
                try:
                    if stream is not None:
                        stream.close()
                except BrokenPipeError:
                    pass  # it died before it read all; `failure` has said so, or the batch was given up
            process.wait()
        self._errors.close()


class _Pipe:
    """Writes to fast-import; when that has died, says why."""

    def __init__(self, stdin: IO[bytes], batch: _Batch) -> None:
        self._stdin = stdin
        self._batch = batch

    def write(self, data: bytes) -> None:
        try:
            self._stdin.write(data)
        except BrokenPipeError:
            raise self._batch.failure() from None


def kept_now(tree: Path, known: Known, blobs: Mapping[bytes, tuple[bytes, str]]) -> dict[bytes, Kept]:
    """What lies in a tree that git has just written: `blobs` are mode and blob by path. Blocks for a walk."""
    started = time.time_ns()
    top = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = scan(top, known)
    finally:
        os.close(top)
    kept = {}
    for path, (mode, blob) in blobs.items():
        stamp = found.files.get(path)
        kept[path] = _settled(Kept(stamp if stamp and stamp.mode == mode else None, mode, blob), started)
    return kept


def _settled(kept: Kept, started: int) -> Kept:
    """Without its stamp when the file changed so lately that a further change could carry the same time."""
    if kept.stamp is None or max(kept.stamp.ctime_ns, kept.stamp.mtime_ns) < started - _CLOCK_NS:
        return kept
    return kept._replace(stamp=None)


def _read(handle: int, limit: int) -> bytes:
    pieces = []
    while limit > 0 and (piece := os.read(handle, limit)):
        pieces.append(piece)
        limit -= len(piece)
    return b"".join(pieces)


@contextmanager
def _parent(top: int, path: bytes) -> Iterator[tuple[int, bytes]]:
    """A handle of the folder that holds `path`, reached without following a link, and the name in it."""
    head, slash, rest = path.partition(b"/")
    if not slash:
        yield top, path
        return
    with opened(top, head, os.O_DIRECTORY) as folder, _parent(folder, rest) as found:
        yield found
