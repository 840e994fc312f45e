"""Organisations: each repository belongs to one or to none, and a role in one is a role on all its repositories."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from midwatch.domain.errors import InputError
from midwatch.engine.accounts.audit import Deed, write
from midwatch.engine.accounts.identity import organisation_name
from midwatch.engine.accounts.words import Role
from midwatch.engine.database.base import Connection, Database

_COLUMNS = "id, name, created"


class NotEmpty(InputError):
    """An organisation that still has repositories."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """One of them."""

    id: str
    name: str
    created: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Member:
    """A user who has a role in an organisation."""

    account: str
    name: str
    organisation: str
    role: Role


class Organisations:
    """The organisations in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, organisation: Organisation, deed: Deed) -> Organisation:
        """Keep a new one; its time is not looked at. Raises InputError for a name that cannot be used or is taken."""
        organisation_name(organisation.name)

        def work(db: Connection) -> Organisation | None:
            db.execute(
                f"INSERT INTO organisation ({_COLUMNS}) VALUES (?, ?, {db.clock}) ON CONFLICT DO NOTHING",  # noqa: S608
                (organisation.id, organisation.name),
            )
            made = _find(db, "id", organisation.id)
            if made is not None:
                write(db, deed, became={"name": made.name})
            return made

        made = await self._database.write(work)
        if made is None:
            raise InputError("there is an organisation with that name already", "choose another name")
        return made

    async def all(self, among: Collection[str] | None, after: str = "", limit: int = 100) -> list[Organisation]:
        """By id, those that follow `after`; `among`: the ids of those that may be seen, None for all."""
        seen = None if among is None else sorted(name for name in among if name > after)[:limit]
        marks = "" if seen is None else f" AND id IN ({', '.join('?' for _ in seen) or 'NULL'})"
        query = f"SELECT {_COLUMNS} FROM organisation WHERE id > ?{marks} ORDER BY id LIMIT ?"  # noqa: S608 - our own words
        values = (after, *(seen or ()), limit)
        return await self._database.read(lambda db: [Organisation(*row) for row in db.execute(query, values)])

    async def find(self, organisation: str) -> Organisation | None:
        """The one with that id."""
        return await self._database.read(lambda db: _find(db, "id", organisation))

    async def named(self, name: str) -> Organisation | None:
        """The one with that name."""
        return await self._database.read(lambda db: _find(db, "name", name))

    async def rename(self, organisation: str, name: str, deed: Deed) -> Organisation | None:
        """Give it another name; its budgets and what it has spent stay with it. None when there is no such
        organisation. Raises InputError as `create`."""
        organisation_name(name)

        def work(db: Connection) -> Organisation | None:
            before, other = _find(db, "id", organisation), _find(db, "name", name)
            if before is None:
                return None
            if other is not None and other.id != organisation:
                raise InputError("there is an organisation with that name already", "choose another name")
            db.execute("UPDATE organisation SET name = ? WHERE id = ?", (name, organisation))
            write(db, deed, was={"name": before.name}, became={"name": name})
            return _find(db, "id", organisation)

        return await self._database.write(work)

    async def remove(self, organisation: str, deed: Deed) -> bool:
        """Remove one that has no repositories, with the roles in it and its budgets; what it has spent stays written
        down. False when there is none. Raises NotEmpty."""

        def work(db: Connection) -> bool:
            query = f"SELECT name FROM organisation WHERE id = ?{db.for_update}"  # noqa: S608 - our own words
            before = db.execute(query, (organisation,)).fetchone()
            if before is None:
                return False
            counted = "SELECT count(*) FROM organisation_repository WHERE organisation = ?"
            (held,) = db.execute(counted, (organisation,)).fetchone()
            if held:
                raise NotEmpty(f"this organisation has {held} repositories", "take them out of it first")
            db.execute("DELETE FROM organisation_role WHERE organisation = ?", (organisation,))
            db.execute("DELETE FROM budget_cap WHERE scope = 'organisation' AND name = ?", (organisation,))
            db.execute("DELETE FROM organisation WHERE id = ?", (organisation,))
            write(db, deed, was={"name": before[0]})
            return True

        return await self._database.write(work)

    async def of_repositories(self, repositories: Collection[str]) -> dict[str, Organisation]:
        """The organisations of repositories, by the repositories' ids; those that belong to none are left out."""
        marks = ", ".join("?" for _ in repositories) or "NULL"
        query = (
            "SELECT r.repository, o.id, o.name, o.created FROM organisation_repository r "  # noqa: S608 - our own words
            f"JOIN organisation o ON o.id = r.organisation WHERE r.repository IN ({marks})"
        )
        values = tuple(repositories)
        return await self._database.read(
            lambda db: {row[0]: Organisation(*row[1:]) for row in db.execute(query, values)}
        )

    async def put(self, repository: str, organisation: str, deed: Deed) -> bool:
        """Have a repository belong to an organisation, and no longer to the one before; empty for none. False when
        there is no such repository or organisation by now."""

        def work(db: Connection) -> bool:
            query = f"SELECT id FROM organisation WHERE id = ?{db.for_update}"  # noqa: S608 - it is not removed meanwhile
            if organisation and db.execute(query, (organisation,)).fetchone() is None:
                return False
            if db.execute("SELECT id FROM repository WHERE id = ?", (repository,)).fetchone() is None:
                return False
            query = "SELECT organisation FROM organisation_repository WHERE repository = ?"
            row = db.execute(query, (repository,)).fetchone()
            before = row[0] if row else ""
            db.execute("DELETE FROM organisation_repository WHERE repository = ?", (repository,))
            if organisation:
                query = "INSERT INTO organisation_repository (repository, organisation) VALUES (?, ?)"
                db.execute(query, (repository, organisation))
            write(db, deed, was={"organisation": before}, became={"organisation": organisation})
            return True

        return await self._database.write(work)

    async def members(self, organisation: str) -> list[Member]:
        """Those who have a role in it, by name."""
        query = (
            "SELECT r.account, a.name, r.organisation, r.role FROM organisation_role r "
            "JOIN account a ON a.id = r.account WHERE r.organisation = ? ORDER BY a.name"
        )
        return await self._database.read(lambda db: [Member(*row) for row in db.execute(query, (organisation,))])

    async def give(self, account: str, organisation: str, role: Role, deed: Deed) -> bool:
        """Give an account that there is a role in an organisation, in the place of the one before. False when there is
        no such organisation by now."""

        def work(db: Connection) -> bool:
            query = f"SELECT id FROM organisation WHERE id = ?{db.for_update}"  # noqa: S608 - our own words
            if db.execute(query, (organisation,)).fetchone() is None:
                return False
            before = _role(db, account, organisation)
            db.execute(
                "INSERT INTO organisation_role (account, organisation, role) VALUES (?, ?, ?) "
                "ON CONFLICT (account, organisation) DO UPDATE SET role = excluded.role",
                (account, organisation, role),
            )
            write(db, deed, was=_told(account, before), became=_told(account, role))
            return True

        return await self._database.write(work)

    async def take(self, account: str, organisation: str, deed: Deed) -> bool:
        """Take the role back; False when there is none."""

        def work(db: Connection) -> bool:
            before = _role(db, account, organisation)
            if before is None:
                return False
            db.execute("DELETE FROM organisation_role WHERE account = ? AND organisation = ?", (account, organisation))
            write(db, deed, was=_told(account, before))
            return True

        return await self._database.write(work)


