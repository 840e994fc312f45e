"""Why turns that are queued have not begun."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from midwatch.domain.labels import missing, split
from midwatch.engine import limits
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.limits import Limit
from midwatch.engine.places import Room, Scope, count_starts, counted, in_scope
from midwatch.engine.turns import Turn

_WHOSE = {"all": "the server", "repository": "its repository", "user": "its user"}


@dataclass(frozen=True, slots=True)
class Wait:
    """What a turn waits for."""

    why: str
    """In words; empty when a worker takes it as soon as one has room."""
    until: float = 0.0
    """Not before; seconds since 1970, 0 for not known."""
    of_user: bool = False
    """It counts all that the turn's user has, also where others do not see it."""

    def to_others(self) -> Wait:
        """The same without how much that is, for whoever is not that user."""
        return replace(self, why="its user has as many turns as they may") if self.of_user else self


async def waits(database: Database, turns: Iterable[Turn]) -> Mapping[str, Wait]:
    """By the turn's id, for those that are queued."""
    queued = [turn for turn in turns if turn.status == "queued"]

    def work(db: Connection) -> dict[str, Wait]:
        look = _Look(db)
        return {turn.id: look.at(turn) for turn in queued}

    return await database.read(work) if queued else {}


class _Look:
    def __init__(self, db: Connection) -> None:
        self._db = db
        self._now = float(db.execute(f"SELECT {db.clock}").fetchone()[0])
        rows = db.execute("SELECT labels FROM worker WHERE beat > ? - lease", (self._now,))
        self._workers = [split(row[0]) for row in rows]
        self._limits = limits.kept(db)
        self._room: Room | None = None

    def at(self, turn: Turn) -> Wait:
        """One of them."""
        if turn.begin_at > self._now:
            return Wait("it could not go on and is tried again" if turn.tries else "its time", turn.begin_at)
        if not self._workers:
            return Wait("no worker runs")
        if lacking := missing(split(turn.labels), self._workers):
            word = f"label {lacking[0]}" if len(lacking) == 1 else f"labels {', '.join(lacking)}"
            return Wait(f"no worker with {word}")
        if self._limits and turn.round not in (turn.admitted, turn.handed):
            return self._limited(turn)
        return Wait("")

    def _limited(self, turn: Turn) -> Wait:
        if self._room is None:
            self._room = counted(self._db, self._limits)
        room = self._room
        if full := room.full(turn.owner, turn.repository):
            most = next(limit.at_once for scope, limit in room.of(turn.owner, turn.repository) if scope == full[0])
            why = f"{_WHOSE[full[0][0]]} has {room.held[full[0]]} of {most} turns under way"
            return Wait(why, of_user=full[0][0] == "user")
        if not turn.started:
            count_starts(self._db, room, turn.owner, turn.repository)
            if spent := room.spent(turn.owner, turn.repository):
                scope, limit = max(spent, key=lambda one: self._until(*one))
                why = f"{_WHOSE[scope[0]]} has begun {limit.starts}"
                return Wait(why, self._until(scope, limit), of_user=scope[0] == "user")
        return Wait("")

    def _until(self, scope: Scope, limit: Limit) -> float:
        """When so many starts lie behind that there is room for one."""
        assert limit.starts is not None
        where, values = in_scope(scope)
        query = f"SELECT started FROM turn WHERE started > 0{where} ORDER BY started DESC LIMIT 1 OFFSET ?"  # noqa: S608
        row = self._db.execute(query, (*values, limit.starts.most - 1)).fetchone()
        return (row[0] if row is not None else self._now) + limit.starts.seconds
