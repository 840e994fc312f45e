"""What is kept beside a repository: what it wants of its forge, its secrets, its variables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from midwatch.domain.errors import InputError
from midwatch.engine.accounts.audit import Deed, write
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.forges.rules import RepositoryForge
from midwatch.engine.sealed import place
from midwatch.engine.vault import Vault, steady

LONGEST = 8192
"""Characters of a secret or a variable."""
MOST = 100
"""Secrets, and variables, of one repository."""
_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_OURS = re.compile(r"MIDWATCH_.*|GIT_.*|LD_.*|PATH|HOME|USER|SHELL|IFS|ENV|BASH_ENV|PYTHON(PATH|HOME|STARTUP)|TMPDIR")


@dataclass(frozen=True, slots=True)
class Kept:
    """A secret or a variable, without the value of a secret."""

    name: str
    changed: float
    """Seconds since 1970 by the database's clock."""
    changed_by: str
    """A user's name."""
    value: str = ""
    """Of a variable."""


class _Values(Mapping[str, str]):
    """Secrets by name, sealed until each is asked for. Shows none of them."""

    def __init__(self, vault: Vault, kept: Mapping[str, tuple[str, str]]) -> None:
        self._vault, self._kept = vault, kept

    def __getitem__(self, name: str) -> str:
        repository, value = self._kept[name]
        return self._vault.open(value, _sealed(repository, name), f"the secret {name}")

    def __contains__(self, name: object) -> bool:
        return name in self._kept

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


class Beside:
    """What a database keeps beside its repositories, by their ids."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database, self._vault = database, vault

    async def forge(self, repository: str) -> RepositoryForge:
        """What it wants of its forge; the defaults where nothing was said, and for a repository that there is not."""
        query = "SELECT forge_settings FROM repository WHERE id = ?"
        row = await self._database.read(lambda db: db.execute(query, (repository,)).fetchone())
        return _read(row[0] if row else "")

    async def forge_at(self, location: str) -> RepositoryForge:
        """The same by its location, as it stands in a task."""
        query = "SELECT forge_settings FROM repository WHERE location = ?"
        row = await self._database.read(lambda db: db.execute(query, (location,)).fetchone())
        return _read(row[0] if row else "")

    async def set_forge(self, repository: str, wanted: RepositoryForge, deed: Deed) -> bool:
        """Keep it in the place of what was there; False when there is no such repository."""
        text = json.dumps(asdict(wanted), ensure_ascii=False, sort_keys=True)

        def work(db: Connection) -> bool:
            row = db.execute("SELECT forge_settings FROM repository WHERE id = ?", (repository,)).fetchone()
            if row is None:
                return False
            db.execute("UPDATE repository SET forge_settings = ? WHERE id = ?", (text, repository))
            write(db, deed, was=json.loads(row[0] or "{}"), became=json.loads(text))
            return True

        return await self._database.write(work)

    async def secrets(self, repository: str) -> list[Kept]:
        """Which there are, by name; never their values."""
        query = "SELECT name, changed, changed_by FROM secret WHERE repository = ? ORDER BY name"
        return await self._database.read(lambda db: [Kept(*row) for row in db.execute(query, (repository,))])

    async def variables(self, repository: str) -> list[Kept]:
        """Which there are, by name."""
        query = "SELECT name, changed, changed_by, value FROM variable WHERE repository = ? ORDER BY name"
        return await self._database.read(lambda db: [Kept(*row) for row in db.execute(query, (repository,))])

    async def values_at(self, location: str) -> Mapping[str, str]:
        """The secrets of the repository at a location. One is opened when it is asked for, which reads a small file and
        raises InputError where no key opens it."""
        query = (
            "SELECT s.repository, s.name, s.value FROM secret s JOIN repository r ON r.id = s.repository "
            "WHERE r.location = ? ORDER BY s.name"
        )
        rows = await self._database.read(lambda db: db.execute(query, (location,)).fetchall())
        return _Values(self._vault, {name: (repository, value) for repository, name, value in rows})

    async def variables_at(self, location: str) -> dict[str, str]:
        """The variables of the repository at a location."""
        query = (
            "SELECT v.name, v.value FROM variable v JOIN repository r ON r.id = v.repository "
            "WHERE r.location = ? ORDER BY v.name"
        )
        return await self._database.read(lambda db: dict(db.execute(query, (location,)).fetchall()))

    async def put_secret(self, repository: str, name: str, value: str, deed: Deed) -> Kept:
        """Keep it in the place of the one before. Raises InputError for a name or a value that cannot be, and for one
        too many."""
        _require_name(name)
        if not value.strip() or len(value) > LONGEST or not value.isascii() or not value.isprintable():
            raise InputError(
                f"the secret {name} must be one line of plain characters, at most {LONGEST}",
                "give it without a newline",
            )

        def work(db: Connection) -> Kept:
            steady(db)
            return _put(db, "secret", (repository, name, self._vault.seal(value, _sealed(repository, name))), deed)

        return await self._database.write(work)

    async def put_variable(self, repository: str, name: str, value: str, deed: Deed) -> Kept:
        """The same for a variable. Raises as `put_secret`, and for a name that means something else in a box."""
        _require_name(name)
        if _OURS.fullmatch(name):
            raise InputError(f"{name} means something to the system or to Midwatch", "choose another name")
        if len(value) > LONGEST or "\0" in value:
            raise InputError(f"{name} is longer than {LONGEST} characters, or has a NUL in it", "make it shorter")
        return await self._database.write(lambda db: _put(db, "variable", (repository, name, value), deed))

    async def remove(self, table: str, repository: str, name: str, deed: Deed) -> bool:
        """Forget one of `secret` or `variable`; False when there is none."""
        assert table in ("secret", "variable")

        def work(db: Connection) -> bool:
            query = f"DELETE FROM {table} WHERE repository = ? AND name = ?"  # noqa: S608 - one of our own words
            if not db.execute(query, (repository, name)).rowcount:
                return False
            write(db, deed, was={"name": name})
            return True

        return await self._database.write(work)


def read(values: Mapping[str, Any]) -> RepositoryForge:
    """The settings of a repository's forge from what JSON has; what this program does not know is left out."""
    known = {f.name for f in fields(RepositoryForge)}
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items() if name in known
    }
    return RepositoryForge(**given)


