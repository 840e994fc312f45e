"""Recipes that a server keeps for repositories: each stands in for the file of its repository. Every version stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from midwatch.engine.accounts.audit import Deed, write
from midwatch.engine.database.base import Connection, Database

LONGEST = 32 << 10
"""Bytes of a recipe: each task of the repository has a copy."""
_FIELDS = "repository, version, body, account, name, created"


@dataclass(frozen=True, slots=True)
class Kept:
    """One version."""

    repository: str
    """The id of the repository."""
    version: int
    """1 for the first."""
    body: str | None
    """The text; None where the recipe was taken away, so that the repository's own file counts again."""
    account: str
    name: str
    """Who set it, by id and by name."""
    created: float
    """Seconds since 1970 by the database's clock."""


class Recipes:
    """The recipes in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, repository: str) -> Kept | None:
        """The last version of a repository, by its id; None when it never had one."""
        return await self._database.read(lambda db: _newest(db, repository))

    async def text_for(self, location: str) -> str:
        """The text that counts for the repository registered at that place; empty for none."""
        query = (
            "SELECT recipe.body FROM recipe JOIN repository ON repository.id = recipe.repository "
            "WHERE repository.location = ? ORDER BY recipe.version DESC LIMIT 1"
        )
        row = await self._database.read(lambda db: db.execute(query, (location,)).fetchone())
        return "" if row is None or row[0] is None else str(row[0])

    async def versions(self, repository: str, limit: int = 20) -> list[Kept]:
        """The newest first."""
        query = f"SELECT {_FIELDS} FROM recipe WHERE repository = ? ORDER BY version DESC LIMIT ?"  # noqa: S608 - ours
        return await self._database.read(lambda db: [Kept(*row) for row in db.execute(query, (repository, limit))])

    async def counting(self, repositories: Sequence[str]) -> dict[str, int]:
        """The versions that count, by the ids of those of these repositories that have one."""
        if not repositories:
            return {}
        marks = ", ".join("?" for _ in repositories)
        query = (
            f"SELECT repository, version FROM recipe WHERE repository IN ({marks}) AND body IS NOT NULL "  # noqa: S608
            "AND version = (SELECT max(n.version) FROM recipe n WHERE n.repository = recipe.repository)"
        )
        rows = await self._database.read(lambda db: db.execute(query, tuple(repositories)).fetchall())
        return {str(repository): int(version) for repository, version in rows}

    async def put(self, repository: str, body: str | None, expected: int | None, deed: Deed) -> Kept | None:
        """Set the text (None takes it away). The same text again makes no version. None, and nothing done, where the
        last version is not the one that is `expected` (0 for none; None for whatever there is)."""

        def work(db: Connection) -> Kept | None:
            # whoever else sets one waits here, also where there is none yet
            db.execute(f"SELECT id FROM repository WHERE id = ?{db.for_update}", (repository,)).fetchone()  # noqa: S608
            last = _newest(db, repository)
            number = last.version if last else 0
            if last is not None and last.body == body and last.account == deed.who.account:
                return last  # also where only the answer to the commit was lost
            if expected is not None and expected != number:
                return None
            db.execute(
                "INSERT INTO recipe (repository, version, body, account, name, created) "  # noqa: S608 - our own words
                f"VALUES (?, ?, ?, ?, ?, {db.clock})",
                (repository, number + 1, body, deed.who.account, deed.who.name),
            )
            write(db, deed, _told(last), _told(made := _newest(db, repository)))
            return made

        return await self._database.write(work)


def _newest(db: Connection, repository: str) -> Kept | None:
    query = f"SELECT {_FIELDS} FROM recipe WHERE repository = ? ORDER BY version DESC LIMIT 1"  # noqa: S608 - ours
    row = db.execute(query, (repository,)).fetchone()
    return None if row is None else Kept(*row)


def _told(kept: Kept | None) -> Mapping[str, Any]:
    return {} if kept is None else {"version": kept.version, "text": kept.body}
