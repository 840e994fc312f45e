"""What was said at the local forge: remarks, reactions, reviews, and what is known of commits."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from midwatch.domain.codec import to_json
from midwatch.domain.forge import Remark, Status
from midwatch.forges.kept import Kept, now, plain

AUTHOR = "midwatch"
_NAMES = "id, number, body, created, path, line"

Line = tuple[str, int, str]
"""File, line in the new file, Markdown."""


class Notes(Kept):
    """Safe to use from several processes at once; each call is one transaction. `key` is the repository's and `where`
    the beginning of the addresses of what stands below a pull request."""

    def say(self, key: str, number: int, where: str, body: str, marker: str) -> Remark:
        """A remark, once for each marker; with this body from now on."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            _add(db, (key, number), (body, "", 0), marker)
            named = (plain(body), key, number, marker)
            db.execute("UPDATE remarks SET body = ? WHERE repository = ? AND number = ? AND marker = ?", named)
            return _marked(db, key, number, where, marker)

    def judge(self, key: str, number: int, where: str, marker: str, lines: Sequence[Line]) -> str:
        """A review, once for each marker: remarks in its order, the first of them beside no line. Its address."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            for place, (path, line, body) in enumerate(lines):
                _add(db, (key, number), (body, path, line), f"{marker}/{place}")
            return _marked(db, key, number, where, f"{marker}/0").url

    def remarks(self, key: str, number: int, where: str) -> Sequence[Remark]:
        """All of a pull request, oldest first."""
        if not self._path.exists():
            return []
        with self._open() as db:
            select = f"SELECT {_NAMES} FROM remarks WHERE repository = ? AND number = ? ORDER BY id"  # noqa: S608
            return [_remark(row, where) for row in db.execute(select, (key, number)).fetchall()]

    def react(self, key: str, number: int, remark: str, reaction: str) -> None:
        """Leave a reaction. Again: the same."""
        names = "repository, number, remark, reaction"
        with self._open() as db:
            insert = f"INSERT OR IGNORE INTO reactions ({names}) VALUES (?, ?, ?, ?)"  # noqa: S608
            db.execute(insert, (key, number, plain(remark), reaction))

    def reactions(self, key: str, number: int) -> Sequence[tuple[str, str]]:
        """Remark (empty: the pull request itself) and reaction."""
        if not self._path.exists():
            return []
        with self._open() as db:
            select = "SELECT remark, reaction FROM reactions WHERE repository = ? AND number = ? ORDER BY 1, 2"
            return [(row[0], row[1]) for row in db.execute(select, (key, number)).fetchall()]

    def report(self, key: str, commit: str, status: Status) -> None:
        """Set what is said of a commit under that name."""
        row = (key, plain(commit), plain(status.name), json.dumps(to_json(status)))
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO statuses (repository, checked, name, record) VALUES (?, ?, ?, ?)", row)

    def statuses(self, key: str, commit: str) -> Sequence[Status]:
        """What is said of a commit, by name."""
        if not self._path.exists():
            return []
        with self._open() as db:
            select = "SELECT record FROM statuses WHERE repository = ? AND checked = ? ORDER BY name"
            return [Status(**json.loads(row[0])) for row in db.execute(select, (key, plain(commit))).fetchall()]


def _add(db: sqlite3.Connection, about: tuple[str, int], said: tuple[str, str, int], marker: str) -> None:
    body, path, line = said
    db.execute(
        "INSERT OR IGNORE INTO remarks (repository, number, marker, body, path, line, created) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*about, marker, plain(body), plain(path), line, now()),
    )


def _marked(db: sqlite3.Connection, key: str, number: int, where: str, marker: str) -> Remark:
    select = f"SELECT {_NAMES} FROM remarks WHERE repository = ? AND number = ? AND marker = ?"  # noqa: S608
    return _remark(db.execute(select, (key, number, marker)).fetchone(), where)


def _remark(row: tuple[int, int, str, str, str, int], where: str) -> Remark:
    number, _, body, created, path, line = row
    return Remark(str(number), AUTHOR, body, created, f"{where}-{number}", path, line)