def _read(text: str) -> RepositoryForge:
    return read(json.loads(text)) if text else RepositoryForge()


def _sealed(repository: str, name: str) -> str:
    return place("secret", "value", repository, name)


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InputError(
            "a name has up to 64 capital letters A to Z, digits and _, and begins with no digit", "like NPM_TOKEN"
        )


def _put(db: Connection, table: str, row: tuple[str, str, str], deed: Deed) -> Kept:
    repository, name, _ = row
    # whoever else sets one waits here, else both would be the last for which there is room
    db.execute(f"SELECT id FROM repository WHERE id = ?{db.for_update}", (repository,)).fetchone()  # noqa: S608 - ours
    query = f"SELECT count(*) FROM {table} WHERE repository = ? AND name <> ?"  # noqa: S608 - one of our own words
    if db.execute(query, (repository, name)).fetchone()[0] >= MOST:
        raise InputError(f"there are {MOST} of them already", "remove one that nothing needs")
    db.execute(
        f"INSERT INTO {table} (repository, name, value, changed, changed_by) VALUES (?, ?, ?, {db.clock}, ?) "  # noqa: S608
        "ON CONFLICT (repository, name) DO UPDATE SET value = excluded.value, changed = excluded.changed, "
        "changed_by = excluded.changed_by",
        (*row, deed.who.name),
    )
    write(db, deed, became={"name": name})
    shown = "value" if table == "variable" else "''"
    query = f"SELECT name, changed, changed_by, {shown} FROM {table} WHERE repository = ? AND name = ?"  # noqa: S608
    return Kept(*db.execute(query, (repository, name)).fetchone())
