"""What each task has come to, in a row. It follows from the logs, the turns and the pull requests, and is written anew
whenever one of these has changed; nothing else is ever counted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from midwatch.engine.database.base import Connection, Database

_FIELDS = (
    "task, repository, person, model, created, queued, ended, status, cause, detail, verdict, cost, state, proposed, "
    "settled"
)


_MODEL = 200
"""Characters of a model's name."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one task. Times are whole seconds since 1970."""

    task: str
    repository: str
    """Its location as ASCII: see `plain`."""
    person: str
    """Who wanted the first turn."""
    model: str
    created: int
    queued: int | None
    """Seconds that its first turn could have begun and had not; None for one that never did."""
    ended: int
    """When its newest turn ended; 0 while one is open."""
    status: str
    """Of that turn."""
    cause: str
    """Why there is no pull request whose checks passed; empty where there is nothing to explain."""
    detail: str
    verdict: str
    """Of the evidence: passed, failed or none."""
    cost: int | None
    """Millionths of a US dollar, of all attempts; None when a price is not known."""
    state: str
    """Of its pull request: open, merged or closed; empty without one."""
    proposed: int | None
    """When that was made."""
    settled: int | None
    """When it was merged or closed."""


def plain(repository: str) -> str:
    """A repository's location as ASCII, which every database can hold."""
    from midwatch.engine.store.records import canonical

    return canonical(repository)[1:-1]


def place(location: str) -> str:
    """What stands for a location in the rows."""
    return hashlib.sha256(location.encode()).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Due:
    """A task whose row is to be written anew. `number` tells this reason from one that comes meanwhile."""

    task: str
    number: int


def note(db: Connection, task_id: str) -> None:
    """Something has happened to a task that may change its row; inside the transaction of what has happened."""
    db.execute(
        "INSERT INTO uncounted (task, number) VALUES (?, 1) "
        "ON CONFLICT (task) DO UPDATE SET number = uncounted.number + 1",
        (task_id,),
    )


class Outcomes:
    """The rows in a database. Any number of workers may write them at the same time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, limit: int = 200) -> Sequence[Due]:
        """Those to be written anew."""
        query = "SELECT task, number FROM uncounted ORDER BY task LIMIT ?"
        return await self._database.read(lambda db: [Due(*row) for row in db.execute(query, (limit,))])

    async def is_due(self, due: Due) -> bool:
        """Whether nobody else has written it meanwhile."""
        query = "SELECT 1 FROM uncounted WHERE task = ? AND number = ?"
        return await self._database.read(lambda db: db.execute(query, (due.task, due.number)).fetchone() is not None)

    async def keep(self, due: Due, outcome: Outcome | None, labels: Sequence[str] = ()) -> None:
        """Write the row; None for a task that is not counted, whose row stays as it is. What has come since it was
        `due` makes it due again."""

        def work(db: Connection) -> None:
            if outcome is not None:
                _put(db, outcome, labels)
            db.execute("DELETE FROM uncounted WHERE task = ? AND number = ?", (due.task, due.number))

        await self._database.write(work)

    async def settle(self, due: Due, state: str, proposed: int, settled: int | None) -> None:
        """The pull request of a task whose log is no longer there."""

        def work(db: Connection) -> None:
            query = "UPDATE outcome SET state = ?, proposed = ?, settled = ? WHERE task = ?"
            db.execute(query, (state, proposed, settled, due.task))
            db.execute("DELETE FROM uncounted WHERE task = ? AND number = ?", (due.task, due.number))

        await self._database.write(work)

    async def seen(self, feed: str) -> int:
        """How far a feed of changed pull requests has been read; 0 for not at all."""
        query = "SELECT number FROM counted_up_to WHERE feed = ?"
        row = await self._database.read(lambda db: db.execute(query, (feed,)).fetchone())
        return 0 if row is None else int(row[0])

    async def changed(self, feed: str, number: int, tasks: Sequence[str]) -> None:
        """The pull requests of these tasks have changed, up to that number of the feed."""

        def work(db: Connection) -> None:
            for task in sorted(set(tasks)):
                note(db, task)
            db.execute(
                "INSERT INTO counted_up_to (feed, number) VALUES (?, ?) ON CONFLICT (feed) DO UPDATE SET number = "
                "CASE WHEN excluded.number > counted_up_to.number THEN excluded.number ELSE counted_up_to.number END",
                (feed, number),
            )

        await self._database.write(work)

    async def recount(self, *, everything: bool = False) -> int:
        """Have the rows of ended tasks written that are missing, as after a release that wrote none, or those of all
        tasks; how many. Rows of tasks that are gone stay."""
        missing = "" if everything else "AND NOT EXISTS (SELECT 1 FROM outcome o WHERE o.task = k.id)"
        query = (
            "INSERT INTO uncounted (task, number) SELECT k.id, 1 FROM task k WHERE k.part = 0 "  # noqa: S608 - ours
            "AND EXISTS (SELECT 1 FROM turn t WHERE t.task = k.id AND t.status IN ('done', 'failed', 'cancelled')) "
            f"{missing} ON CONFLICT DO NOTHING"
        )
        return await self._database.write(lambda db: db.execute(query).rowcount)


def _put(db: Connection, outcome: Outcome, labels: Sequence[str]) -> None:
    names = _FIELDS.split(", ")
    where, model = place(outcome.repository), outcome.model[:_MODEL]
    db.execute(
        "INSERT INTO outcome_place (id, location) VALUES (?, ?) ON CONFLICT DO NOTHING", (where, outcome.repository)
    )
    row = replace(outcome, repository=where, model=model)
    changed = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
    db.execute(
        f"INSERT INTO outcome ({_FIELDS}) VALUES ({', '.join('?' for _ in names)}) "  # noqa: S608 - our own words
        f"ON CONFLICT (task) DO UPDATE SET {changed}",
        tuple(getattr(row, name) for name in names),
    )
    db.execute("DELETE FROM outcome_label WHERE task = ?", (outcome.task,))
    db.executemany(
        "INSERT INTO outcome_label (task, label) VALUES (?, ?) ON CONFLICT DO NOTHING",
        [(outcome.task, label) for label in labels],
    )
