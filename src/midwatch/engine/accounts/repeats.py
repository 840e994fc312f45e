"""Requests that may be sent again: what each answered, by the caller's key (`Idempotency-Key`), for a day."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from midwatch.engine.database.base import Connection, Database

KEPT_SECONDS = 86400.0
HELD_SECONDS = 60.0
"""A process that has died over a request lets the same be tried again after this."""


@dataclass(frozen=True, slots=True)
class Key:
    """Which request this is."""

    account: str
    token: str
    """What the caller calls it."""
    route: str
    """The method and the path, in whatever form."""
    digest: str
    """Of its body."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a request answered."""

    status: int
    headers: str
    """JSON."""
    body: bytes | None
    """None where it held a secret, which is not kept."""
    rights: str = ""
    """JSON, or nothing: what the caller had to be allowed for it."""


@dataclass(frozen=True, slots=True)
class Mine:
    """It is to be done now, by whoever asked."""

    since: float
    """When it was first tried, seconds since 1970: the same for each further try."""


class Standing(Enum):
    """Why a request is not to be done now and has no answer to give again."""

    UNDER_WAY = "under way"
    ANOTHER = "another"
    """The key was used for another body."""


class Repeats:
    """Repeated requests in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, key: Key, owner: str) -> Mine | Standing | Stored:
        """Take a request for oneself, or learn what it answered. `owner` is new for each try."""

        def work(db: Connection) -> Mine | Standing | Stored:
            db.execute(f"DELETE FROM repeatable WHERE created < {db.clock} - {KEPT_SECONDS}")  # noqa: S608 - our own words
            db.execute(
                "INSERT INTO repeatable (account, token, route, digest, owner, created, held) "  # noqa: S608
                f"VALUES (?, ?, ?, ?, ?, {db.clock}, {db.clock} + {HELD_SECONDS}) ON CONFLICT DO NOTHING",
                (key.account, key.token, key.route, key.digest, owner),
            )
            row = db.execute(
                "SELECT digest, owner, status, headers, body, rights, created, "  # noqa: S608 - our own words
                f"CASE WHEN held < {db.clock} THEN 1 ELSE 0 END FROM repeatable "
                f"WHERE account = ? AND token = ? AND route = ?{db.for_update}",
                (key.account, key.token, key.route),
            ).fetchone()
            if row is None:  # the one who had it has just given it up
                return Standing.UNDER_WAY
            return self._standing(db, key, owner, row)

        return await self._database.write(work)

    @staticmethod
    def _standing(db: Connection, key: Key, owner: str, row: tuple[Any, ...]) -> Mine | Standing | Stored:
        digest, holder, status, headers, body, rights, since, left = row
        if digest != key.digest:
            return Standing.ANOTHER
        if status:
            return Stored(status, headers, None if body is None else bytes(body), rights)
        if holder == owner:
            return Mine(since)
        if not left:
            return Standing.UNDER_WAY
        db.execute(
            f"UPDATE repeatable SET owner = ?, held = {db.clock} + {HELD_SECONDS} "  # noqa: S608 - our own words
            "WHERE account = ? AND token = ? AND route = ?",
            (owner, key.account, key.token, key.route),
        )
        return Mine(since)

    async def hold(self, key: Key, owner: str) -> None:
        """It is still being worked on."""
        query = "UPDATE repeatable SET held = {clock} + ? WHERE account = ? AND token = ? AND route = ? AND owner = ?"

        def work(db: Connection) -> None:
            values = (HELD_SECONDS, key.account, key.token, key.route, owner)
            db.execute(query.format(clock=db.clock), values)

        await self._database.write(work)

    async def finish(self, key: Key, owner: str, answer: Stored) -> None:
        """Keep what it answered."""
        query = (
            "UPDATE repeatable SET status = ?, headers = ?, body = ?, rights = ? "
            "WHERE account = ? AND token = ? AND route = ? AND owner = ?"
        )
        stored = (answer.status, answer.headers, answer.body, answer.rights)
        values = (*stored, key.account, key.token, key.route, owner)
        await self._database.write(lambda db: db.execute(query, values).rowcount)

    async def forget(self, key: Key, owner: str) -> None:
        """It came to nothing: the same may be tried again."""
        query = "DELETE FROM repeatable WHERE account = ? AND token = ? AND route = ? AND owner = ? AND status = 0"
        values = (key.account, key.token, key.route, owner)
        await self._database.write(lambda db: db.execute(query, values).rowcount)
