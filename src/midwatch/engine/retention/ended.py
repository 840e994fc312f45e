"""Which tasks have ended long ago, and nobody needs any more in the database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from midwatch.domain.ids import task_id_at, task_of
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.turns import OPEN

_FINISHED = ("proposed", "stopped", "reviewed")
"""Last events of attempts that have come to their end."""
_OF_NOBODY = '%"parent":""%'
"""In the canonical form of a task that is no part of another one."""


async def ended(database: Database, seconds: float, limit: int = 10_000) -> list[str]:
    """Tasks that have ended, of which nothing has changed for so many seconds, the oldest first; also those that were
    archived and have not, when nobody works on them. Not those that others were forked from and are still there: what
    these begin with is proved by theirs."""
    before = datetime.now(UTC) - timedelta(seconds=seconds)
    oldest = task_id_at(max(0, int(before.timestamp()) + 1), 0)
    time = before.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    opened, finished = (", ".join(f"'{word}'" for word in words) for words in (OPEN, _FINISHED))

    def work(db: Connection) -> list[str]:
        query = (
            "SELECT id FROM task WHERE id < ? AND body LIKE ? "  # noqa: S608 - our own words
            "AND NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.task = task.id AND updated >= ?) "
            "AND NOT EXISTS (SELECT 1 FROM turn WHERE turn.task = task.id "
            f"AND (changed >= {db.clock} - ? OR status IN ({opened}))) "
            "AND (EXISTS (SELECT 1 FROM archived WHERE archived.task = task.id) "
            "OR EXISTS (SELECT 1 FROM turn WHERE turn.task = task.id) "
            f"OR NOT EXISTS (SELECT 1 FROM attempt WHERE attempt.task = task.id AND last_kind NOT IN ({finished}))) "
            "ORDER BY id"
        )
        origins = _origins(db)
        found = [str(row[0]) for row in db.execute(query, (oldest, _OF_NOBODY, time, seconds))]
        return [name for name in found if name not in origins][:limit]

    return await database.read(work)


def is_origin(db: Connection, task_id: str) -> bool:
    """Whether a task that is there was forked from this one."""
    return task_id in _origins(db)


def _origins(db: Connection) -> set[str]:
    """The tasks that others were forked from. An attempt says so at its beginning."""
    query = (
        "SELECT event.body FROM attempt JOIN event ON event.attempt = attempt.id AND event.seq <= 4 "
        "WHERE event.kind = 'forked'"
    )
    return {task_of(json.loads(row[0])["attempt"]) for row in db.execute(query)}
