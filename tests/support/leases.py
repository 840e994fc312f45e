"""Workers that there are only as far as the database knows."""

from __future__ import annotations

from midwatch.engine.database.base import Database
from midwatch.engine.workers import Lease


async def lives(database: Database, worker: str, *labels: str) -> None:
    """A worker has a row, as one that has just started."""
    lease = Lease(worker, lambda: database, 4, "1", labels=labels)
    await database.write(lease._register)
