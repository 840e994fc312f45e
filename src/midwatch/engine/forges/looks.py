"""How far the repositories of forges were read, where they have to be looked at: one row for each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from midwatch.engine.database.base import Connection, Database

EARLIEST = 600.0
"""Seconds before the first look: what happened before them is not heard, however long there is the repository."""
SLACK = 60.0
"""Seconds by which clocks may differ, and by which a forge may show late what has happened."""
OLDEST = 7 * 86400.0
"""Seconds after which what has happened is heard no more; what came of it is known for longer than that."""
_AHEAD = 3600.0
"""Seconds that a forge's clock is believed to be before ours."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the last look has seen, so that the next one need not read it again."""

    things: Mapping[str, str] = field(default_factory=dict)
    """Of issues and pull requests that changed lately: when, and the digest of what was shown."""
    stamps: Mapping[str, str] = field(default_factory=dict)
    """As `forges.stamps` has them."""
    drafts: tuple[int, ...] = ()
    """Pull requests of people that were drafts."""


@dataclass(frozen=True, slots=True)
class Look:
    """One that begins. Times are seconds since 1970; `now` is the database's, the others the forge's."""

    connection: str
    repository: str
    began: float
    since: float
    known: Known
    first: bool
    now: float

    @property
    def begin(self) -> float:
        """What happened from then on is to be read, some of it once more."""
        return max(self.since, self.oldest)

    @property
    def oldest(self) -> float:
        """What happened before is not heard."""
        return max(self.began, self.now - OLDEST)

    def reached(self, latest: float, until: float) -> float:
        """Where the next look begins, when the latest change that was read is from `latest`, and what follows `until`
        was not read."""
        return max(self.since, min(latest - SLACK, until, self.now + _AHEAD))


class Looks:
    """Those of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, connection: str, repository: str, registered: float, every: float) -> Look | None:
        """Look now, and nobody else for so many seconds; None where somebody has looked already. `registered` is when
        the repository was: the first look begins there, or ten minutes ago, so that nothing old is begun."""

        def work(db: Connection) -> Look | None:
            now = float(db.execute(f"SELECT {db.clock}").fetchone()[0])
            began = max(registered, now - EARLIEST) - SLACK
            db.execute(
                "INSERT INTO look (connection, repository, began, since, due) VALUES (?, ?, ?, ?, 0) "
                "ON CONFLICT DO NOTHING",
                (connection, repository, began, began),
            )
            query = (
                f"UPDATE look SET due = {db.clock} + ? WHERE connection = ? AND repository = ? "  # noqa: S608 - ours
                f"AND due <= {db.clock} RETURNING began, since, known"
            )
            row = db.execute(query, (every, connection, repository)).fetchone()
            if row is None:
                return None
            first = row[2] == "{}"  # nobody has come to the end of one
            return Look(connection, repository, float(row[0]), float(row[1]), _read(row[2]), first, now)

        return await self._database.write(work)


def end(db: Connection, look: Look, since: float, known: Known) -> None:
    """Write down how far it has come, in the transaction that keeps what it has found. Nothing where another look has
    come further meanwhile."""
    text = json.dumps({"things": dict(known.things), "stamps": dict(known.stamps), "drafts": list(known.drafts)})
    query = "UPDATE look SET since = ?, known = ? WHERE connection = ? AND repository = ? AND since = ?"
    db.execute(query, (since, text, look.connection, look.repository, look.since))


def _read(text: str) -> Known:
    kept = json.loads(text)
    return Known(kept.get("things", {}), kept.get("stamps", {}), tuple(kept.get("drafts", ())))
