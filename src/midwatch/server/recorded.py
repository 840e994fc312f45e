"""Changes that stand in the audit log with the same transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from midwatch.engine.accounts.audit import Deed, write
from midwatch.engine.database.base import Connection, Database

T = TypeVar("T")


class Recorded:
    """A database whose every write says who did what. See `Database`; it is closed by whoever opened the other one."""

    def __init__(self, database: Database, deed: Deed) -> None:
        self._database, self._deed = database, deed

    @property
    def place(self) -> str:
        """See `Database.place`."""
        return self._database.place

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See `Database.read`."""
        return await self._database.read(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """See `Database.write`. Nothing is written down of what raises."""

        def both(db: Connection) -> T:
            result = work(db)
            write(db, self._deed)
            return result

        return await self._database.write(both)

    async def migrate(self) -> int:
        """See `Database.migrate`."""
        return await self._database.migrate()

    async def close(self) -> None:
        """Nothing."""
