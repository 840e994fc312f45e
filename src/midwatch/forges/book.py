"""The local forge's records: one SQLite file, made when the first pull request is."""

from __future__ import annotations

import json
import sqlite3
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from midwatch.domain.codec import from_json, to_json
from midwatch.domain.errors import StoreError
from midwatch.domain.pull_request import Proposal, PullRequest
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
"""
_WAIT_SECONDS = 20.0


class Book:
    """Safe to use from several processes at once; each call is one transaction of well under a millisecond."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)
        self._closing: weakref.finalize[..., Book] | None = None

    def find(self, key: str, branch: str) -> PullRequest | None:
        """The pull request of a branch."""
        rows = self._select("WHERE repository = ? AND branch = ?", (key, _plain(branch)))
        return rows[0] if rows else None

    def get(self, key: str, number: int) -> PullRequest | None:
        """The pull request of that number."""
        rows = self._select("WHERE repository = ? AND number = ?", (key, number))
        return rows[0] if rows else None

    def of_task(self, task_id: str) -> PullRequest | None:
        """The newest pull request of a task."""
        rows = self._select("WHERE task = ? ORDER BY created DESC, number DESC", (task_id,))
        return rows[0] if rows else None

    def list(self, key: str | None, state: str | None) -> Sequence[PullRequest]:
        """Newest first."""
        where = (
            "WHERE (?1 IS NULL OR repository = ?1) AND (?2 IS NULL OR state = ?2) ORDER BY created DESC, number DESC"
        )
        return self._select(where, (key, state))

    def offers(self, key: str, branch: str) -> set[str]:
        """The commits that we have put, or were about to put, on a branch."""
        if not self._path.exists():
            return set()
        with self._open() as db:
            found = db.execute(
                "SELECT offered FROM offers WHERE repository = ? AND branch = ?", (key, _plain(branch))
            ).fetchall()
        return {row[0] for row in found}

    def offer(self, key: str, branch: str, commit: str) -> None:
        """Note that a commit is about to be put on a branch. May be called again."""
        with self._open() as db:
            db.execute(
                "INSERT OR IGNORE INTO offers (repository, branch, offered) VALUES (?, ?, ?)",
                (key, _plain(branch), commit),
            )

    def put(self, key: str, proposal: Proposal) -> PullRequest:
        """The open pull request of the proposal's branch: made, or brought up to date; the same one when nothing
        differs. One that was closed is open again."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            where = "WHERE repository = ? AND branch = ?"
            before = _pull_requests(db, where, (key, _plain(proposal.branch)))
            if before and before[0].state == "open" and before[0].proposal == proposal:
                return before[0]
            if before:
                taken = replace(before[0], proposal=proposal, state="open", updated=_now())
            else:
                highest = db.execute("SELECT max(number) FROM pull_requests WHERE repository = ?", (key,)).fetchone()[0]
                now, number = _now(), (highest or 0) + 1
                taken = PullRequest(number, proposal, "open", f"local:{proposal.repository}#{number}", now, now)
            _write(db, key, taken)
        return taken

    def settle(self, key: str, number: int, state: str, merge_commit: str = "") -> PullRequest | None:
        """Write down how a pull request ended; what is merged stays merged."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            found = _pull_requests(db, "WHERE repository = ? AND number = ?", (key, number))
            if not found or found[0].state in (state, "merged"):
                return found[0] if found else None
            settled = replace(found[0], state=state, merge_commit=merge_commit, updated=_now())
            _write(db, key, settled)
        return settled

    def _select(self, where: str, values: tuple[object, ...]) -> Sequence[PullRequest]:
        if not self._path.exists():
            return []
        with self._open() as db:
            return _pull_requests(db, where, values)

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
        if db.execute("PRAGMA user_version").fetchone()[0] == 0:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(_SCHEMA + "PRAGMA user_version = 1;")
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


def _pull_requests(db: sqlite3.Connection, where: str, values: tuple[object, ...]) -> list[PullRequest]:
    rows = db.execute(f"SELECT record FROM pull_requests {where}", values).fetchall()  # noqa: S608  our own words
    return [from_json(PullRequest, json.loads(row[0])) for row in rows]


def _write(db: sqlite3.Connection, key: str, pr: PullRequest) -> None:
    record = json.dumps(to_json(pr))  # ASCII, so that names which are not UTF-8 come back as they were
    row = (key, pr.number, _plain(pr.proposal.branch), pr.proposal.task_id, pr.state, pr.created, record)
    names = "repository, number, branch, task, state, created, record"
    db.execute(f"INSERT OR REPLACE INTO pull_requests ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608


def _plain(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()


def _now() -> str:
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
