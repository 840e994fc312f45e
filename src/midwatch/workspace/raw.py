"""Objects of the store as bytes, read without a process where they lie in files of their own.

Commits and trees are remembered: they never change, and many tasks begin at the same one.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from midwatch.workspace.git import Git, GitError
from midwatch.workspace.listing import Kept

MOST_BYTES = 16 << 20
"""Of all that is remembered together."""
_LARGEST = 4 << 20
"""Bytes of an object that is read at once; git streams a larger one."""
_PIECE = 1 << 18

_kept: Kept[bytes] = Kept(MOST_BYTES)
_lock = threading.Lock()


@dataclass(slots=True)
class Contents:
    """The contents of objects, one after the other. Blocks; one thread at a time. Made by `contents`."""

    git: Git
    instead: Mapping[str, Path]
    _process: subprocess.Popen[bytes] | None = None
    _errors: IO[bytes] | None = None
    _held: ExitStack = field(default_factory=ExitStack)

    def pieces(self, name: str) -> Iterator[bytes]:
        """The content in pieces, all of which must be taken. Raises GitError when the store lacks it, OSError."""
        if name in self.instead:
            with self.instead[name].open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
        elif (whole := _loose(self.git.git_dir, name)) is not None:
            yield whole
        else:
            yield from self._asked(name)

    def _asked(self, name: str) -> Iterator[bytes]:
        """From a process that answers as long as this is open."""
        process = self._process = self._process or self._held.enter_context(self._started())
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(name.encode() + b"\n")
            stdin.flush()
        except BrokenPipeError:
            raise self._failure(b"") from None
        head = stdout.readline().split()
        if len(head) != 3:
            raise self._failure(b" ".join(head))
        left = int(head[2])
        while left:
            piece = stdout.read(min(left, _PIECE))
            if not piece:
                raise self._failure(b"")
            left -= len(piece)
            yield piece
        stdout.read(1)

    @contextmanager
    def _started(self) -> Iterator[subprocess.Popen[bytes]]:
        argv, env = self.git.command("cat-file", "--batch")
        with tempfile.TemporaryFile() as self._errors:
            process = subprocess.Popen(
                argv, env=env, cwd=self.git.cwd, start_new_session=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            )  # fmt: skip
            try:
                yield process
            finally:
                process.kill()
                for stream in (process.stdin, process.stdout):
                    assert stream is not None
                    with suppress(BrokenPipeError):  # it died before it was asked; `_failure` has said so
                        stream.close()
                process.wait()

    def _failure(self, said: bytes) -> GitError:
        assert self._process is not None
        assert self._errors is not None
        self._process.kill()
        code = self._process.wait()
        self._errors.seek(0)
        return GitError("cat-file", code, self._errors.read() or said)


@contextmanager
def contents(git: Git, instead: Mapping[str, Path] | None = None) -> Iterator[Contents]:
    """Open the store for reading blobs; files that are to be read `instead` of some of them, by blob. Blocks."""
    found = Contents(git, instead or {})
    with found._held:
        yield found


@dataclass(frozen=True, slots=True)
class Raw:
    """Commits and trees. Blocks; one thread at a time. Made by `reading`."""

    store: Path | None
    contents: Contents

    def get(self, name: str) -> bytes:
        """What the commit or tree of that id holds. Raises GitError when the store lacks it."""
        key = (self.store, name)
        with _lock:
            found = _kept.get(key)
        if found is None:
            found = b"".join(self.contents.pieces(name))
            with _lock:
                _kept.put(key, found, len(found) + 200)
        return found


@contextmanager
def reading(git: Git) -> Iterator[Raw]:
    """Open the store for reading commits and trees. Blocks."""
    with contents(git) as found:
        yield Raw(git.git_dir, found)


def _loose(store: Path | None, name: str) -> bytes | None:
    """What an object holds that lies in a file of its own; None for any other, or one that is large."""
    if store is None:
        return None
    try:
        data = (store / "objects" / name[:2] / name[2:]).read_bytes()
        unpack = zlib.decompressobj()
        whole = unpack.decompress(data, _LARGEST)
    except (OSError, zlib.error):
        return None
    head, nul, body = whole.partition(b"\0")
    return body if nul and unpack.eof and head.split(b" ")[-1] == b"%d" % len(body) else None