def roles_of(db: Connection, account: str) -> dict[str, Role]:
    """The roles that an account has in organisations, by their ids."""
    query = "SELECT organisation, role FROM organisation_role WHERE account = ?"
    return dict(db.execute(query, (account,)).fetchall())


def repository_roles_of(db: Connection, account: str) -> list[tuple[str, Role]]:
    """What an account may on repositories because of the organisations that they belong to: ids and roles."""
    query = (
        "SELECT r.repository, m.role FROM organisation_role m "
        "JOIN organisation_repository r ON r.organisation = m.organisation WHERE m.account = ?"
    )
    return [(row[0], row[1]) for row in db.execute(query, (account,))]


def _find(db: Connection, column: str, value: str) -> Organisation | None:
    row = db.execute(f"SELECT {_COLUMNS} FROM organisation WHERE {column} = ?", (value,)).fetchone()  # noqa: S608
    return None if row is None else Organisation(*row)


def _role(db: Connection, account: str, organisation: str) -> str | None:
    query = "SELECT role FROM organisation_role WHERE account = ? AND organisation = ?"
    row = db.execute(query, (account, organisation)).fetchone()
    return None if row is None else str(row[0])


def _told(account: str, role: str | None) -> dict[str, Any]:
    return {} if role is None else {"user": account, "role": role}
