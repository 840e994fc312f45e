"""What a git that was killed left in a store: half-written packs, objects and locks, and reports of its death; removed
without hurting one that runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from midwatch.engine.unused import in_use

FETCHING = "fetching.lock"
"""Held, by flock, by the one process that fetches into the store. It stays where it is."""

_LEFT = ("objects/pack/tmp_*", "objects/pack/.tmp-*", "objects/??/tmp_obj_*", "fast_import_crash_*", "*.lock")
_REFS = ("refs/remotes", "refs/tags")
_SETTLED = 600.0
"""Seconds: git closes a pack an instant before it renames it, and holds a lock of a ref for an instant."""


def left(store: Path, settled: float = _SETTLED) -> Iterator[Path]:
    """What is there. Blocks for a listing of the folders of objects and of the refs that are fetched."""
    found = [path for kind in _LEFT for path in store.glob(kind)]
    found += [path for refs in _REFS for path in (store / refs).rglob("*.lock")]
    for path in found:
        with contextlib.suppress(FileNotFoundError):
            if path.name != FETCHING and not in_use(path, settled):
                yield path


def sweep(store: Path, ref: str = "", settled: float = _SETTLED) -> None:
    """Remove it, and the lock of `ref`, which only the caller may write. Blocks as `left`; may be called at any time,
    by several processes at once. Raises OSError."""
    if ref:
        (store / f"{ref}.lock").unlink(missing_ok=True)
    for path in left(store, settled):
        path.unlink(missing_ok=True)
