"""What opens the server: tokens of programs and sessions of people. Of each only the hash of its secret is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from midwatch.engine.accounts.audit import Deed, write
from midwatch.engine.accounts.identity import digest
from midwatch.engine.accounts.organisations import repository_roles_of, roles_of
from midwatch.engine.accounts.words import EVERY, ROLES, Role, Scope
from midwatch.engine.database.base import Connection, Database

USED_EVERY = 60.0
"""Seconds: how exactly a token's last use is kept. More would be a write for each request."""

_TOKEN = "id, account, name, scope, created, expires, used"  # noqa: S105 - names of columns


@dataclass(frozen=True, slots=True)
class Token:
    """A token, without its secret. Times are seconds since 1970, by the database's clock."""

    id: str
    account: str
    name: str
    scope: Scope
    created: float
    expires: float | None
    used: float | None


@dataclass(frozen=True, slots=True)
class Known:
    """Who a secret belongs to, and what they have been given."""

    account: str
    name: str
    admin: bool
    scope: Scope
    token: str
    """The token's id; empty for a session."""
    roles: Mapping[str, Role]
    """By the repository's id: the highest of what was given on it, on its organisation and on every repository."""
    organisations: Mapping[str, Role]
    """By the organisation's id."""
    stale: bool
    """Whether the token's last use should be written down again."""


class Keys:
    """Tokens and sessions in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def make_token(self, token: Token, secret: str, days: float | None, deed: Deed) -> Token:
        """Keep a new token; `days` until it ends, None for never. The times in `token` are not looked at."""

        def work(db: Connection) -> Token:
            db.execute(
                "INSERT INTO api_token (id, account, name, hash, scope, created, expires) "  # noqa: S608
                f"VALUES (?, ?, ?, ?, ?, {db.clock}, {db.clock} + ?) ON CONFLICT DO NOTHING",
                (token.id, token.account, token.name, digest(secret), token.scope, _seconds(days)),
            )
            made = _token(db, token.id)
            assert made is not None
            write(db, deed, became={"name": made.name, "scope": made.scope, "days": days, "user": made.account})
            return made

        return await self._database.write(work)

    async def token(self, token: str) -> Token | None:
        """The one with that id."""
        return await self._database.read(lambda db: _token(db, token))

    async def tokens(self, account: str, after: str = "", limit: int = 100) -> list[Token]:
        """Of an account (empty: all accounts), in the order in which they were made, also those that have ended."""
        query = f"SELECT {_TOKEN} FROM api_token WHERE (account = ? OR ? = '') AND id > ? ORDER BY id LIMIT ?"  # noqa: S608
        values = (account, account, after, limit)
        return await self._database.read(lambda db: [Token(*row) for row in db.execute(query, values)])

    async def revoke(self, token: str, deed: Deed) -> bool:
        """End a token at once; False when there is none. Its entries in the audit log stay."""

        def work(db: Connection) -> bool:
            found = _token(db, token)
            if found is None:
                return False
            db.execute("DELETE FROM api_token WHERE id = ?", (token,))
            write(db, deed, was={"name": found.name, "scope": found.scope, "user": found.account})
            return True

        return await self._database.write(work)

    async def open_session(self, account: str, secret: str, hours: float, deed: Deed) -> None:
        """Keep a new session. Sessions that have ended are forgotten on the way."""

        def work(db: Connection) -> None:
            db.execute(f"DELETE FROM web_session WHERE expires < {db.clock}")  # noqa: S608 - our own words
            db.execute(
                "INSERT INTO web_session (hash, account, created, expires) "  # noqa: S608 - our own words
                f"VALUES (?, ?, {db.clock}, {db.clock} + ?) ON CONFLICT DO NOTHING",
                (digest(secret), account, hours * 3600.0),
            )
            write(db, deed)

        await self._database.write(work)

    async def close_session(self, secret: str, deed: Deed) -> None:
        """End a session; none is fine too."""

        def work(db: Connection) -> None:
            if db.execute("DELETE FROM web_session WHERE hash = ?", (digest(secret),)).rowcount:
                write(db, deed)

        await self._database.write(work)

    async def of_token(self, secret: str) -> Known | None:
        """Whose token this is; None for one that is not known, has ended, or is of a disabled account."""
        return await self._database.read(lambda db: _known(db, _of_token(db, secret)))

    async def of_session(self, secret: str) -> Known | None:
        """Whose session this is; None as for a token."""
        return await self._database.read(lambda db: _known(db, _of_session(db, secret)))

    async def used(self, token: str) -> None:
        """The token has been used now."""

        def work(db: Connection) -> None:
            db.execute(f"UPDATE api_token SET used = {db.clock} WHERE id = ?", (token,))  # noqa: S608 - our own words

        await self._database.write(work)


def _of_token(db: Connection, secret: str) -> Any:
    query = (
        "SELECT a.id, a.name, a.admin, t.scope, t.id, "  # noqa: S608 - our own words
        f"CASE WHEN t.used IS NULL OR t.used < {db.clock} - {USED_EVERY} THEN 1 ELSE 0 END "
        "FROM api_token t JOIN account a ON a.id = t.account "
        f"WHERE t.hash = ? AND a.disabled = 0 AND (t.expires IS NULL OR t.expires > {db.clock})"
    )
    return db.execute(query, (digest(secret),)).fetchone()


def _of_session(db: Connection, secret: str) -> Any:
    query = (
        "SELECT a.id, a.name, a.admin, 'admin', '', 0 FROM web_session s JOIN account a ON a.id = s.account "  # noqa: S608
        f"WHERE s.hash = ? AND a.disabled = 0 AND s.expires > {db.clock}"
    )
    return db.execute(query, (digest(secret),)).fetchone()


def _known(db: Connection, row: Any) -> Known | None:
    if row is None:
        return None
    account, name, admin, scope, token, stale = row
    organisations = roles_of(db, account)
    return Known(account, name, bool(admin), scope, token, roles_on(db, account), organisations, bool(stale))


def roles_on(db: Connection, account: str) -> dict[str, Role]:
    """By the repository's id: the highest of what was given to an account on it, on its organisation and on all."""
    found: dict[str, Role] = dict(
        db.execute(
            "SELECT repository, role FROM repository_role "
            "WHERE account = ? AND (repository = ? OR repository IN (SELECT id FROM repository))",
            (account, EVERY),
        ).fetchall()
    )
    general = found.pop(EVERY, None)
    further = [] if general is None else [(row[0], general) for row in db.execute("SELECT id FROM repository")]
    for repository, role in (*further, *repository_roles_of(db, account)):
        found[repository] = max(role, found.get(repository, role), key=ROLES.index)
    return found


def _token(db: Connection, token: str) -> Token | None:
    row = db.execute(f"SELECT {_TOKEN} FROM api_token WHERE id = ?", (token,)).fetchone()  # noqa: S608 - our own words
    return None if row is None else Token(*row)


def _seconds(days: float | None) -> float | None:
    return None if days is None else days * 86400.0
