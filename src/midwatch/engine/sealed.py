"""Everything that is kept sealed: where it stands, whether it can be opened, and sealing it anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from midwatch.domain.errors import InputError
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.vault import Sealed, Vault, is_sealed, key_of, steady


@dataclass(frozen=True, slots=True)
class Column:
    """A column whose values are sealed."""

    table: str
    name: str
    ids: tuple[str, ...]
    """The columns that say which row it is."""
    words: str
    """What a person calls it."""


COLUMNS = (
    Column("forge", "credential", ("id",), "the credential of the forge connection"),
    Column("forge", "secret", ("id",), "the webhook secret of the forge connection"),
    Column("webhook", "secret", ("id",), "the secret of the webhook"),
    Column("secret", "value", ("repository", "name"), "the secret of the repository"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is sealed."""

    column: Column
    ids: tuple[str, ...]
    text: str
    """As it is kept; never shown."""

    @property
    def place(self) -> str:
        """What it is bound to."""
        return place(self.column.table, self.column.name, *self.ids)

    @property
    def words(self) -> str:
        """What a person calls it."""
        return f"{self.column.words} {' '.join(self.ids)}"


@dataclass(frozen=True, slots=True)
class State:
    """How it stands with all of them."""

    by_key: Mapping[str, int]
    """How many each key has sealed, by its id; those that are not sealed yet by an empty one."""
    lost: Sequence[str]
    """Those that cannot be opened, and why."""


def place(table: str, column: str, *ids: str) -> str:
    """What a secret is bound to when it is sealed."""
    return "/".join((table, column, *ids))


async def state(database: Database, vault: Vault) -> State:
    """Try to open each. Raises InputError for keys that cannot be read, StoreError."""
    return _state(await database.read(_entries), vault)


async def seal_anew(database: Database, vault: Vault) -> int:
    """Seal with the newest key what an older one has sealed, and what is not sealed at all; how many that were. In one
    transaction, and may be called again. Raises Sealed for what cannot be opened: nothing is changed then."""

    def work(db: Connection) -> int:
        steady(db)
        done = 0
        for entry in _entries(db):
            column = entry.column
            where = " AND ".join(f"{name} = ?" for name in column.ids)
            if is_sealed(entry.text):
                wanted = vault.renewed(entry.text, entry.place, entry.words)
            else:
                wanted = vault.seal(entry.text, entry.place)
            query = f"UPDATE {column.table} SET {column.name} = ? WHERE {where}"  # noqa: S608 - our own words
            done += wanted != entry.text and db.execute(query, (wanted, *entry.ids)).rowcount
        return done

    return await database.write(work)


async def drop_old(database: Database, vault: Vault) -> int:
    """Forget the keys that nothing is sealed with any more; how many that were. Raises InputError where something still
    needs one, and where the keys come from the variable."""
    if vault.by_variable:
        raise InputError("the keys are in a variable, which cannot be changed from here", "take the old ones out there")

    def work(db: Connection) -> int:
        steady(db)  # whoever seals after this transaction reads the file anew
        found, keys = _state(_entries(db), vault), vault.all_keys()
        if found.lost:
            raise Sealed(f"{found.lost[0]}, so no key is dropped", "mend that first")
        newest = keys[0].id if keys else ""
        if any(name not in (newest, "") for name in found.by_key):
            raise InputError("something is still sealed with an older key", "`midwatch admin vault rotate` first")
        return vault.keep_newest(newest)

    return await database.write(work)


def _state(entries: Sequence[Entry], vault: Vault) -> State:
    counted: dict[str, int] = {}
    lost: list[str] = []
    for entry in entries:
        name = key_of(entry.text)
        counted[name] = counted.get(name, 0) + 1
        if name:
            try:
                vault.open(entry.text, entry.place, entry.words)
            except Sealed as error:
                lost.append(error.message)
    return State(counted, lost)


def _entries(db: Connection) -> list[Entry]:
    found = []
    for column in COLUMNS:
        ids = ", ".join(column.ids)
        query = f"SELECT {column.name}, {ids} FROM {column.table} WHERE {column.name} <> '' ORDER BY {ids}"  # noqa: S608
        found += [Entry(column, tuple(row[1:]), row[0]) for row in db.execute(query)]
    return found
