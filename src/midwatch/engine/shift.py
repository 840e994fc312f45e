"""What a worker does with turns. Every change is refused when the turn is not this worker's any more."""

from __future__ import annotations

from collections.abc import Sequence

from midwatch.engine import letters
from midwatch.engine.budgets.ledger import forfeit
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.effects.occasions import note
from midwatch.engine.forges.arrivals import pass_on
from midwatch.engine.letters import Letter
from midwatch.engine.turns import FIELDS, Turn, newest, next_turn

MOST_LOSSES = 100
"""Workers that may die over one turn, one after the other and without a move, before it fails: it may be what kills
them."""
MOST_UNCLOSED = 20
"""Turns of one look for logs that are to be closed."""
_MOVES = (
    "(SELECT COUNT(*) FROM attempt JOIN event ON event.attempt = attempt.id WHERE attempt.task = turn.task "
    "AND event.kind IN ('model_replied', 'tool_finished', 'checked'))"
)
"""How far the task of a turn is: events with which it gets further; others are written with each try."""
_AS_WISHED = (
    "status = CASE wish WHEN 'cancel' THEN 'cancelled' WHEN 'pause' THEN 'paused' ELSE 'queued' END, "
    "unclosed = CASE wish WHEN 'cancel' THEN 1 ELSE 0 END, wish = '', worker = ''"
)
"""Sets how a turn stands that its worker gives up."""
_HELD = "id = ? AND round = ? AND status = 'running' AND worker = ?"
"""The round too: a worker that lost its lease may have begun the turn anew before it ends what it did of it before."""


class Shift:
    """The turns of one worker, by the id of its lease."""

    def __init__(self, database: Database, worker: str) -> None:
        self._database, self._worker = database, worker

    async def begin(self, run: str) -> Turn | None:
        """Take the queued turn of a run, and return it; None when it is not to be done now: another has it, it was
        paused or cancelled or queued anew, or this worker has no lease."""
        turn_id, _, number = run.partition("/")

        def work(db: Connection) -> Turn | None:
            query = (
                f"UPDATE turn SET status = 'running', worker = ?, changed = {db.clock}, "  # noqa: S608 - our own words
                f"started = CASE WHEN started = 0 THEN {db.clock} ELSE started END "
                "WHERE id = ? AND round = ? AND (status = 'queued' OR (status = 'running' AND (worker = ? OR "
                "worker NOT IN (SELECT id FROM worker)))) AND EXISTS (SELECT 1 FROM worker WHERE id = ?) "
                f"RETURNING {FIELDS}"
            )
            row = db.execute(query, (self._worker, turn_id, int(number), self._worker, self._worker)).fetchone()
            return None if row is None else Turn(*row)

        return await self._database.write(work)

    async def end(self, turn: Turn, status: str, error: str = "", mend: str = "", *, unclosed: bool = False) -> bool:
        """The turn is `done`, `failed`, `cancelled` or `paused`. What was said too late opens the next one. A wish that
        came too late holds for what would go on: a paused turn is cancelled after all, and so is one that is done and
        was told something since; the next one is paused. `unclosed`: its log still wants the word that it was
        cancelled. False when it was not this worker's."""

        def work(db: Connection) -> bool:
            last = newest(db, turn.task, lock=True)  # nobody says or wishes anything meanwhile
            wish = last.wish if last is not None and last.id == turn.id else ""
            said = status == "done" and bool(letters.undelivered(db, turn.task))
            after_all = wish == "cancel" and (said or status == "paused")
            query = (
                "UPDATE turn SET status = ?, error = ?, mend = ?, worker = '', wish = '', unclosed = ?, "  # noqa: S608
                f"changed = {db.clock} WHERE {_HELD}"
            )
            ended = "cancelled" if after_all else status
            values = (ended, error, mend, int(unclosed or after_all), turn.id, turn.round, self._worker)
            if not db.execute(query, values).rowcount:
                return False
            forfeit(db, turn.task)
            if ended in ("done", "failed"):
                note(db, turn.id, ended)
            if last is not None and said and not after_all:
                following = next_turn(db, last, "message", paused=wish == "pause")
                pass_on(db, turn.id, following.id, letters.first_said(db, turn.task))
            return True

        return await self._database.write(work)

    async def again(self, turn: Turn, delay: float = 0.0, *, failed: bool = False) -> bool:
        """Put the turn back into the queue, to begin after so many seconds. `failed`: it counts as a try (see `tries`).
        A wish that came meanwhile is fulfilled instead. False when it was not this worker's."""

        def work(db: Connection) -> bool:
            tries, moves = _tries(db, turn) if failed else (turn.tries, None)
            query = (
                f"UPDATE turn SET {_AS_WISHED}, round = round + 1, tries = ?, "  # noqa: S608 - our own words
                f"moves = coalesce(CAST(? AS BIGINT), moves), begin_at = {db.clock} + ?, changed = {db.clock} "
                f"WHERE {_HELD} RETURNING task, status"
            )
            rows = db.execute(query, (tries, moves, delay, turn.id, turn.round, self._worker)).fetchall()
            _give_up(db, rows)
            return bool(rows)

        return await self._database.write(work)

    async def tries(self, turn: Turn) -> int:
        """How often the turn could not go on, this time included, since its task last got further."""
        return await self._database.read(lambda db: _tries(db, turn)[0])

    async def let_go(self, begun: Sequence[Turn] = ()) -> int:
        """Put all of this worker's turns back into the queue, or fulfil what is wished of them; how many. Of what it
        had `begun`, a reaper may have queued some in the round that ends here: these want another one."""

        def work(db: Connection) -> int:
            query = (
                f"UPDATE turn SET {_AS_WISHED}, round = round + 1, "  # noqa: S608 - our own words
                f"changed = {db.clock} WHERE status = 'running' AND worker = ? RETURNING task, status"
            )
            rows = db.execute(query, (self._worker,)).fetchall()
            for turn in begun:
                query = "UPDATE turn SET round = round + 1 WHERE id = ? AND round = ? AND status = 'queued'"
                db.execute(query, (turn.id, turn.round))
            _give_up(db, rows)  # whoever has a turn may wait for the budgets, so nobody who has these waits for a turn
            return len(rows)

        return await self._database.write(work)

    async def wanted(self) -> tuple[Sequence[Turn], Sequence[Letter]]:
        """Those of this worker's turns that a person wants to pause or cancel, and what attempts of all of them have
        not been seen to hear."""

        def work(db: Connection) -> tuple[list[Turn], list[Letter]]:
            query = f"SELECT {FIELDS} FROM turn WHERE wish IN ('cancel', 'pause') AND worker = ? AND status = 'running'"  # noqa: S608
            wishes = [Turn(*row) for row in db.execute(query, (self._worker,))]
            return wishes, letters.undelivered_to(db, self._worker)

        return await self._database.read(work)

    async def letters(self, task_id: str) -> Sequence[Letter]:
        """What attempts of the task have not been seen to hear, with what they have heard in the same words."""
        return await self._database.read(lambda db: letters.to_find(db, task_id))

    async def delivered(self, keys: Sequence[tuple[str, int]]) -> None:
        """These messages stand in their logs."""
        await self._database.write(lambda db: letters.delivered(db, keys))

    async def settle(self, task_id: str, *, but: str = "") -> None:
        """No attempt of the task, but that one, waits for a message any more."""
        await self._database.write(lambda db: letters.settle(db, task_id, but))

    async def unclosed(self, after: str = "", limit: int = MOST_UNCLOSED) -> Sequence[Turn]:
        """Turns that were cancelled while nobody worked on them, and their logs do not say so yet; those after which
        no other turn was opened. By their ids, those that come after that id: whoever looks again goes on there, so
        that some that cannot be closed do not hide the others."""
        query = (
            f"SELECT {FIELDS} FROM turn WHERE unclosed = 1 AND status = 'cancelled' "  # noqa: S608 - our own words
            "AND NOT EXISTS (SELECT 1 FROM turn later WHERE later.task = turn.task AND later.number > turn.number) "
            "AND id > ? ORDER BY id LIMIT ?"
        )
        return await self._database.read(lambda db: [Turn(*row) for row in db.execute(query, (after, limit))])

    async def closed(self, turn: Turn) -> None:
        """The log of that turn says how it ended."""

        def work(db: Connection) -> None:
            if db.execute("UPDATE turn SET unclosed = 0 WHERE id = ? AND unclosed = 1", (turn.id,)).rowcount:
                note(db, turn.id, "cancelled")

        await self._database.write(work)


