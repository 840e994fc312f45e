"""Writing an archive: a gzipped tar with the rows, the events with their chain, the outputs, the commits and the diff,
and last a manifest with the SHA-256 of each of these."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from midwatch.engine.blobs import Blobs
from midwatch.engine.disk import full_or_broken
from midwatch.engine.retention.outputs import named_in
from midwatch.engine.retention.rows import ATTEMPT, EVENT, TASK, TURN, Rows
from midwatch.engine.store.sql import SqlStore

FORMAT, VERSION = "midwatch-archive", 1
MANIFEST = "manifest.json"
NEW = "new-"
"""Begins the name of an archive that is being written."""
_PAGE = 500
_COMMIT = re.compile(r'"commit":"([0-9a-f]{40}(?:[0-9a-f]{24})?)"')


@dataclass(frozen=True, slots=True)
class Written:
    """An archive that is durable."""

    path: Path
    digest: str
    """SHA-256 of the file."""
    bytes: int


async def events(store: SqlStore, rows: Rows, file: Path) -> tuple[set[str], set[str]]:
    """Write all events of all attempts into a file of JSON lines; the blobs and the commits that they name. Raises
    StoreError."""
    named, commits = set[str](), set[str]()
    for task in rows.tasks:  # one that never began has no event that names its pictures
        named.update(named_in(str(task[TASK.index("body")])))
    try:
        with file.open("w", encoding="ascii") as out:
            for name in rows.names:
                after = 0
                while page := await store.page(name, after, _PAGE):
                    for record in page:
                        out.write(_line({field: getattr(record, field) for field in EVENT}))
                        named.update(named_in(record.body))
                        commits.update(_COMMIT.findall(record.body))
                    after = page[-1].seq
    except OSError as error:
        raise full_or_broken(file.parent, error) from error
    return named, commits


def lines(rows: Rows) -> dict[str, bytes]:
    """The other rows as files of JSON lines."""
    parts = (("tasks", TASK, rows.tasks), ("attempts", ATTEMPT, rows.attempts), ("turns", TURN, rows.turns))
    return {
        f"{name}.jsonl": "".join(_line(dict(zip(fields, row, strict=True))) for row in found).encode()
        for name, fields, found in parts
    }


def write(folder: Path, name: str, files: Mapping[str, Path | bytes], about: Mapping[str, Any]) -> Written:
    """Write `folder`/`name` with these files, whole and durable, or not at all. `about` goes into the manifest. Blocks.
    Raises StoreError for a disk that does not obey."""
    new = ""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, new = tempfile.mkstemp(prefix=NEW, dir=folder)
        with os.fdopen(handle, "w+b") as out:
            with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=6, mtime=0) as packed:
                _pack(packed, files, about)
            out.flush()
            os.fsync(out.fileno())
            size = out.tell()
            out.seek(0)
            digest = _digest(out)
        Path(new).replace(folder / name)
        _sync(folder)
    except OSError as error:
        Path(new).unlink(missing_ok=True) if new else None
        raise full_or_broken(folder, error) from error
    return Written(folder / name, digest, size)


def outputs(blobs: Blobs, digests: Iterable[str]) -> tuple[dict[str, Path], list[str]]:
    """The files of these blobs, by their names in an archive, and those that are not there. Blocks."""
    found, missing = dict[str, Path](), []
    for digest in sorted(digests):
        try:
            found[f"blobs/{digest}"] = blobs.path(digest)
        except FileNotFoundError:
            missing.append(digest)
    return found, missing


def _pack(out: gzip.GzipFile, files: Mapping[str, Path | bytes], about: Mapping[str, Any]) -> None:
    listed: list[dict[str, Any]] = []
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(0)
                hashing = _Hashing(file)
                tar.addfile(_member(name, size), hashing)
            listed.append({"name": name, "bytes": size, "sha256": hashing.digest.hexdigest()})
        manifest = json.dumps({"format": FORMAT, "version": VERSION, **about, "files": listed}, indent=1).encode()
        tar.addfile(_member(MANIFEST, len(manifest)), io.BytesIO(manifest))


class _Hashing(io.RawIOBase):
    """Reads on, and hashes what is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self.digest.update(chunk)
        return chunk


def _member(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _sync(folder: Path) -> None:
    """What was renamed in it survives a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n"


def attempts_of(rows: Rows) -> Sequence[Mapping[str, Any]]:
    """For the manifest: what proves each attempt."""
    at = {name: ATTEMPT.index(name) for name in ("id", "seq", "hash")}
    return [{name: row[place] for name, place in at.items()} for row in rows.attempts]
