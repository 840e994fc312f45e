"""Occasions: what has happened to a task and somebody outside wants to hear of. Written with what has happened, in the
same transaction; a worker makes effects of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from midwatch.engine.database.base import Connection, Database
from midwatch.engine.effects.base import Wanted
from midwatch.engine.effects.ledger import want
from midwatch.engine.insight import outcomes

_FIELDS = "id, task, turn, what, time"


@dataclass(frozen=True, slots=True)
class Occasion:
    """A turn of a task has ended."""

    id: str
    task: str
    turn: str
    what: str
    """How it has ended: `done`, `failed` or `cancelled`; or what has become of its pull request: `merged`, `closed` or
    `reopened`."""
    time: float
    """Seconds since 1970 by the database's clock."""


def note(db: Connection, turn_id: str, what: str) -> None:
    """Write down that a turn has ended, where anybody wants to hear of it: a webhook, or the forge of
    a repository that is not a folder of this machine; it is counted in any case. Twice is once."""
    task = turn_id.partition(":")[0]
    outcomes.note(db, task)
    query = (
        f"INSERT INTO occasion ({_FIELDS}) SELECT ?, ?, ?, ?, {db.clock} "  # noqa: S608 - our own words
        "WHERE EXISTS (SELECT 1 FROM webhook WHERE active = 1) "
        "OR EXISTS (SELECT 1 FROM task WHERE id = ? AND substr(place, 1, 1) <> '/') ON CONFLICT DO NOTHING"
    )
    db.execute(query, (f"{turn_id} {what}", task, turn_id, what, task))


def happened(db: Connection, turn_id: str, what: str, name: str) -> None:
    """Write down what has become of the pull request of a turn's task, where anybody wants to hear of it: `merged`,
    `closed` or `reopened`. `name` says which time it was. Twice is once."""
    query = (
        f"INSERT INTO occasion ({_FIELDS}) SELECT ?, ?, ?, ?, {db.clock} "  # noqa: S608 - our own words
        "WHERE EXISTS (SELECT 1 FROM webhook WHERE active = 1) ON CONFLICT DO NOTHING"
    )
    db.execute(query, (f"{turn_id} {what} {name}", turn_id.partition(":")[0], turn_id, what))


async def occasions(database: Database, limit: int = 100) -> Sequence[Occasion]:
    """Those that nothing was made of yet, the first ones first."""
    query = f"SELECT {_FIELDS} FROM occasion ORDER BY time, id LIMIT ?"  # noqa: S608 - our own words
    return await database.read(lambda db: [Occasion(*row) for row in db.execute(query, (limit,))])


async def settle(database: Database, occasion: Occasion, effects: Sequence[Wanted]) -> None:
    """Keep the effects that follow from an occasion, and drop it, in one transaction. Several workers may do so with
    the same one: an effect is kept once."""

    def work(db: Connection) -> None:
        for effect in effects:
            want(db, effect)
        db.execute("DELETE FROM occasion WHERE id = ?", (occasion.id,))

    await database.write(work)
