"""What people do with an environment on a worker: building it, and a terminal in a box of it.

A sitting is a task of the kind `environment`, so that its turn waits, is cancelled and is taken up as any other; its
row says what came of it. The bytes between the worker and those who look on are rows too, so that both may be on any
machine and the server may be started anew meanwhile; they are gone when nobody needs them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from midwatch.engine.database.base import Connection, Database
from midwatch.engine.turns import ENDED

KIND = "environment"
"""Of the tasks."""
Way = Literal["in", "out"]
WAITING, RUNNING = "waiting", "running"
MOST_WAITING = 256
"""Pieces that wait for the worker to take them in."""
MOST_KEPT = 20
"""Builds of a repository that are kept with what they have said, and terminals."""
AGAIN = b"\n# the worker that did this has stopped: once more from the beginning\n"
"""Said in the output of a build that another worker takes up."""
LINGERS = 60.0
"""Seconds that what a closed terminal said last stays for those who still read it."""
_SELECT = (
    "SELECT sitting.task, sitting.repository, sitting.kind, sitting.account, sitting.name, sitting.state, "
    "sitting.options, sitting.result, sitting.created, sitting.begun, sitting.ended, "
    "coalesce(turn.status, ''), coalesce(turn.error, ''), coalesce(turn.mend, '') FROM sitting "
    "LEFT JOIN turn ON turn.task = sitting.task "
    "AND turn.number = (SELECT max(n.number) FROM turn n WHERE n.task = sitting.task)"
)
_ENDED = ", ".join(f"'{word}'" for word in ENDED)
_UNDER_WAY = f"SELECT 1 FROM turn WHERE turn.task = sitting.task AND turn.status NOT IN ({_ENDED})"  # noqa: S608 - ours
_OPEN = f"sitting.ended = 0 AND EXISTS ({_UNDER_WAY})"


@dataclass(frozen=True, slots=True)
class Sitting:
    """One build or terminal. Times are seconds since 1970 by the database's clock; 0 for not yet."""

    task: str
    repository: str
    """The id of the repository."""
    kind: str
    """`build` or `terminal`."""
    account: str
    """The id of whoever wants it."""
    name: str
    state: str = WAITING
    """`waiting`, `running`; of a build `built`, `kept` (it was there), `empty` (nothing to build), `failed`; of a
    terminal `closed`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    created: float = 0.0
    begun: float = 0.0
    ended: float = 0.0
    turn: str = ""
    """How its turn stands; empty where it is kept no more."""
    error: str = ""
    mend: str = ""
    """Why that failed."""

    @property
    def over(self) -> bool:
        """Nothing more comes of it."""
        return self.ended > 0 or self.turn in ("", *ENDED)


class Sittings:
    """The sittings in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, task: str) -> Sitting | None:
        """The one with that id."""
        return await self._database.read(lambda db: _find(db, task))

    async def builds(self, repository: str) -> list[Sitting]:
        """Those of a repository that are kept, the newest first."""
        return await self._listed("sitting.kind = 'build'", repository)

    async def terminals(self, repository: str) -> list[Sitting]:
        """Those of a repository that are open, the newest first."""
        return await self._listed(f"sitting.kind = 'terminal' AND {_OPEN}", repository)

    async def _listed(self, which: str, repository: str) -> list[Sitting]:
        query = f"{_SELECT} WHERE sitting.repository = ? AND {which} ORDER BY sitting.created DESC LIMIT {MOST_KEPT}"
        return await self._database.read(lambda db: [_read(row) for row in db.execute(query, (repository,))])

    async def newest_builds(self, repositories: Sequence[str]) -> dict[str, Sitting]:
        """The last build of each of these repositories that has one."""
        if not repositories:
            return {}
        marks = ", ".join("?" for _ in repositories)
        query = (
            f"{_SELECT} WHERE sitting.kind = 'build' AND sitting.repository IN ({marks}) AND sitting.created = ("  # noqa: S608
            "SELECT max(n.created) FROM sitting n WHERE n.repository = sitting.repository AND n.kind = 'build')"
        )
        found = await self._database.read(lambda db: [_read(row) for row in db.execute(query, tuple(repositories))])
        return {one.repository: one for one in found}

    async def begin(self, task: str) -> tuple[Sitting | None, bool]:
        """A worker takes it up: the sitting (None when there is none), and whether a worker had begun it before. What
        that one has told of a build is gone."""

        def work(db: Connection) -> tuple[Sitting | None, bool]:
            before = _find(db, task)
            if before is None or before.ended:
                return before, False
            db.execute(
                f"UPDATE sitting SET state = '{RUNNING}', begun = CASE WHEN begun = 0 THEN {db.clock} ELSE begun END "  # noqa: S608
                "WHERE task = ?",
                (task,),
            )
            if before.kind == "build":
                _forgotten(db, task)
            return _find(db, task), before.state == RUNNING

        return await self._database.write(work)

    async def end(self, task: str, state: str, result: Mapping[str, Any]) -> None:
        """It is over. The first word on it counts."""
        query = "UPDATE sitting SET state = ?, result = ?, ended = {clock} WHERE task = ? AND ended = 0"
        values = (state, json.dumps(result, ensure_ascii=True), task)
        await self._database.write(lambda db: db.execute(query.format(clock=db.clock), values).rowcount)

    async def put(self, task: str, way: Way, pieces: Sequence[bytes], keep: int = 0) -> bool:
        """Add pieces, in their order; `keep`: only so many of that way stay. False when as many wait as may, and
        when there is no such sitting any more."""

        def work(db: Connection) -> bool:
            query = f"SELECT task FROM sitting WHERE task = ?{db.for_update}"  # noqa: S608 - our own words
            if db.execute(query, (task,)).fetchone() is None:
                return False
            query = "SELECT coalesce(max(number), 0), count(*) FROM piece WHERE task = ? AND way = ?"
            last, count = db.execute(query, (task, way)).fetchone()
            if way == "in" and count + len(pieces) > MOST_WAITING:
                return False
            db.executemany(
                "INSERT INTO piece (task, way, number, data) VALUES (?, ?, ?, ?)",
                [(task, way, last + n, piece) for n, piece in enumerate(pieces, 1)],
            )
            if keep:
                query = "DELETE FROM piece WHERE task = ? AND way = ? AND number <= ?"
                db.execute(query, (task, way, last + len(pieces) - keep))
            return True

        return await self._database.write(work)

    async def pieces(self, task: str, after: int, limit: int = 64) -> tuple[Sitting | None, list[tuple[int, bytes]]]:
        """The sitting, and the next pieces of its output after number `after`: what is read with the sitting's end is
        the last of it when it is less than `limit`."""

        def work(db: Connection) -> tuple[Sitting | None, list[tuple[int, bytes]]]:
            found = _find(db, task)  # first, so that nothing that was said before the end is missed
            query = (
                "SELECT number, data FROM piece WHERE task = ? AND way = 'out' AND number > ? ORDER BY number LIMIT ?"
            )
            return found, [(int(n), bytes(data)) for n, data in db.execute(query, (task, after, limit))]

        return await self._database.read(work)

    async def taken(self, task: str, after: int) -> list[tuple[int, bytes]]:
        """What has come in after number `after`, in order."""
        query = "SELECT number, data FROM piece WHERE task = ? AND way = 'in' AND number > ? ORDER BY number"
        rows = await self._database.read(lambda db: db.execute(query, (task, after)).fetchall())
        return [(int(number), bytes(data)) for number, data in rows]

    async def done(self, task: str, number: int) -> None:
        """What has come in up to that number has been used; the last stays, so that numbers go on."""
        query = "DELETE FROM piece WHERE task = ? AND way = 'in' AND number < ?"
        await self._database.write(lambda db: db.execute(query, (task, number)).rowcount)

    async def forget(self, task: str) -> None:
        """Nothing of what went to and fro is kept."""
        await self._database.write(lambda db: db.execute("DELETE FROM piece WHERE task = ?", (task,)).rowcount)

    async def tidy(self, repository: str) -> None:
        """Let go of what closed terminals have left, and of all but the newest that are over."""

        def work(db: Connection) -> None:
            db.execute(
                "DELETE FROM piece WHERE task IN (SELECT task FROM sitting WHERE kind = 'terminal' AND ("  # noqa: S608
                f"(ended > 0 AND ended < {db.clock} - ?) OR EXISTS (SELECT 1 FROM turn WHERE turn.task = sitting.task "
                f"AND turn.status IN ({_ENDED}) AND turn.changed < {db.clock} - ?)))",
                (LINGERS, LINGERS),
            )
            for kind in ("build", "terminal"):
                query = (
                    f"SELECT task FROM sitting WHERE repository = ? AND kind = ? AND NOT EXISTS ({_UNDER_WAY}) "  # noqa: S608
                    "ORDER BY created DESC"
                )
                old = [row[0] for row in db.execute(query, (repository, kind)).fetchall()][MOST_KEPT:]
                db.executemany("DELETE FROM piece WHERE task = ?", [(task,) for task in old])
                db.executemany("DELETE FROM sitting WHERE task = ?", [(task,) for task in old])

        await self._database.write(work)


