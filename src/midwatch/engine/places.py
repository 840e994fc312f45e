"""Places: which of the turns that wait may be worked on, as limits allow.

A turn has a place from when it is let begin until it has ended or waits again, whichever worker has it, so a dead
worker's turns take none besides their own. Only what has a place is given to the engine: what waits for one holds no
worker up, and nothing behind it. Places are given in one transaction at a time for all processes; without limits there
is nothing to give, and no such transaction.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from midwatch.domain.labels import missing, split
from midwatch.engine import limits
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.limits import Limit
from midwatch.engine.turns import FIELDS, Turn

SOON = 5.0
"""Seconds before its time that a turn is given to the engine, which keeps the time from then on."""
AGED = 3600.0
"""Seconds after which what waits for a place has the first priority, so that others never keep it waiting for good."""
MOST = 500
"""Turns that are looked at, and places that are given, at once."""
PLACED = "status = 'queued' AND (admitted = round OR handed = round)"
"""A turn has a place and is not being worked on. An index has this condition, word for word."""
WAITS = "status = 'queued' AND admitted < round AND handed < round"
_READY = f"SELECT {FIELDS} FROM turn WHERE status = 'queued' AND handed < round"  # noqa: S608 - our own words
Scope = tuple[str, str]
"""Of a limit: its scope, and whose it is."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What may be given to the engine now."""

    turns: Sequence[Turn]
    limited: bool
    """There are limits: when a turn ends, another may have waited for that."""


async def ready(database: Database, only: str = "") -> Ready:
    """Give places as far as there are any, and return the turns that the engine has not been given; `only`: that turn
    alone where nothing is limited. Those of a later time are left for later."""

    def look(db: Connection) -> Ready | None:
        if found := limits.kept(db):
            return Ready((), limited=True) if only and _hopeless(db, found, only) else None
        query = f"{_READY} AND begin_at <= {db.clock} + ?{' AND id = ?' if only else ''} ORDER BY created, id LIMIT ?"
        values = (SOON, *((only,) if only else ()), MOST)
        return Ready([Turn(*row) for row in db.execute(query, values)], limited=False)

    def give(db: Connection) -> Ready:
        if found := limits.kept(db, lock=True):
            _Round(db, found).give()
        query = f"{_READY} AND admitted = round ORDER BY priority, created, id LIMIT ?"
        return Ready([Turn(*row) for row in db.execute(query, (MOST,))], limited=True)

    found: Ready | None = await database.read(look)
    return found if found is not None else await database.write(give)


def _hopeless(db: Connection, found: Sequence[Limit], turn_id: str) -> bool:
    """It would get no place now: of many that are submitted together, most need no look at all that wait."""
    row = db.execute("SELECT owner, repository, priority FROM turn WHERE id = ?", (turn_id,)).fetchone()
    return row is not None and bool(counted(db, found).full(row[0], row[1])) and row[2] >= _worst(db)


def _worst(db: Connection) -> int:
    """The priority of what is wanted least of all that has a place and is not worked on; 0 for nothing."""
    return db.execute(f"SELECT max(priority) FROM turn WHERE {PLACED}").fetchone()[0] or 0  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A turn that waits for a place."""

    id: str
    round: int
    owner: str
    repository: str
    priority: int
    """The first one's when it has waited for long."""
    own: int
    """Its priority as it was wanted."""
    fresh: bool
    """It has never begun, so that it counts as a start."""
    created: float


