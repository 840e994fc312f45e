"""The blob store."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from midwatch.domain.errors import StoreError
from midwatch.engine.blobs import Blobs


def test_a_blob_is_found_by_the_digest_of_its_content(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    writer = blobs.writer()
    writer.write(b"one\ntw")
    writer.write(b"")
    writer.write(b"o")
    blob = writer.finish()
    assert (blob.digest, blob.bytes, blob.lines) == (hashlib.sha256(b"one\ntwo").hexdigest(), 7, 2)
    assert blobs.read(blob.digest) == b"one\ntwo"
    assert blobs.put(b"one\ntwo") == blob
    assert blobs.put(b"").lines == 0
    assert blobs.verify(blob.digest) == ""


def test_what_is_discarded_leaves_nothing(tmp_path: Path) -> None:
    writer = Blobs(tmp_path).writer()
    writer.write(b"x")
    writer.discard()
    writer.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("damage", "word"), [(b"onE\n", "changed"), (None, "missing")])
def test_a_changed_or_missing_blob_is_found(tmp_path: Path, damage: bytes | None, word: str) -> None:
    blobs = Blobs(tmp_path)
    blob = blobs.put(b"one\n")
    path = blobs.path(blob.digest)
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    assert word in blobs.verify(blob.digest)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "g" * 64, "a" * 63])
def test_what_is_no_digest_is_no_blob(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        Blobs(tmp_path).path(name)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written") as error:
        Blobs(tmp_path / "file" / "blobs").put(b"x")
    assert error.value.mend


def test_a_full_disk_is_said_by_finish_and_leaves_nothing() -> None:
    full = Path("/dev/full")
    writer = Blobs(Path("/tmp")).writer()
    writer._file.close()
    name = writer._name
    writer._file = full.open("wb", buffering=1 << 16)
    writer.write(b"x" * (1 << 17))
    with pytest.raises(StoreError, match="is full"):
        writer.finish()
    assert not name.exists()


_HALF = """
import sys, time
from pathlib import Path
from midwatch.engine.blobs import Blobs
writer = Blobs(Path(sys.argv[1])).writer()
writer.write(b"half" * 100_000)
print("written", flush=True)
time.sleep(60)
"""


def test_what_was_not_stored_is_not_said_to_be_by_a_second_finish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    writer = Blobs(tmp_path).writer()
    writer.write(b"some")
    monkeypatch.setattr(os, "fsync", broken)
    for _ in range(2):
        with pytest.raises(StoreError, match="Input/output error"):
            writer.finish()


def test_what_a_killed_process_left_half_written_is_swept_and_nothing_that_is_being_written(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    kept, half = blobs.put(b"kept"), blobs.writer()
    half.write(b"half")
    other = subprocess.Popen([sys.executable, "-c", _HALF, str(tmp_path)], stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    blobs.sweep()
    assert len(list(tmp_path.glob("incoming-*"))) == 2
    other.kill()
    other.communicate()
    assert len(list(blobs.left())) == 1
    blobs.sweep()
    assert len(list(tmp_path.glob("incoming-*"))) == 1
    assert blobs.read(half.finish().digest) == b"half"
    assert blobs.read(kept.digest) == b"kept"