def add(db: Connection, sitting: Sitting) -> None:
    """Keep a new one, inside the transaction that keeps its task; its times are not looked at. Twice is once."""
    db.execute(
        "INSERT INTO sitting (task, repository, kind, account, name, options, created) "  # noqa: S608 - our own words
        f"VALUES (?, ?, ?, ?, ?, ?, {db.clock}) ON CONFLICT DO NOTHING",
        (sitting.task, sitting.repository, sitting.kind, sitting.account, sitting.name, json.dumps(sitting.options)),
    )


def open_of(db: Connection, kind: str, account: str = "") -> int:
    """How many of that kind are not over whose turns are still to be worked on; of one user, or of all."""
    query = f"SELECT count(*) FROM sitting WHERE kind = ? AND {_OPEN}"  # noqa: S608 - our own words
    values: tuple[str, ...] = (kind,)
    if account:
        query, values = f"{query} AND account = ?", (kind, account)
    return int(db.execute(query, values).fetchone()[0])


def _forgotten(db: Connection, task: str) -> None:
    """In place of what was told stands that it is; numbers go on, so that whoever follows hears what comes next."""
    last = db.execute("SELECT max(number) FROM piece WHERE task = ? AND way = 'out'", (task,)).fetchone()[0]
    if last is not None:
        db.execute("DELETE FROM piece WHERE task = ?", (task,))
        db.execute("INSERT INTO piece (task, way, number, data) VALUES (?, 'out', ?, ?)", (task, last + 1, AGAIN))


def _find(db: Connection, task: str) -> Sitting | None:
    row = db.execute(f"{_SELECT} WHERE sitting.task = ?", (task,)).fetchone()
    return None if row is None else _read(row)


def _read(row: Sequence[Any]) -> Sitting:
    task, repository, kind, account, name, state, options, result, *times, turn, error, mend = row
    created, begun, ended = times
    given, became = json.loads(options), json.loads(result)
    return Sitting(
        task, repository, kind, account, name, state, given, became, created, begun, ended, turn, error, mend
    )