@dataclass
class Room:
    """How much more the limits allow. Of several that hold, the one with the least room decides."""

    limits: Mapping[Scope, Limit]
    held: Counter[Scope] = field(default_factory=Counter)
    started: dict[Scope, int] = field(default_factory=dict)

    def of(self, owner: str, repository: str) -> list[tuple[Scope, Limit]]:
        """The limits that hold for a turn, with what counts for each: everybody's own."""
        found = []
        for scope, name in (("all", ""), ("repository", repository), ("user", owner)):
            limit = self.limits.get((scope, name)) or self.limits.get((scope, ""))
            if limit is not None:
                found.append(((scope, name), limit))
        return found

    def left(self, owner: str, repository: str) -> int:
        """How many turns more may be under way at the same time, MOST at most."""
        most = [(limit.at_once, self.held[scope]) for scope, limit in self.of(owner, repository)]
        return max(0, min([MOST, *(at_once - held for at_once, held in most if at_once is not None)]))

    def full(self, owner: str, repository: str) -> list[Scope]:
        """Those that allow no further turn at the same time."""
        return [
            scope for scope, limit in self.of(owner, repository)
            if limit.at_once is not None and self.held[scope] >= limit.at_once
        ]  # fmt: skip

    def spent(self, owner: str, repository: str) -> list[tuple[Scope, Limit]]:
        """Those that allow no further start."""
        return [
            (scope, limit) for scope, limit in self.of(owner, repository)
            if limit.starts is not None and self.started[scope] >= limit.starts.most
        ]  # fmt: skip

    def take(self, owner: str, repository: str, *, start: bool, by: int = 1) -> None:
        """Count a turn more, or less."""
        for scope in (("all", ""), ("repository", repository), ("user", owner)):
            self.held[scope] += by
            if start and scope in self.started:
                self.started[scope] += 1


def counted(db: Connection, found: Sequence[Limit]) -> Room:
    """The room that there is now, but for starts, which `count_starts` adds for those that it is asked for."""
    room = Room({(limit.scope, limit.name): limit for limit in found})
    for condition in ("status = 'running'", PLACED):
        query = f"SELECT owner, repository, count(*) FROM turn WHERE {condition} GROUP BY owner, repository"  # noqa: S608
        for owner, repository, number in db.execute(query):
            room.take(owner, repository, start=False, by=number)
    return room


def count_starts(db: Connection, room: Room, owner: str, repository: str) -> None:
    """How many turns have begun in the time of each limit of starts that holds for such a turn."""
    for scope, limit in room.of(owner, repository):
        if limit.starts is not None and scope not in room.started:
            where, values = in_scope(scope)
            found = f"SELECT id FROM turn WHERE started > {db.clock} - ?{where} LIMIT ?"  # noqa: S608 - our own words
            query = f"SELECT count(*) FROM ({found}) begun"  # noqa: S608 - no more than matter
            row = db.execute(query, (limit.starts.seconds, *values, limit.starts.most)).fetchone()
            room.started[scope] = int(row[0])


def in_scope(scope: Scope) -> tuple[str, tuple[str, ...]]:
    """The end of a condition on turns, with its values."""
    kind, name = scope
    if kind == "all":
        return "", ()
    return f" AND {'owner' if kind == 'user' else 'repository'} = ?", (name,)


