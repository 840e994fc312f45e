"""Figures, counted beside everything else: over many tasks they take a while, and no other request waits for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch.engine.database.address import VARIABLE, opened
from midwatch.engine.insight.counted import count, names

if TYPE_CHECKING:
    from midwatch.engine.database.base import Database
    from midwatch.engine.insight.days import Span
    from midwatch.engine.insight.figures import By, Figures, Only


class Counts:
    """Of a server process: the same database, opened once more when it is first asked for figures."""

    def __init__(self, environ: Mapping[str, str], state: Path) -> None:
        self._environ, self._state = environ, state
        self._database: Database | None = None

    async def figures(self, span: Span, only: Only, by: By) -> Figures:
        """See `counted.count`."""
        return await count(self._opened(), span, only, by)

    async def names(self, among: Sequence[str] | None, by: By) -> list[str]:
        """See `counted.names`."""
        return list(await names(self._opened(), among, by))

    async def close(self) -> None:
        """Let go of it. May be called twice."""
        if self._database is not None:
            database, self._database = self._database, None
            await database.close()

    def _opened(self) -> Database:
        if self._database is None:
            self._database = opened(self._environ.get(VARIABLE, ""), self._state)
        return self._database
