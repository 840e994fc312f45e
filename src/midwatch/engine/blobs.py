"""Large outputs, by digest: files named by the SHA-256 of their content, written once and never changed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from midwatch.engine.disk import full_or_broken, keep
from midwatch.engine.unused import in_use


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored blob: digest (hex SHA-256), size in bytes, number of lines (a last one without newline counts)."""

    digest: str
    bytes: int
    lines: int


class BlobWriter:
    """Writes one blob piece by piece. `finish` or `discard` must be called; both may be called twice."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._newlines = 0
        self._last = b"\n"
        self._error: OSError | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix="incoming-", dir=folder)
        except OSError as error:
            raise full_or_broken(folder, error) from error
        self._file = os.fdopen(handle, "wb", buffering=1 << 16)
        self._name = Path(name)

    def write(self, chunk: bytes) -> None:
        """Add bytes. Never raises: what goes wrong is raised by `finish`."""
        if self._error is not None or not chunk:
            return
        try:
            self._file.write(chunk)
        except OSError as error:
            self._error = error
            return
        self._hash.update(chunk)
        self._bytes += len(chunk)
        self._newlines += chunk.count(b"\n")
        self._last = chunk[-1:]

    def finish(self) -> Blob:
        """Store it under its digest. Raises StoreError when the disk is full or unwritable."""
        blob = Blob(self._hash.hexdigest(), self._bytes, self._newlines + (self._last != b"\n"))
        target = self._folder / blob.digest[:2] / blob.digest
        try:
            if self._error is not None:
                raise self._error
            if not self._file.closed:
                self._file.flush()
                os.fsync(self._file.fileno())  # the event that names it will be durable, so it must be too
            target.parent.mkdir(exist_ok=True)
            if self._name.exists():
                self._name.replace(target)
                keep(target.parent, self._folder)
            self._file.close()  # last: as long as it has its first name it is open, so `left` knows whose it is
        except OSError as error:
            self._error = error  # also for whoever asks again
            self.discard()
            raise full_or_broken(self._folder, error) from error
        return blob

    def discard(self) -> None:
        """Forget what was written."""
        with contextlib.suppress(OSError):  # a full disk shows itself again on close
            self._file.close()
        self._name.unlink(missing_ok=True)


class Blobs:
    """The blob store of a state folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def writer(self) -> BlobWriter:
        """A new blob, piece by piece."""
        return BlobWriter(self.folder)

    def put(self, data: bytes) -> Blob:
        """A new blob at once."""
        writer = self.writer()
        writer.write(data)
        return writer.finish()

    def path(self, digest: str) -> Path:
        """Where the blob is. Raises FileNotFoundError when it is not there."""
        if len(digest) != 64 or not all(c in "0123456789abcdef" for c in digest):
            raise FileNotFoundError(f"{digest!r} is no digest")
        path = self.folder / digest[:2] / digest
        if not path.is_file():
            raise FileNotFoundError(path)
        return path

    def read(self, digest: str) -> bytes:
        """The whole content. Raises FileNotFoundError."""
        return self.path(digest).read_bytes()

    def left(self) -> Iterator[Path]:
        """What killed processes left half written."""
        for path in self.folder.glob("incoming-*"):
            with contextlib.suppress(OSError):
                if not in_use(path):
                    yield path

    def sweep(self) -> None:
        """Remove that. Never raises; may be called at any time, by several processes at once."""
        for path in self.left():
            with contextlib.suppress(OSError):
                path.unlink()

    def verify(self, digest: str) -> str:
        """What is wrong with a blob, in a sentence; empty when it is as it was written."""
        try:
            path = self.path(digest)
            actual = hashlib.sha256()
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    actual.update(chunk)
        except FileNotFoundError:
            return f"blob {digest[:12]} is missing"
        except OSError as error:
            return f"blob {digest[:12]} cannot be read: {error.strerror}"
        if actual.hexdigest() != digest:
            return f"blob {digest[:12]} has been changed: its SHA-256 is now {actual.hexdigest()[:12]}"
        return ""
