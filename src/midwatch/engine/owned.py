"""The attempts that live workers own, by the database's word: those of turns whose workers have a lease."""

from __future__ import annotations

from midwatch.engine.database.base import Connection, Database


async def owned(database: Database) -> frozenset[str]:
    """Their ids, also those of workers on other machines. Raises StoreError."""

    def work(db: Connection) -> frozenset[str]:
        rows = db.execute(
            "SELECT attempt.id FROM turn JOIN worker ON worker.id = turn.worker "
            "JOIN attempt ON attempt.task = turn.task WHERE turn.status = 'running'"
        )
        return frozenset(row[0] for row in rows)

    return await database.read(work)
