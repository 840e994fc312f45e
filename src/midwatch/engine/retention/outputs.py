"""Outputs that nobody names any more: blobs are shared by all tasks whose commands have printed the same."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from midwatch.engine.blobs import Blobs
from midwatch.engine.database.base import Connection, Database

OLD = 86400.0
"""Seconds: what was written later may be named in a moment."""
_PAGE = 500
_ASIDE = "old-"
_NAMED = re.compile(r'"digest":"([0-9a-f]{64})"')
_NAMES_ONE = '%"digest":"%'
_NAMING: tuple[tuple[str, tuple[str | int, ...]], ...] = (
    (
        "SELECT attempt, seq, body FROM event WHERE (attempt, seq) > (?, ?) AND body LIKE ? "
        "ORDER BY attempt, seq LIMIT ?",
        ("", 0),
    ),
    ("SELECT id, body FROM task WHERE id > ? AND body LIKE ? ORDER BY id LIMIT ?", ("",)),
    (
        "SELECT attempt, number, images FROM message WHERE (attempt, number) > (?, ?) AND images LIKE ? "
        "ORDER BY attempt, number LIMIT ?",
        ("", 0),
    ),
)
"""Where blobs are named, page by page: the row's key, and last the text."""


def named_in(body: str) -> Iterable[str]:
    """The blobs that an event names, by its stored body."""
    return _NAMED.findall(body)


async def still_named(database: Database, digests: Collection[str]) -> set[str]:
    """Those of them that anything in the database names: an event, a task that has not begun, a message that waits.
    Reads all that name any."""
    found = set[str]()
    for query, start in _NAMING:
        found |= await _named(database, query, start, set(digests))
    return found


async def _named(database: Database, query: str, start: tuple[str | int, ...], wanted: set[str]) -> set[str]:
    found, after = set[str](), start
    while wanted:

        def work(db: Connection, after: tuple[str | int, ...] = after) -> list[tuple[str, ...]]:
            return list(db.execute(query, (*after, _NAMES_ONE, _PAGE)))

        rows = await database.read(work)
        for *_, body in rows:
            found.update(wanted.intersection(named_in(body)))
        if len(rows) < _PAGE:
            break
        after = rows[-1][:-1]
    return found


def remove(blobs: Blobs, digests: Iterable[str], old: float = OLD) -> int:
    """Delete those that were written more than `old` seconds ago; how many. Nothing happens with one that is not there.
    Blocks. Raises OSError."""
    removed = 0
    for path in blobs.folder.glob(f"??/{_ASIDE}*"):  # whoever was about to delete it may have been killed
        with contextlib.suppress(FileNotFoundError):
            _finish(path, old)
    for digest in digests:
        with contextlib.suppress(FileNotFoundError):
            removed += _remove(blobs.path(digest), old)
    return removed


def _remove(path: Path, old: float) -> bool:
    """Moved aside first: whoever writes the same output in this moment puts a new file in its place, which stays."""
    if time.time() - path.stat().st_mtime < old:
        return False
    aside = path.with_name(f"{_ASIDE}{path.name}-{os.getpid()}")
    path.rename(aside)
    return _finish(aside, old)


def _finish(aside: Path, old: float) -> bool:
    """Delete what was moved aside, or put it back where it was that new file."""
    status = aside.stat()
    new = status.st_ctime - status.st_mtime < old  # moved so soon after it was written
    if new:
        with contextlib.suppress(FileExistsError):
            os.link(aside, aside.with_name(aside.name.removeprefix(_ASIDE).partition("-")[0]))
    aside.unlink()
    return not new