class _Round:
    """One giving of places, inside its transaction."""

    def __init__(self, db: Connection, found: Sequence[Limit]) -> None:
        self._db = db
        self._room = counted(db, found)
        self._now = float(db.execute(f"SELECT {db.clock}").fetchone()[0])
        self._workers = [split(row[0]) for row in db.execute("SELECT labels FROM worker")]

    def give(self) -> None:
        """To the lowest priority first; among equals to what has begun, then to whoever has the fewest, then to what
        waits the longest."""
        self._take_back()
        lines, given = self._lines(), 0
        while lines and given < MOST:
            line = min(lines, key=lambda line: self._order(line[0]))
            if self._given(line[0]):
                given += 1
                line.popleft()
            else:
                line.clear()  # nor does anything behind it fit
            lines = [line for line in lines if line]

    def _order(self, turn: _Waiting) -> tuple[Any, ...]:
        return turn.priority, turn.fresh, self._room.held["user", turn.owner], turn.created, turn.id

    def _take_back(self) -> None:
        """What has a place, and no worker that may take it any more, waits again: others can use the place."""
        query = f"SELECT id, round, owner, repository, labels FROM turn WHERE {PLACED} AND labels <> ''"  # noqa: S608 - our own words
        for name, number, owner, repository, labels in self._db.execute(query).fetchall():
            if missing(split(labels), self._workers) and self._put_back(name, number):
                self._room.take(owner, repository, start=False, by=-1)

    def _lines(self) -> list[deque[_Waiting]]:
        """What waits: a line for each owner, repository and set of labels that a worker has, and for what has begun
        before and what has not. So whoever is first in a line stands for it."""
        due = f"{WAITS} AND begin_at <= ?"
        soon = self._now + SOON
        groups = self._db.execute(
            f"SELECT owner, repository, labels, started > 0, min(priority) FROM turn WHERE {due} "  # noqa: S608 - our own words
            "GROUP BY owner, repository, labels, started > 0",
            (soon,),
        ).fetchall()
        lines = []
        worst = _worst(self._db)
        for owner, repository, labels, begun, priority in groups:
            if missing(split(labels), self._workers):
                continue
            most = self._room.left(owner, repository) or int(priority < worst)  # one, to take another's place
            if not most:
                continue
            count_starts(self._db, self._room, owner, repository)
            rows = self._db.execute(
                f"SELECT id, round, priority, created, begin_at FROM turn WHERE {due} AND owner = ? "  # noqa: S608
                f"AND repository = ? AND labels = ? AND started {'>' if begun else '='} 0 "
                "ORDER BY CASE WHEN created < ? AND begin_at < ? THEN 1 ELSE priority END, created, id LIMIT ?",
                (soon, owner, repository, labels, self._now - AGED, self._now - AGED, most),
            )
            lines.append(deque(self._waiting(row, owner, repository, fresh=not begun) for row in rows))
        return [line for line in lines if line]

    def _waiting(self, row: tuple[Any, ...], owner: str, repository: str, *, fresh: bool) -> _Waiting:
        name, number, priority, created, begin_at = row
        aged = max(created, begin_at) < self._now - AGED
        return _Waiting(name, number, owner, repository, 1 if aged else priority, priority, fresh, created)

    def _given(self, turn: _Waiting) -> bool:
        """Give it a place, where there is one or somebody makes way. False when it has to wait."""
        if turn.fresh and self._room.spent(turn.owner, turn.repository):
            return False
        full = self._room.full(turn.owner, turn.repository)
        if full and not self._made_way(turn, full):
            return False
        query = (
            f"UPDATE turn SET admitted = round, started = CASE WHEN started = 0 THEN {self._db.clock} ELSE started END "  # noqa: S608 - our own words
            f"WHERE id = ? AND round = ? AND {WAITS}"
        )
        if self._db.execute(query, (turn.id, turn.round)).rowcount:  # else it was cancelled meanwhile
            self._room.take(turn.owner, turn.repository, start=turn.fresh)
        return True

    def _made_way(self, turn: _Waiting, full: Sequence[Scope]) -> bool:
        """Take the place of one that is wanted less, has not waited for long and that no worker has begun; where one
        such is in the way of all."""
        where, values = "", tuple[str, ...]()
        for scope in full:
            term, more = in_scope(scope)
            where, values = where + term, (*values, *more)
        query = (
            f"SELECT id, round, owner, repository FROM turn WHERE {PLACED} "  # noqa: S608
            f"AND priority > ? AND (created >= ? OR begin_at >= ?){where} "
            "ORDER BY priority DESC, created DESC, id DESC LIMIT 1"
        )
        aged = self._now - AGED
        found = self._db.execute(query, (turn.own, aged, aged, *values)).fetchone()
        if found is None or not self._put_back(found[0], found[1]):
            return False
        self._room.take(found[2], found[3], start=False, by=-1)
        return not self._room.full(turn.owner, turn.repository)

    def _put_back(self, turn_id: str, number: int) -> bool:
        """Its next round waits; what the engine has of this one finds nothing to do. False when a worker was faster."""
        query = f"UPDATE turn SET round = round + 1 WHERE id = ? AND round = ? AND {PLACED}"  # noqa: S608
        return self._db.execute(query, (turn_id, number)).rowcount > 0
