"""The rows of a task, all of them: read, deleted, and put back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from midwatch.domain.codec import from_json
from midwatch.domain.errors import InputError
from midwatch.domain.task import Task
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.retention.ended import is_origin
from midwatch.engine.retention.outputs import named_in
from midwatch.engine.store.listing import beside
from midwatch.engine.store.records import Record
from midwatch.engine.turns import FIELDS, OPEN

TASK = ("id", "created", "body")
ATTEMPT = ("id", "task", "number", "epoch", "seq", "hash", "last_kind", "updated")
EVENT = ("attempt", "seq", "kind", "version", "time", "epoch", "body", "prev", "hash")
TURN = (*FIELDS.split(", "), "unclosed")
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """What the database has of a task and of its parts, but their events."""

    tasks: tuple[Row, ...]
    """The task itself comes first, then its parts: subtasks, reviews of its attempts, theirs."""
    attempts: tuple[Row, ...]
    turns: tuple[Row, ...]

    @property
    def task(self) -> str:
        """Its id."""
        return str(self.tasks[0][0])

    @property
    def names(self) -> list[str]:
        """The ids of all its attempts, and of those of its parts."""
        return [str(row[0]) for row in self.attempts]


@dataclass(frozen=True, slots=True)
class Retired:
    """A task that lies in a file instead."""

    task: str
    repository: str
    place: str
    digest: str
    """SHA-256 of the file."""
    parts: str
    """JSON: what was only this task's and is still to be deleted."""


async def read(database: Database, task_id: str) -> Rows:
    """Of the task with that id. Raises InputError when there is none."""
    return await database.read(lambda db: _rows(db, task_id, ""))


async def pictured(database: Database, rows: Rows) -> set[str]:
    """The blobs that messages of the tasks name. Messages go with the task and not into its file: those that were heard
    stand in the events."""

    def work(db: Connection) -> set[str]:
        query = "SELECT images FROM message WHERE task = ? AND images <> ''"
        return {found for task in rows.tasks for row in db.execute(query, (task[0],)) for found in named_in(row[0])}

    return await database.read(work)


async def delete(database: Database, rows: Rows, retired: Retired) -> bool:
    """Delete them, with the events, and write down where they lie instead. False, and nothing is deleted, when anything
    is not as it was read: somebody works on it again, or has forked it."""

    def work(db: Connection) -> bool:
        query = "SELECT digest FROM retired WHERE task = ?"
        known = db.execute(query, (rows.task,)).fetchone()
        if known is not None:  # only the answer to the commit was lost
            return bool(known[0] == retired.digest)
        try:
            now = _rows(db, rows.task, db.for_update)
        except InputError:
            return False
        if now != rows or is_origin(db, rows.task):
            return False
        for name in rows.names:
            for table in ("event", "reservation"):
                db.execute(f"DELETE FROM {table} WHERE attempt = ?", (name,))  # noqa: S608 - our own words
        for name in reversed([row[0] for row in rows.tasks]):
            for table in ("attempt", "message", "turn", "effect", "occasion", "archived", "sitting", "piece"):
                db.execute(f"DELETE FROM {table} WHERE task = ?", (name,))  # noqa: S608 - our own words
            db.execute("DELETE FROM task WHERE id = ?", (name,))
        values = (retired.task, retired.repository, retired.place, retired.digest, retired.parts)
        db.execute(
            "INSERT INTO retired (task, repository, place, digest, parts, swept, time) "  # noqa: S608 - our own words
            f"VALUES (?, ?, ?, ?, ?, 0, {db.clock})",
            values,
        )
        return True

    return await database.write(work)


async def restore(database: Database, rows: Rows, records: Iterable[Record]) -> None:
    """Put them back, all or none; they count as changed now, so that they stay as long again. Raises InputError when a
    task of that id is there."""
    kept = [tuple(getattr(record, name) for name in EVENT) for record in records]
    tasks = [(*row, *beside(from_json(Task, json.loads(row[TASK.index("body")])))) for row in rows.tasks]

    def work(db: Connection) -> None:
        for name, *_ in rows.tasks:
            if db.execute("SELECT 1 FROM task WHERE id = ?", (name,)).fetchone() is not None:
                raise InputError(f"task {name} is in the database already", f"`midwatch show {name}` shows it")
        for table, names, values in (
            ("task", (*TASK, "place", "part"), tasks), ("attempt", ATTEMPT, rows.attempts), ("event", EVENT, kept),
            ("turn", TURN, rows.turns),
        ):  # fmt: skip
            marks = ", ".join("?" for _ in names)
            db.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", values)  # noqa: S608 - ours
        db.execute(f"UPDATE turn SET changed = {db.clock} WHERE task = ?", (rows.task,))  # noqa: S608 - our own words
        db.execute("DELETE FROM retired WHERE task = ?", (rows.task,))

    await database.write(work)


async def unswept(database: Database, seconds: float) -> Sequence[Retired]:
    """Those of which not everything is deleted, and whose rows went so many seconds ago."""

    def work(db: Connection) -> list[Retired]:
        query = (
            "SELECT task, repository, place, digest, parts FROM retired "  # noqa: S608 - our own words
            f"WHERE swept = 0 AND time <= {db.clock} - ? ORDER BY time LIMIT 1000"
        )
        return [Retired(*row) for row in db.execute(query, (seconds,))]

    return await database.read(work)


async def swept(database: Database, task_id: str) -> None:
    """Nothing of it is left but its file."""
    query = "UPDATE retired SET swept = 1, parts = '{}' WHERE task = ?"
    await database.write(lambda db: db.execute(query, (task_id,)).rowcount)


async def is_retired(database: Database, task_id: str) -> bool:
    """Whether it lies in a file still."""
    query = "SELECT 1 FROM retired WHERE task = ?"
    return await database.read(lambda db: db.execute(query, (task_id,)).fetchone() is not None)


def _rows(db: Connection, task_id: str, lock: str) -> Rows:
    tasks, attempts, turns = list[Row](), list[Row](), list[Row]()
    following = [task_id]
    while following:
        name = following.pop(0)
        query = f"SELECT {', '.join(TASK)} FROM task WHERE id = ?{lock}"  # noqa: S608 - our own words
        row = db.execute(query, (name,)).fetchone()
        if row is None:
            raise InputError(f"there is no task {name!r}", "`midwatch list` shows the tasks")
        tasks.append(tuple(row))
        query = f"SELECT {', '.join(ATTEMPT)} FROM attempt WHERE task = ? ORDER BY number{lock}"  # noqa: S608
        attempts += map(tuple, db.execute(query, (name,)))
        query = f"SELECT {', '.join(TURN)} FROM turn WHERE task = ? ORDER BY number{lock}"  # noqa: S608
        turns += map(tuple, db.execute(query, (name,)))
        query = "SELECT id FROM task WHERE id > ? AND body LIKE ? ORDER BY id"
        following += [part for (part,) in db.execute(query, (name, f'%"parent":"{name}.%'))]
    return Rows(tuple(tasks), tuple(attempts), tuple(turns))


def open_turns(rows: Rows) -> bool:
    """Whether any of its turns is not over."""
    status = TURN.index("status")
    return any(row[status] in OPEN for row in rows.turns)
