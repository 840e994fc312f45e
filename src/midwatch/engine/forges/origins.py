"""Where tasks come from: an issue or a pull request at a forge, and what was said there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from midwatch.engine.database.base import Connection, Database

Purpose = Literal["work", "review", "review-all"]
_FIELDS = "task, connection, slug, number, pull, remark, head, login, purpose, key"


@dataclass(frozen=True, slots=True)
class Origin:
    """Of one task."""

    task: str
    connection: str
    slug: str
    """The repository, as it is called there."""
    number: int
    """Of the issue or the pull request."""
    pull: int
    """1 for a pull request."""
    remark: str
    """The remark that asked for it; empty where it was a label or the like."""
    head: str
    """The commit that is to be reviewed; empty where none is."""
    login: str
    """Who asked for it, at the forge."""
    purpose: Purpose
    key: str
    """What may become one task only: there is one row for each."""


def note(db: Connection, origin: Origin) -> bool:
    """Keep it, inside the transaction that makes the task. False when there is one with its key for another task."""
    db.execute(
        f"INSERT INTO origin ({_FIELDS}, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {db.clock}) "  # noqa: S608 - ours
        "ON CONFLICT DO NOTHING",
        (
            *(origin.task, origin.connection, origin.slug, origin.number, origin.pull, origin.remark),
            *(origin.head, origin.login, origin.purpose, origin.key),
        ),
    )
    return bool(db.execute("SELECT task FROM origin WHERE key = ?", (origin.key,)).fetchone() == (origin.task,))


class Origins:
    """Those of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_task(self, task: str) -> Origin | None:
        """None for a task that comes from no forge."""
        return await self._one("task", task)

    async def of_key(self, key: str) -> Origin | None:
        """The task that this has become already."""
        return await self._one("key", key)

    async def of_thing(self, connection: str, slug: str, number: int) -> Sequence[Origin]:
        """Those of an issue or a pull request, the oldest first."""
        query = f"SELECT {_FIELDS} FROM origin WHERE connection = ? AND slug = ? AND number = ? ORDER BY task"  # noqa: S608
        values = (connection, slug, number)
        return await self._database.read(lambda db: [Origin(*row) for row in db.execute(query, values)])

    async def of_repository(self, connection: str, slug: str, limit: int = 200) -> Sequence[Origin]:
        """Those of a repository, the newest first."""
        query = f"SELECT {_FIELDS} FROM origin WHERE connection = ? AND slug = ? ORDER BY task DESC LIMIT ?"  # noqa: S608
        values = (connection, slug, limit)
        return await self._database.read(lambda db: [Origin(*row) for row in db.execute(query, values)])

    async def _one(self, column: str, value: str) -> Origin | None:
        query = f"SELECT {_FIELDS} FROM origin WHERE {column} = ?"  # noqa: S608 - our own words
        row = await self._database.read(lambda db: db.execute(query, (value,)).fetchone())
        return None if row is None else Origin(*row)
