"""The file that forges keep their records in: one SQLite file, made when the first thing is written."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from midwatch.domain.errors import StoreError
from midwatch.engine.disk import full_or_broken

_SCHEMA = """
CREATE TABLE IF NOT EXISTS pull_requests (
    repository TEXT NOT NULL, number INTEGER NOT NULL, branch TEXT NOT NULL, task TEXT NOT NULL,
    state TEXT NOT NULL, created TEXT NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (repository, number), UNIQUE (repository, branch)
);
CREATE TABLE IF NOT EXISTS offers (
    repository TEXT NOT NULL, branch TEXT NOT NULL, offered TEXT NOT NULL,
    PRIMARY KEY (repository, branch, offered)
);
CREATE INDEX IF NOT EXISTS by_task ON pull_requests (task);
CREATE TABLE IF NOT EXISTS remarks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, repository TEXT NOT NULL, number INTEGER NOT NULL, marker TEXT NOT NULL,
    body TEXT NOT NULL, path TEXT NOT NULL, line INTEGER NOT NULL, created TEXT NOT NULL,
    UNIQUE (repository, number, marker)
);
CREATE TABLE IF NOT EXISTS reactions (
    repository TEXT NOT NULL, number INTEGER NOT NULL, remark TEXT NOT NULL, reaction TEXT NOT NULL,
    PRIMARY KEY (repository, number, remark, reaction)
);
CREATE TABLE IF NOT EXISTS statuses (
    repository TEXT NOT NULL, checked TEXT NOT NULL, name TEXT NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (repository, checked, name)
);
"""
_VERSION = 2
_WAIT_SECONDS = 20.0


class Kept:
    """One process's way to the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._closing: weakref.finalize[..., Kept] | None = None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise full_or_broken(self._path.parent, error) from error
        db: sqlite3.Connection | None = None
        try:
            db = self._connected()
            yield db
            if db.in_transaction:
                db.execute("COMMIT")
        except sqlite3.Error as error:
            raise _trouble(self._path, error) from error
        except (ValueError, UnicodeError) as error:
            raise _damaged(self._path, str(error)) from error
        finally:
            if db is not None and db.in_transaction:
                db.rollback()

    def _connected(self) -> sqlite3.Connection:
        """The connection, which stays open as long as the file is the same. Raises sqlite3.Error."""
        if self._connection is not None and self._same():
            return self._connection
        self.close()
        db = sqlite3.connect(self._path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
        self._closing = weakref.finalize(self, db.close)
        if (version := db.execute("PRAGMA user_version").fetchone()[0]) < _VERSION:
            if version == 0:
                db.execute("PRAGMA journal_mode = WAL")
            db.executescript(f"{_SCHEMA}PRAGMA user_version = {_VERSION};")
        status = self._path.stat()
        self._connection, self._file = db, (status.st_dev, status.st_ino)
        return db

    def _same(self) -> bool:
        try:
            status = self._path.stat()
        except OSError:
            return False
        return self._file == (status.st_dev, status.st_ino)

    def close(self) -> None:
        """Let go of the file. May be called twice; what is asked afterwards opens it again."""
        self._connection = None
        if self._closing is not None:
            self._closing()


def plain(name: str) -> str:
    """A name as it can be looked up."""
    return name.encode("utf-8", "backslashreplace").decode()


def now() -> str:
    """The time as records have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _trouble(path: Path, error: sqlite3.Error) -> StoreError:
    text = str(error)
    if "malformed" in text or "not a database" in text or "no such column" in text:
        return _damaged(path, text)
    if "full" in text:
        return StoreError(f"the disk that holds {path} is full", "free some space, then `midwatch resume`")
    if "locked" in text:
        return StoreError(f"{path} is in use by another process", "try again")
    return StoreError(f"{path} cannot be used: {text}", "check its owner and mode, or set XDG_STATE_HOME")


def _damaged(path: Path, why: str) -> StoreError:
    return StoreError(
        f"the list of pull requests in {path} is damaged: {why}",
        "move that file away: the branches are in their repositories, and `midwatch resume ID` lists a task's again",
    )
