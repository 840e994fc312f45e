"""How many turns may be worked on at a time, and how many may begin in a while: for each user, each repository, and in
all. What is here says what holds; `places` sees that it does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from midwatch.domain.errors import InputError
from midwatch.engine.accounts.audit import Deed, write
from midwatch.engine.database.base import Connection, Database

SCOPES = ("all", "repository", "user")
MOST = 1_000_000
LONGEST = 31 * 86400
"""Seconds in which starts may be counted."""
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Starts:
    """So many turns may begin in any stretch of so many seconds."""

    most: int
    seconds: int

    def __str__(self) -> str:
        unit = next(unit for unit in "dhms" if self.seconds % _UNITS[unit] == 0)
        return f"{self.most}/{self.seconds // _UNITS[unit]}{unit}"


@dataclass(frozen=True, slots=True)
class Limit:
    """What holds for a scope. One of a name takes the whole place of the one for everybody."""

    scope: str
    """One of SCOPES."""
    name: str = ""
    """The user's name or the repository's address; empty for each of them that has none of its own, and of `all`."""
    at_once: int | None = None
    """Turns at the same time; None for as many as fit."""
    starts: Starts | None = None

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise InputError(f"there is no limit of {self.scope!r}", f"it is one of {', '.join(SCOPES)}")
        if self.scope == "all" and self.name:
            raise InputError("the limit of all turns together has no name", "leave the name out")
        if self.at_once is not None and not 0 <= self.at_once <= MOST:
            raise InputError(f"{self.at_once} turns at the same time are not possible", f"give 0 to {MOST}")

    def shown(self) -> dict[str, object]:
        """For the audit log."""
        return {"at_once": self.at_once, "starts": str(self.starts) if self.starts else None}


def starts(text: str) -> Starts:
    """`30/1h`, `100/15m`, `500/1d`. Raises InputError."""
    found = re.fullmatch(r"([0-9]{1,7})/([0-9]{0,7})([smhd])", text.strip())
    seconds = int(found[2] or 1) * _UNITS[found[3]] if found else 0
    if found is None or not 1 <= seconds <= LONGEST or not 0 < int(found[1]) <= MOST:
        raise InputError(f"{text!r} is no number of starts in a time", "write 30/1h, 100/15m or 500/1d (31d at most)")
    return Starts(int(found[1]), seconds)


class Limits:
    """The limits in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[Limit]:
        """By scope and name."""
        return await self._database.read(kept)

    async def put(self, limit: Limit, deed: Deed) -> None:
        """Set one, in the place of the one before. What is being worked on goes on, also where it is too much now."""

        def work(db: Connection) -> None:
            before = _find(db, limit.scope, limit.name)
            db.execute(
                "INSERT INTO turn_limit (scope, name, at_once, starts, period) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (scope, name) DO UPDATE SET at_once = excluded.at_once, starts = excluded.starts, "
                "period = excluded.period",
                (
                    *(limit.scope, limit.name, limit.at_once),
                    *((limit.starts.most, limit.starts.seconds) if limit.starts else (None, 0)),
                ),
            )
            write(db, deed, was=before.shown() if before else {}, became=limit.shown())

        await self._database.write(work)

    async def remove(self, scope: str, name: str, deed: Deed) -> bool:
        """Take one away; False when there is none."""

        def work(db: Connection) -> bool:
            before = _find(db, scope, name)
            if before is None:
                return False
            db.execute("DELETE FROM turn_limit WHERE scope = ? AND name = ?", (scope, name))
            write(db, deed, was=before.shown())
            return True

        return await self._database.write(work)


def kept(db: Connection, *, lock: bool = False) -> list[Limit]:
    """All of them. With `lock`, nobody else who locks them goes on before this transaction ends."""
    end = db.for_update if lock else ""
    query = f"SELECT scope, name, at_once, starts, period FROM turn_limit ORDER BY scope, name{end}"  # noqa: S608
    return [_limit(row) for row in db.execute(query)]


def _find(db: Connection, scope: str, name: str) -> Limit | None:
    return next((limit for limit in kept(db) if (limit.scope, limit.name) == (scope, name)), None)


def _limit(row: tuple[str, str, int | None, int | None, float]) -> Limit:
    scope, name, at_once, most, period = row
    return Limit(scope, name, at_once, None if most is None else Starts(most, int(period)))