def reclaim(db: Connection) -> list[str]:
    """Queue the running turns whose workers have no lease; those turns. One that has lost too many workers since its
    task last made a move fails."""
    gone = "status = 'running' AND worker NOT IN (SELECT id FROM worker)"
    query = (
        f"UPDATE turn SET status = 'failed', error = ?, mend = ?, worker = '', changed = {db.clock} "  # noqa: S608
        f"WHERE {gone} AND losses >= ? AND moved >= {_MOVES} RETURNING task, status, id"
    )
    mend = "see what their machine's log says of memory; then `midwatch retry` goes on with it"
    lost = db.execute(query, (f"{MOST_LOSSES} workers have died over it", mend, MOST_LOSSES)).fetchall()
    for _, _, turn_id in lost:
        note(db, turn_id, "failed")
    query = (
        f"UPDATE turn SET {_AS_WISHED}, "  # noqa: S608 - our own words
        f"losses = CASE WHEN moved < {_MOVES} THEN 1 ELSE losses + 1 END, moved = {_MOVES}, changed = {db.clock} "
        f"WHERE {gone} RETURNING task, status, id"
    )
    rows = db.execute(query).fetchall()
    _give_up(db, [*lost, *rows])  # see `let_go`
    return [row[2] for row in rows]


def _give_up(db: Connection, rows: Sequence[Sequence[str]]) -> None:
    """Tasks and how their turns stand now: of those that nobody goes on with by himself, nothing stays reserved."""
    forfeit(db, *{row[0] for row in rows if row[1] != "queued"})


def _tries(db: Connection, turn: Turn) -> tuple[int, int]:
    """How often the turn could not go on, this time included, since its task last got further; and how far that is."""
    query = f"SELECT moves, {_MOVES} FROM turn WHERE id = ?"  # noqa: S608 - our own words
    before, moves = db.execute(query, (turn.id,)).fetchone() or (0, 0)
    return (turn.tries + 1 if moves <= before else 1), moves
