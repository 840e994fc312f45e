"""Which pull requests have changed, in the order in which they did: a feed that the book's own file keeps, whoever
writes into it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from midwatch.engine.accounts.identity import new_id
from midwatch.forges.kept import Kept

_THIS = "repository = new.repository AND number = new.number"
_NOTED = (  # a task that has it no more is counted without it
    "INSERT INTO changed (repository, number, task) VALUES (new.repository, new.number, new.task); "  # noqa: S608 - ours
    "INSERT INTO changed (repository, number, task) SELECT DISTINCT repository, number, task FROM changed "
    f"WHERE {_THIS} AND task <> new.task; "
    f"DELETE FROM changed WHERE {_THIS} AND at NOT IN (SELECT max(at) FROM changed WHERE {_THIS} GROUP BY task);"
)
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS feed (id TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS changed (at INTEGER PRIMARY KEY AUTOINCREMENT, repository TEXT NOT NULL, "
    "number INTEGER NOT NULL, task TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS changed_one ON changed (repository, number)",
    f"CREATE TRIGGER IF NOT EXISTS changed_new AFTER INSERT ON pull_requests BEGIN {_NOTED} END",
    f"CREATE TRIGGER IF NOT EXISTS changed_again AFTER UPDATE ON pull_requests BEGIN {_NOTED} END",
    "INSERT INTO changed (repository, number, task) SELECT repository, number, task FROM pull_requests",
)


@dataclass(frozen=True, slots=True)
class Changed:
    """A part of the feed."""

    feed: str
    """Which one: another file has another one."""
    up_to: int
    tasks: Sequence[str]


class Changes(Kept):
    """The feed of a state folder. Each call is a transaction of its own; it may block."""

    def __init__(self, state: Path) -> None:
        super().__init__(state / "forge.db")

    def feed(self) -> str:
        """The feed's id, made with its table where there is none; empty while there are no pull requests. Raises
        StoreError."""
        if not self._path.exists():
            return ""
        with self._open() as db:
            return _begun(db)

    def after(self, number: int, limit: int = 500) -> Changed:
        """What comes after that number; every pull request stands in it once, where it changed last, for each task that
        it has been the one of. Raises StoreError."""
        with self._open() as db:
            query = "SELECT at, task FROM changed WHERE at > ? ORDER BY at LIMIT ?"
            rows = db.execute(query, (number, limit)).fetchall()
            return Changed(_begun(db), rows[-1][0] if rows else number, [row[1] for row in rows])


def _begun(db: sqlite3.Connection) -> str:
    known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'feed'"
    if not db.execute(known).fetchone():
        db.execute("BEGIN IMMEDIATE")
        if not db.execute(known).fetchone():
            for statement in _SCHEMA:
                db.execute(statement)
            db.execute("INSERT INTO feed (id) VALUES (?)", (new_id(),))
        db.execute("COMMIT")
    return str(db.execute("SELECT id FROM feed").fetchone()[0])
