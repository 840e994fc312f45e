"""Accounts: one for each person or program that uses the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from midwatch.domain.errors import InputError
from midwatch.engine.accounts.audit import Deed, write
from midwatch.engine.accounts.identity import near, new_id, user_name
from midwatch.engine.accounts.words import EVERY, Role
from midwatch.engine.database.base import Connection, Database

_COLUMNS = "id, name, password, subject, admin, disabled, created"


class LastAdmin(InputError):
    """Without them nobody could administer the server."""


@dataclass(frozen=True, slots=True)
class Account:
    """One of them."""

    id: str
    name: str
    password: str
    """The hash; empty for one that cannot sign in with a password. Never shown, logged or audited."""
    subject: str | None
    """Who they are at the OpenID Connect provider: its address, a space, and their name there."""
    admin: bool
    disabled: bool
    created: float
    """Seconds since 1970."""

    def shown(self) -> dict[str, Any]:
        """What the audit log says of it."""
        return {"name": self.name, "admin": self.admin, "disabled": self.disabled}


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be changed of an account; None for what stays."""

    admin: bool | None = None
    disabled: bool | None = None
    password: str | None = None
    """The new hash."""


class People:
    """The accounts in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, name: str, password: str, admin: bool, deed: Callable[[str], Deed], account: str = ""
    ) -> Account:
        """A new account; `password` is a hash or empty, `deed` is given its id, which is `account` where that is told:
        then twice is once. Raises InputError for a name that cannot be used or is taken."""
        made, kept = account or new_id(), user_name(name)
        told = deed(made)

        def work(db: Connection) -> Account | None:
            _insert(db, made, kept, password, None, admin)
            found = _find(db, "name", kept)
            if found is None or found.id != made:
                return None
            write(db, told, became=found.shown())
            return found

        found = await self._database.write(work)
        if found is None:
            raise InputError(f"there is a user {kept} already", "choose another name")
        return found

    async def first(self, name: str, password: str, deed: Callable[[str], Deed]) -> Account | None:
        """The first account, an administrator's; None when there is an account already. Of many at once one wins."""
        made = new_id()
        told = deed(made)

        def work(db: Connection) -> Account | None:
            other = db.execute("SELECT 1 FROM account WHERE id <> ? LIMIT 1", (made,)).fetchone()
            if other is not None:
                return None
            _insert(db, made, name, password, None, True)
            found = _find(db, "name", name)
            if found is None or found.id != made:
                return None
            write(db, told, became=found.shown())
            return found

        return await self._database.write(work)

    async def of_subject(self, subject: str, called: str, role: Role | None, deed: Callable[[str], Deed]) -> Account:
        """The account of somebody whom a provider knows; made where there is none, under a name near to what they are
        `called` that nobody has: an account that is there already is never taken over by its name. `role`: what a new
        one may on every repository."""
        made = new_id()
        told = deed(made)

        def work(db: Connection) -> Account:
            found = _find(db, "subject", subject)
            number = 1
            while found is None:
                name = near(called) + (f"-{number}" if number > 1 else "")
                _insert(db, made, name, "", subject, False)
                found, number = _find(db, "subject", subject), number + 1
            if found.id == made:
                if role is not None:
                    query = "INSERT INTO repository_role (account, repository, role) VALUES (?, ?, ?)"
                    db.execute(f"{query} ON CONFLICT DO NOTHING", (made, EVERY, role))
                write(db, told, became={**found.shown(), "role": role or ""})
            return found

        return await self._database.write(work)

    async def find(self, account: str) -> Account | None:
        """The one with that id."""
        return await self._database.read(lambda db: _find(db, "id", account))

    async def named(self, name: str) -> Account | None:
        """The one with that name, in whatever case."""
        try:
            kept = user_name(name)
        except InputError:
            return None
        return await self._database.read(lambda db: _find(db, "name", kept))

    async def all(self, after: str = "", limit: int = 100) -> list[Account]:
        """In the order in which they were made; `after`: those that follow the one with that id."""
        query = f"SELECT {_COLUMNS} FROM account WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608 - our own words
        return await self._database.read(lambda db: [_account(row) for row in db.execute(query, (after, limit))])

    async def change(self, account: str, change: Change, deed: Deed) -> Account | None:
        """Change it; None when there is no such account. Sessions end when it is disabled or its password changes.
        Raises LastAdmin for what would leave no administrator."""

        def work(db: Connection) -> Account | None:
            before = _find(db, "id", account)
            if before is None:
                return None
            _require_another(db, account, change)
            db.execute(
                "UPDATE account SET admin = coalesce(?, admin), disabled = coalesce(?, disabled), "
                "password = coalesce(?, password) WHERE id = ?",
                (_number(change.admin), _number(change.disabled), change.password, account),
            )
            if change.disabled or change.password is not None:
                db.execute("DELETE FROM web_session WHERE account = ?", (account,))
            found = _find(db, "id", account)
            assert found is not None
            renewed = {"password": "changed"} if change.password is not None else {}
            write(db, deed, was=before.shown(), became={**found.shown(), **renewed})
            return found

        return await self._database.write(work)


def _require_another(db: Connection, account: str, change: Change) -> None:
    """Held until the end of the transaction, so that two administrators cannot put each other out."""
    if change.admin is not False and not change.disabled:
        return
    query = f"SELECT id FROM account WHERE admin = 1 AND disabled = 0 ORDER BY id{db.for_update}"  # noqa: S608 - our own words
    if {row[0] for row in db.execute(query)} == {account}:
        raise LastAdmin("this is the only administrator", "make another user an administrator first")


def _insert(db: Connection, account: str, name: str, password: str, subject: str | None, admin: bool) -> None:
    db.execute(
        f"INSERT INTO account ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, 0, {db.clock}) ON CONFLICT DO NOTHING",  # noqa: S608
        (account, name, password, subject, int(admin)),
    )


def _find(db: Connection, column: str, value: str) -> Account | None:
    row = db.execute(f"SELECT {_COLUMNS} FROM account WHERE {column} = ?", (value,)).fetchone()  # noqa: S608
    return None if row is None else _account(row)


def _account(row: tuple[Any, ...]) -> Account:
    account, name, password, subject, admin, disabled, created = row
    return Account(account, name, password, subject, bool(admin), bool(disabled), created)


def _number(value: bool | None) -> int | None:
    return None if value is None else int(value)
