"""Which database a URL names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from midwatch.domain.errors import InputError
from midwatch.engine.database.shown import without_password
from midwatch.engine.database.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from midwatch.engine.database.base import Database

VARIABLE = "MIDWATCH_DATABASE_URL"
FILE = "state.db"
"""In the state folder: the database where no URL names another."""


def opened(url: str, state: Path) -> Database:
    """The database of a URL: `sqlite:///absolute/path`, `postgresql://user:password@host:port/name`, or empty for the
    file in the state folder. Nothing is opened yet. Raises InputError for another URL."""
    if not url:
        return SqliteDatabase(state / FILE)
    parts = urlsplit(url)
    if parts.scheme in ("postgresql", "postgres"):
        from midwatch.engine.database.postgresql import PostgresqlDatabase

        return PostgresqlDatabase(url)
    if parts.scheme == "sqlite" and parts.path.startswith("/") and not parts.netloc:
        return SqliteDatabase(Path(parts.path))
    raise InputError(
        f"{without_password(url)!r} names no database that Midwatch can use",
        "give sqlite:///path/to/file.db or postgresql://user:password@host:5432/name",
    )
