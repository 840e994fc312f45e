"""Where the engine's tables are: beside what is kept in the database."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

FILE = "engine.db"


def engine_url(url: str, state: Path) -> str:
    """For a database's URL as `engine.database.address.opened` takes it: the same PostgreSQL database (the schema
    `dbos` of it), or a file beside SQLite's."""
    parts = urlsplit(url)
    if parts.scheme in ("postgresql", "postgres"):
        return urlunsplit(parts._replace(scheme="postgresql"))
    folder = Path(parts.path).parent if parts.path else state
    return f"sqlite:///{folder / FILE}"
