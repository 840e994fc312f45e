"""What has come in from forges: one row for each delivery, kept before anything is done about it.

A worker takes a row, works out what is to be done, and does it in the transaction that settles the row: so it is done
once, whoever dies when. A row that is held no more is taken by the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from midwatch.domain.errors import OperationError
from midwatch.engine.accounts.identity import new_id
from midwatch.engine.database.base import Connection, Database

State = Literal["waiting", "done", "ignored", "failed"]
HELD = 300.0
"""Seconds after which one that was taken and is not settled is taken again."""
PAUSES = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0)
"""Seconds before the second try, the third, and so on; after the last one it has failed."""
_FIELDS = (
    "id, connection, delivery, event, slug, number, key, meaning, state, task, turn, outcome, tries, error, holder, "
    "held, due, created, changed"
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One that is to be kept."""

    connection: str
    delivery: str
    """Its id as the forge gives it: one that is kept already is not kept again."""
    event: str
    """What kind of thing has happened, in our words."""
    slug: str
    number: int
    """Of the issue or the pull request; 0 for none."""
    key: str
    """Which thing it is, the same however it is heard of; empty where twice does no harm."""
    meaning: str
    """What it means here, as JSON."""
    state: State = "waiting"
    outcome: str = ""
    id: str = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One that is kept. Times are seconds since 1970 by the database's clock."""

    id: str
    connection: str
    delivery: str
    event: str
    slug: str
    number: int
    key: str
    meaning: str
    state: State
    task: str
    """The task that it was about, or that came of it; empty for none."""
    turn: str
    """The turn of it that was to hear it; empty for none."""
    outcome: str
    """What came of it, in a few words."""
    tries: int
    error: str
    """Why the last try came to nothing."""
    holder: str
    held: float
    due: float
    created: float
    changed: float


@dataclass(frozen=True, slots=True)
class End:
    """What has come of one."""

    state: State
    outcome: str
    task: str = ""
    turn: str = ""
    error: str = ""


class Taken(OperationError):
    """Somebody else has taken the arrival since."""


