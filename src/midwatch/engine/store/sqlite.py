"""The store in a file of its own."""

from __future__ import annotations

from pathlib import Path

from midwatch.engine.database.sqlite import SqliteDatabase
from midwatch.engine.store.sql import SqlStore


class SqliteStore(SqlStore):
    """See `Store` and `SqliteDatabase`."""

    def __init__(self, path: Path) -> None:
        super().__init__(SqliteDatabase(path))
