"""The repositories that a server works on, and who may what on each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from midwatch.domain.errors import InputError
from midwatch.engine.accounts.audit import Deed, write
from midwatch.engine.accounts.identity import repository_name
from midwatch.engine.accounts.words import Role
from midwatch.engine.database.base import Connection, Database

_COLUMNS = "id, name, location, created"


@dataclass(frozen=True, slots=True)
class Registered:
    """A repository that tasks may be submitted for."""

    id: str
    name: str
    location: str
    """As in `Task.repository`: an absolute path of the server's machine, or a URL."""
    created: float


@dataclass(frozen=True, slots=True)
class Given:
    """A role that a user has."""

    account: str
    name: str
    repository: str
    """Its id; `words.EVERY` for all."""
    role: Role


class Repositories:
    """The repositories in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, repository: Registered, deed: Deed) -> Registered:
        """Keep a new one; its time is not looked at. Raises InputError for a name that cannot be used, and for a name
        or a location that is taken."""
        repository_name(repository.name)

        def work(db: Connection) -> Registered | None:
            db.execute(
                f"INSERT INTO repository ({_COLUMNS}) VALUES (?, ?, ?, {db.clock}) ON CONFLICT DO NOTHING",  # noqa: S608
                (repository.id, repository.name, repository.location),
            )
            made = _find(db, "id", repository.id)
            if made is not None:
                write(db, deed, became={"name": made.name, "location": made.location})
            return made

        made = await self._database.write(work)
        if made is None:
            raise InputError("a repository with that name or at that location is registered already")
        return made

    async def all(self, among: Collection[str] | None, after: str = "", limit: int = 100) -> list[Registered]:
        """By id, those that follow `after`; `among`: the ids of those that may be seen, None for all."""
        seen = None if among is None else sorted(name for name in among if name > after)[:limit]
        marks = "" if seen is None else f" AND id IN ({', '.join('?' for _ in seen) or 'NULL'})"
        query = f"SELECT {_COLUMNS} FROM repository WHERE id > ?{marks} ORDER BY id LIMIT ?"  # noqa: S608 - our own words
        values = (after, *(seen or ()), limit)
        return await self._database.read(lambda db: [Registered(*row) for row in db.execute(query, values)])

    async def everything(self) -> list[Registered]:
        """All of them."""
        query = f"SELECT {_COLUMNS} FROM repository ORDER BY id"  # noqa: S608 - our own words
        return await self._database.read(lambda db: [Registered(*row) for row in db.execute(query)])

    async def find(self, repository: str) -> Registered | None:
        """The one with that id."""
        return await self._database.read(lambda db: _find(db, "id", repository))

    async def named(self, name: str) -> Registered | None:
        """The one with that name."""
        return await self._database.read(lambda db: _find(db, "name", name))

    async def at(self, location: str) -> Registered | None:
        """The one at a location, as it stands in a task."""
        return await self._database.read(lambda db: _find(db, "location", location))

    async def rename(self, repository: str, name: str, deed: Deed) -> Registered | None:
        """Give it another name; None when there is no such repository. Raises InputError as `register`."""
        repository_name(name)

        def work(db: Connection) -> Registered | None:
            before, other = _find(db, "id", repository), _find(db, "name", name)
            if before is None:
                return None
            if other is not None and other.id != repository:
                raise InputError("a repository with that name is registered already", "choose another name")
            db.execute("UPDATE repository SET name = ? WHERE id = ?", (name, repository))
            write(db, deed, was={"name": before.name}, became={"name": name})
            return _find(db, "id", repository)

        return await self._database.write(work)

    async def remove(self, repository: str, deed: Deed) -> bool:
        """Take it from the list, with the roles on it and what is kept beside it; its files and its tasks stay. False
        when there is none."""

        def work(db: Connection) -> bool:
            before = _find(db, "id", repository)
            if before is None:
                return False
            db.execute("DELETE FROM repository_role WHERE repository = ?", (repository,))
            db.execute("DELETE FROM organisation_repository WHERE repository = ?", (repository,))
            query = "DELETE FROM effect WHERE subject IN (SELECT id FROM webhook WHERE repository = ?)"
            db.execute(query, (repository,))
            db.execute("DELETE FROM piece WHERE task IN (SELECT task FROM sitting WHERE repository = ?)", (repository,))
            for table in ("webhook", "secret", "variable", "recipe", "sitting"):
                db.execute(f"DELETE FROM {table} WHERE repository = ?", (repository,))  # noqa: S608 - our own words
            db.execute("DELETE FROM repository WHERE id = ?", (repository,))
            write(db, deed, was={"name": before.name, "location": before.location})
            return True

        return await self._database.write(work)

    async def roles(self, repository: str = "", account: str = "") -> list[Given]:
        """Those on a repository, or of an account, or both, or all; by the user's name."""
        query = (
            "SELECT r.account, a.name, r.repository, r.role FROM repository_role r JOIN account a ON a.id = r.account "
            "WHERE (r.repository = ? OR ? = '') AND (r.account = ? OR ? = '') ORDER BY a.name, r.repository"
        )
        values = (repository, repository, account, account)
        return await self._database.read(lambda db: [Given(*row) for row in db.execute(query, values)])

    async def give(self, account: str, repository: str, role: Role, deed: Deed) -> None:
        """Give an account that there is a role on a repository that there is, or on `words.EVERY`; it takes the place
        of the one before."""

        def work(db: Connection) -> None:
            before = _role(db, account, repository)
            db.execute(
                "INSERT INTO repository_role (account, repository, role) VALUES (?, ?, ?) "
                "ON CONFLICT (account, repository) DO UPDATE SET role = excluded.role",
                (account, repository, role),
            )
            write(db, deed, was=_told(account, before), became=_told(account, role))

        await self._database.write(work)

    async def take(self, account: str, repository: str, deed: Deed) -> bool:
        """Take the role back; False when there is none."""

        def work(db: Connection) -> bool:
            before = _role(db, account, repository)
            if before is None:
                return False
            db.execute("DELETE FROM repository_role WHERE account = ? AND repository = ?", (account, repository))
            write(db, deed, was=_told(account, before))
            return True

        return await self._database.write(work)


def _find(db: Connection, column: str, value: str) -> Registered | None:
    row = db.execute(f"SELECT {_COLUMNS} FROM repository WHERE {column} = ?", (value,)).fetchone()  # noqa: S608
    return None if row is None else Registered(*row)


def _role(db: Connection, account: str, repository: str) -> str | None:
    query = "SELECT role FROM repository_role WHERE account = ? AND repository = ?"
    row = db.execute(query, (account, repository)).fetchone()
    return None if row is None else str(row[0])


def _told(account: str, role: str | None) -> dict[str, Any]:
    return {} if role is None else {"user": account, "role": role}
