"""Writing objects and refs into the store without a process: the store is ours alone, and small ones are simple.

They are written as git writes them: a loose object under its id, a file for the ref; both appear whole or not at all,
and survive a power cut once they have.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from pathlib import Path

from midwatch.engine.disk import full_or_broken, keep


def commit(store: Path, tree: str, parent: str, who: bytes, message: bytes) -> str:
    """The id of a commit, which the store has from now on. `who` is author and committer: a name, an address and a
    time. The same arguments give the same id. Blocks. Raises StoreError for a full disk."""
    ids = f"tree {tree}\nparent {parent}\n".encode()
    body = ids + b"author %s\ncommitter %s\n\n%s" % (who, who, message)
    return loose(store, b"commit", body, sha256=len(tree) == 64)


def loose(store: Path, kind: bytes, body: bytes, *, sha256: bool, unkept: set[Path] | None = None) -> str:
    """The id of an object, which the store has from now on; one that lies there already is only made new again, so that
    nobody takes it for forgotten. What of it the disk may not hold yet is for the caller to keep where `unkept` is
    given, which gets it: once for many objects. Blocks. Raises StoreError for a full disk."""
    data = b"%s %d\0%s" % (kind, len(body), body)
    name = hashlib.new("sha256" if sha256 else "sha1", data, usedforsecurity=False).hexdigest()
    place = store / "objects" / name[:2] / name[2:]
    try:
        os.utime(place)
    except PermissionError:  # another user wrote it, and it is there
        pass
    except OSError:
        _replace(place, zlib.compress(data, 1), 0o444, store / "objects", unkept=unkept)
        return name
    # Whoever wrote it may be about to sync it still, or have been killed before.
    there = {place, *place.parents[:2]}
    if unkept is not None:
        unkept.update(there)
        return name
    try:
        keep(*there)
    except OSError as error:
        raise full_or_broken(place, error) from error
    return name


def ref(store: Path, name: str, commit_id: str) -> None:
    """Have `name` (refs/midwatch/…) point at a commit that the store has. Only for a ref that nobody else writes at the
    same time. Blocks. Raises StoreError for a full disk."""
    place, line = store / name, commit_id.encode() + b"\n"
    if not (place.is_file() and place.read_bytes() == line):
        _replace(place, line, 0o644, store / "refs", store / "objects" / "pack")


def _replace(
    place: Path, content: bytes, mode: int, top: Path, beside: Path | None = None, *, unkept: set[Path] | None = None
) -> None:
    """`top`: the folder above it that was there before. `beside`: where it is made, for what may lie half made in no
    folder of refs, where git would take it for one. `unkept`: gets what else the disk is to hold."""
    new = ""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            place.parent.chmod(0o755)  # a box of root's runs as another user and reads these objects
        handle, new = tempfile.mkstemp(prefix="tmp_obj_", dir=beside or place.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
        try:
            Path(new).replace(place)
        except FileNotFoundError:  # git deletes a folder of refs with the last of them
            place.parent.mkdir(parents=True, exist_ok=True)
            Path(new).replace(place)
        above = place.parents[: place.parents.index(top) + 1]
        if unkept is None:
            keep(*above)
        else:
            unkept.update(above)
    except OSError as error:
        Path(new).unlink(missing_ok=True) if new else None
        raise full_or_broken(place, error) from error
