"""The audit log: who changed what, from where. An entry is written in the transaction of the change itself."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from midwatch.engine.accounts.identity import new_id
from midwatch.engine.database.base import Connection, Database

_COLUMNS = "id, time, account, name, via, address, action, object, repository, was, became"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something."""

    account: str
    """Their id; empty for the server itself and for one who is not known."""
    name: str
    via: str
    """`session`, `token ID`, `password`, `oidc` or `server`."""
    address: str = ""


SERVER = Actor("", "midwatch", "server")


@dataclass(frozen=True, slots=True)
class Deed:
    """A change to be written down. Made before its transaction, which may run twice: its id stays the same."""

    who: Actor
    action: str
    """`user.create`, `role.give`, `task.cancel`, …: the noun and the verb."""
    object: str
    """The id of what is changed."""
    repository: str = ""
    """The id of the repository, or of the organisation, that it belongs to; empty for none."""
    was: Mapping[str, Any] = field(default_factory=dict)
    """What is changed, as it was before; never a secret."""
    became: Mapping[str, Any] = field(default_factory=dict)
    """And as it is now."""
    id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Entry:
    """A deed as it was written down."""

    id: str
    time: float
    """Seconds since 1970, by the database's clock."""
    account: str
    name: str
    via: str
    address: str
    action: str
    object: str
    repository: str
    was: Mapping[str, Any]
    became: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sight:
    """Which entries somebody may read: those of their own, and those about repositories and organisations that they
    administer (`repositories`: the ids of both)."""

    everything: bool
    account: str = ""
    repositories: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Only:
    """Which entries are asked for; what is empty takes all. Times are seconds since 1970."""

    about: str = ""
    """With that object."""
    user: str = ""
    """Of the user with that id."""
    action: str = ""
    """That action, or all that begin with it and a full stop: `user`, `user.create`."""
    repository: str = ""
    """About the repository or organisation with that id."""
    since: float | None = None
    until: float | None = None


def write(
    db: Connection, deed: Deed, was: Mapping[str, Any] | None = None, became: Mapping[str, Any] | None = None
) -> None:
    """Write a deed down, inside the transaction of what it tells of. `was` and `became`: where they are known there
    only."""
    who = deed.who
    db.execute(
        f"INSERT INTO audit ({_COLUMNS}) "  # noqa: S608 - our own words
        f"VALUES (?, {db.clock}, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            *(deed.id, who.account, who.name, who.via, who.address, deed.action, deed.object, deed.repository),
            _text(deed.was if was is None else was),
            _text(deed.became if became is None else became),
        ),
    )


async def record(database: Database, deed: Deed) -> None:
    """Write a deed down in a transaction of its own: for what is done elsewhere than in the database."""
    await database.write(lambda db: write(db, deed))


async def stands(database: Database, entry: str) -> bool:
    """Whether the deed of that id was written down."""
    query = "SELECT 1 FROM audit WHERE id = ?"
    return await database.read(lambda db: db.execute(query, (entry,)).fetchone() is not None)


async def entries(
    database: Database, sight: Sight, before: str = "", limit: int = 100, only: Only | None = None
) -> list[Entry]:
    """The newest first; `before`: only those older than that entry."""
    clauses, values = _terms(only or Only())
    if before:
        clauses.append("id < ?")
        values.append(before)
    if not sight.everything:
        marks = ", ".join("?" for _ in sight.repositories) or "NULL"
        clauses.append(f"(account = ? OR repository IN ({marks}))")
        values += [sight.account, *sight.repositories]
    query = f"SELECT {_COLUMNS} FROM audit WHERE {' AND '.join(clauses)} ORDER BY id DESC LIMIT ?"  # noqa: S608 - as above

    def work(db: Connection) -> list[Entry]:
        found = db.execute(query, (*values, limit))
        return [_entry(row) for row in found]

    return await database.read(work)


def _terms(only: Only) -> tuple[list[str], list[Any]]:
    terms = {
        "object = ?": only.about, "account = ?": only.user, "repository = ?": only.repository,
        "time >= ?": only.since, "time < ?": only.until,
    }  # fmt: skip
    wanted = [(clause, value) for clause, value in terms.items() if value not in ("", None)]
    clauses, values = ["1 = 1", *(clause for clause, _ in wanted)], [value for _, value in wanted]
    if only.action:
        clauses.append("(action = ? OR substr(action, 1, ?) = ?)")
        values += [only.action, len(only.action) + 1, f"{only.action}."]
    return clauses, values


def _entry(row: tuple[Any, ...]) -> Entry:
    entry, time, account, name, via, address, action, subject, repository, was, became = row
    return Entry(
        entry, time, account, name, via, address, action, subject, repository, json.loads(was), json.loads(became)
    )


def _text(values: Mapping[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, sort_keys=True)