class Arrivals:
    """Those of a database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def keep(self, delivery: Delivery) -> bool:
        """False when it is kept already, by its id or by what it tells of."""
        return await self.database.write(lambda db: keep(db, delivery))

    async def take(self, limit: int = 8) -> Sequence[Arrival]:
        """Those whose time has come, the oldest first, held for the caller from now on."""
        holder = new_id()

        def work(db: Connection) -> list[Arrival]:
            found = db.execute(f"SELECT {_FIELDS} FROM arrival WHERE holder = ?", (holder,)).fetchall()  # noqa: S608
            if not found:  # else only the answer to the commit was lost
                free = f"state = 'waiting' AND due <= {db.clock} AND held < {db.clock}"
                query = (
                    f"UPDATE arrival SET holder = ?, held = {db.clock} + ?, tries = tries + 1 "  # noqa: S608 - our words
                    f"WHERE {free} AND id IN (SELECT id FROM arrival WHERE {free} ORDER BY id LIMIT ?) "
                    f"RETURNING {_FIELDS}"
                )
                found = db.execute(query, (holder, HELD, limit)).fetchall()
            return sorted((Arrival(*row) for row in found), key=lambda one: one.id)

        return await self.database.write(work)

    async def give_back(self, arrival: Arrival) -> None:
        """Hold it no more: this was no try. Nothing where it is settled, or somebody else's."""
        query = f"UPDATE arrival SET held = 0, tries = tries - 1 WHERE {_MINE}"  # noqa: S608 - our own words
        await self.database.write(lambda db: db.execute(query, (arrival.id, arrival.holder)).rowcount)

    async def waiting(self) -> bool:
        """Whether the time of any has come."""

        def work(db: Connection) -> bool:
            query = f"SELECT 1 FROM arrival WHERE state = 'waiting' AND due <= {db.clock} AND held < {db.clock} LIMIT 1"  # noqa: S608
            return db.execute(query).fetchone() is not None

        return await self.database.read(work)

    async def put_off(self, arrival: Arrival, error: str) -> bool:
        """Have it tried again later; False when it was tried often enough, and has failed."""
        last = arrival.tries > len(PAUSES)
        pause = 0.0 if last else PAUSES[arrival.tries - 1]
        query = (
            "UPDATE arrival SET state = ?, error = ?, held = 0, due = {0} + ?, "  # noqa: S608 - our own words
            f"key = CASE WHEN {_AGAIN} THEN '' ELSE key END, changed = {{0}} WHERE {_MINE}"
        )
        state = "failed" if last else "waiting"
        values = (state, error, pause, state, state, arrival.id, arrival.holder)
        await self.database.write(lambda db: db.execute(query.format(db.clock), values).rowcount)
        return not last

    async def meanings(self, connection: str, event: str, slug: str, limit: int = 500) -> Sequence[str]:
        """What the latest of a kind mean, whatever has come of them, the newest first."""
        query = "SELECT meaning FROM arrival WHERE connection = ? AND event = ? AND slug = ? ORDER BY id DESC LIMIT ?"
        values = (connection, event, slug, limit)
        return await self.database.read(lambda db: [str(row[0]) for row in db.execute(query, values)])

    async def told(self, connection: str, key: str) -> bool:
        """Whether something was done about what that key names."""
        query = "SELECT 1 FROM arrival WHERE connection = ? AND key = ? AND state = 'done'"
        values = (connection, named(key))
        return await self.database.read(lambda db: db.execute(query, values).fetchone() is not None)

    async def heard_by(self, turn: str) -> Sequence[Arrival]:
        """Those that a turn was to hear, the oldest first."""
        query = f"SELECT {_FIELDS} FROM arrival WHERE turn = ? ORDER BY id"  # noqa: S608 - our own words
        return await self.database.read(lambda db: [Arrival(*row) for row in db.execute(query, (turn,))])

    async def count(self, task: str, event: str, outcome: str) -> int:
        """How many of that kind, about that task, came to that."""
        query = "SELECT count(*) FROM arrival WHERE task = ? AND event = ? AND outcome = ?"
        return await self.database.read(lambda db: int(db.execute(query, (task, event, outcome)).fetchone()[0]))

    async def lately(
        self, connection: str, event: str, number: int, since: float, *, done: bool = False
    ) -> Sequence[tuple[str, str]]:
        """Of those of a kind and a number that came since a time of the database's clock: the delivery's id, and what
        it means. `done`: only of those about which something was done."""
        query = (
            "SELECT delivery, meaning FROM arrival WHERE connection = ? AND event = ? AND number = ? AND created >= ?"
        )
        query += " AND state = 'done'" if done else ""
        values = (connection, event, number, since)
        return await self.database.read(lambda db: [(row[0], row[1]) for row in db.execute(query, values)])

    async def heard(self, connection: str, slug: str, seconds: float) -> bool:
        """Whether a delivery of a webhook came about that repository within so many seconds."""

        def work(db: Connection) -> bool:
            query = (
                f"SELECT 1 FROM arrival WHERE connection = ? AND changed > {db.clock} - ? "  # noqa: S608 - our own words
                f"AND created > {db.clock} - ? AND lower(slug) = ? AND delivery NOT LIKE ? LIMIT 1"
            )
            values = (connection, seconds, seconds, named(slug).lower(), f"{LOOKED}%")
            return db.execute(query, values).fetchone() is not None

        return await self.database.read(work)

    async def of(self, connection: str, before: str = "", limit: int = 100) -> Sequence[Arrival]:
        """Of a connection, the newest first; `before`: only those older than that one."""
        query = f"SELECT {_FIELDS} FROM arrival WHERE connection = ? AND id < ? ORDER BY id DESC LIMIT ?"  # noqa: S608
        values = (connection, before or "~", limit)
        return await self.database.read(lambda db: [Arrival(*row) for row in db.execute(query, values)])

    async def forget(self, seconds: float) -> int:
        """Delete those that were settled so many seconds ago; how many. Of remarks, which are found again as long as
        they can be read at the forge, the name is known for a year, and their words are dropped."""

        def work(db: Connection) -> int:
            old = f"state <> 'waiting' AND changed < {db.clock} - ?"
            found_again = "event IN ('remark', 'review') AND (key <> '' OR delivery LIKE ?)"
            query = f"UPDATE arrival SET meaning = ? WHERE {old} AND {found_again} AND meaning <> ?"  # noqa: S608 - ours
            db.execute(query, (FORGOTTEN, seconds, f"{LOOKED}%", FORGOTTEN))
            query = f"DELETE FROM arrival WHERE {old} AND (NOT ({found_again}) OR changed < {db.clock} - ?)"  # noqa: S608
            return db.execute(query, (seconds, f"{LOOKED}%", _A_YEAR)).rowcount

        return await self.database.write(work)


