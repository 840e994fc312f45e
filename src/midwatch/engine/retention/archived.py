"""Archived tasks: kept whole, and not listed."""

from __future__ import annotations

from midwatch.domain.errors import InputError
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.turns import OPEN, newest


async def archive(database: Database, task_id: str, by: str) -> None:
    """Take a task that there is from the lists, until somebody works on it again. Twice is once. Raises InputError
    while it has an open turn."""

    def work(db: Connection) -> None:
        last = newest(db, task_id, lock=True)  # nobody opens one meanwhile
        if last is not None and last.status in OPEN:
            raise InputError(f"task {task_id} is {last.status}", f"`midwatch cancel {task_id}` ends the work on it")
        query = f"INSERT INTO archived (task, who, time) VALUES (?, ?, {db.clock}) ON CONFLICT DO NOTHING"  # noqa: S608 - our own words
        db.execute(query, (task_id, by))

    await database.write(work)


async def unarchive(database: Database, task_id: str) -> None:
    """Put it back. Twice is once, and so is what was not archived."""
    await database.write(lambda db: db.execute("DELETE FROM archived WHERE task = ?", (task_id,)).rowcount)


async def is_archived(database: Database, task_id: str) -> bool:
    """Whether it is."""
    query = "SELECT 1 FROM archived WHERE task = ?"
    return await database.read(lambda db: db.execute(query, (task_id,)).fetchone() is not None)
