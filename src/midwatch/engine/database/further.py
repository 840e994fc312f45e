"""Changes with something further in the same transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from midwatch.engine.database.base import Connection, Database

T = TypeVar("T")


class Further:
    """A database whose every write does something further in the same transaction, and is given what came of the
    first; what that raises undoes both. See `Database`; it is closed by whoever opened the other one."""

    def __init__(self, database: Database, further: Callable[[Connection, Any], None]) -> None:
        self._database, self._further = database, further

    @property
    def place(self) -> str:
        """See `Database.place`."""
        return self._database.place

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See `Database.read`."""
        return await self._database.read(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """See `Database.write`."""

        def both(db: Connection) -> T:
            result = work(db)
            self._further(db, result)
            return result

        return await self._database.write(both)

    async def migrate(self) -> int:
        """See `Database.migrate`."""
        return await self._database.migrate()

    async def close(self) -> None:
        """Nothing."""