FORGOTTEN = "{}"
"""The meaning of one of which no more than its name is known."""
_A_YEAR = 365 * 86400.0
TOLD = "told"
"""The outcome of one that a task was told of."""
LONGEST = 300
"""Characters of a name."""
LOOKED = "look "
"""How the delivery ids of what was found by looking begin."""
_AGAIN = "CAST(? AS TEXT) = 'ignored' OR (CAST(? AS TEXT) = 'failed' AND event IN ('labelled', 'assigned'))"
_MINE = "id = ? AND holder = ? AND state = 'waiting'"


def named(text: str) -> str:
    """A name as it is kept: one that no index would take is told by its digest."""
    clean = text.replace("\0", "").encode("utf-8", "replace").decode()
    return clean if len(clean) <= LONGEST else f"sha256:{hashlib.sha256(clean.encode()).hexdigest()}"


def keep(db: Connection, delivery: Delivery) -> bool:
    """Keep one, inside a transaction; False when it is kept already."""
    made = db.execute(
        "INSERT INTO arrival (id, connection, delivery, event, slug, number, key, meaning, state, outcome, due, "  # noqa: S608
        f"created, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {db.clock}, {db.clock}, {db.clock}) "
        "ON CONFLICT DO NOTHING",
        (
            *(delivery.id, delivery.connection, delivery.delivery, delivery.event, delivery.slug, delivery.number),
            *(delivery.key, delivery.meaning, delivery.state, delivery.outcome),
        ),
    )
    return made.rowcount > 0


def claim(db: Connection, done: Delivery) -> None:
    """What this tells of is done together with something else: where it has come in by itself and waits, it waits no
    more. Inside a transaction."""
    query = (
        "UPDATE arrival SET state = 'done', outcome = ?, "  # noqa: S608 - our own words
        f"changed = {db.clock} WHERE connection = ? AND key = ? AND state = 'waiting'"
    )
    db.execute(query, (done.outcome, done.connection, done.key))
    keep(db, done)


def settle(db: Connection, arrival: Arrival, end: End) -> None:
    """Write down what has come of one, inside the transaction that does it. Of one that is ignored the key is given
    up: the same from somebody who may is heard; so is a label that is put there again when what was in the way is
    mended. Raises Taken, so that nothing is done, where it is another's by now."""
    query = (
        "UPDATE arrival SET state = ?, outcome = ?, task = ?, turn = ?, error = ?, "  # noqa: S608 - our own words
        f"key = CASE WHEN {_AGAIN} THEN '' ELSE key END, changed = {db.clock} WHERE {_MINE}"
    )
    state = end.state
    values = (state, end.outcome, end.task, end.turn, end.error, state, state, arrival.id, arrival.holder)
    if not db.execute(query, values).rowcount and not _settled(db, arrival, end):
        raise Taken("another worker has taken this up", "nothing is to be done")


def _settled(db: Connection, arrival: Arrival, end: End) -> bool:
    """It was this very call, of whose commit the answer was lost."""
    query = "SELECT 1 FROM arrival WHERE id = ? AND holder = ? AND state = ? AND outcome = ?"
    return db.execute(query, (arrival.id, arrival.holder, end.state, end.outcome)).fetchone() is not None


def pass_on(db: Connection, turn: str, later: str, since: float) -> None:
    """What was said to a turn since then is heard by a later one, inside the transaction that opens that."""
    db.execute("UPDATE arrival SET turn = ? WHERE turn = ? AND changed >= ?", (later, turn, since))
