"""The book of budgets: caps, what was spent, what is reserved.

Each change is one transaction over all rows that it concerns, locked in one order, so that two of them neither lose a
change of each other nor wait for each other in a circle. What is reserved and spent is kept for every scope, capped or
not, so that a cap counts what was spent before it was set.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from midwatch.domain.errors import InputError, StaleEpoch
from midwatch.domain.ids import task_of
from midwatch.domain.purse import Granted, Refused, Wish
from midwatch.engine.budgets.scopes import KINDS, Cap, Scope, Spending, scope_of_organisation
from midwatch.engine.database.base import Connection, Database

_Row = tuple[str, str, str]
"""Scope, name and day of a row of spending."""
_Change = tuple[int, int, int, int]
"""Of money, tokens, reserved money and reserved tokens."""
_NOTHING: _Change = (0, 0, 0, 0)
_CAP = "scope, name, period, microusd, tokens"
_SPENDING = "scope, name, day, microusd, tokens, held_microusd, held_tokens"


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be reserved, and under which id."""

    id: str
    """Chosen by whoever asks, another for each reservation: the same one twice counts once."""
    wish: Wish
    """Its prices are known, or there is none."""
    scopes: tuple[Scope, ...]
    caps: tuple[Cap, ...] = ()
    """That hold besides those which are kept."""
    repository: str = ""
    """Where it is one of a server: as it stands in the task. What its organisation may spend counts too, as it is when
    the call is made."""


class Ledger:
    """Safe to use from any number of tasks and processes. Every method raises StoreError when the database cannot be
    used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(self, ask: Ask) -> Granted | Refused:
        """See `Purse.reserve`. Twice with the same id is once."""
        return await self._database.write(lambda db: _reserve(db, ask))

    async def settle(self, reservation: str, microusd: int | None, tokens: int | None) -> None:
        """Put what was spent in the place of what was reserved; None: all that was reserved. A reservation that is
        settled already, here or by whoever took the attempt over, stays as it was settled."""

        def work(db: Connection) -> None:
            query = "DELETE FROM reservation WHERE id = ? RETURNING day, scopes, microusd, tokens"
            if row := db.execute(query, (reservation,)).fetchone():
                day, scopes, money, held = row
                spent = (money if microusd is None else microusd, held if tokens is None else tokens)
                _apply(db, dict.fromkeys(_rows(_scopes(scopes), day), (*spent, -money, -held)))

        await self._database.write(work)

    async def holders(self) -> Sequence[str]:
        """The tasks of which something is reserved."""
        query = "SELECT DISTINCT task FROM reservation ORDER BY task"
        return await self._database.read(lambda db: [row[0] for row in db.execute(query)])

    async def forfeit(self, task: str) -> int:
        """See `forfeit`. May be called twice."""
        return await self._database.write(lambda db: forfeit(db, task))

    async def put(self, cap: Cap) -> None:
        """Set a cap, in the place of the one that the scope had for the same period. What is spent already stays spent:
        a cap below it lets no further call through."""

        def work(db: Connection) -> None:
            db.execute(
                "INSERT INTO budget_cap (scope, name, period, microusd, tokens) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (scope, name, period) "
                "DO UPDATE SET microusd = excluded.microusd, tokens = excluded.tokens",
                (cap.scope.kind, cap.scope.name, cap.period, cap.microusd, cap.tokens),
            )

        await self._database.write(work)

    async def remove(self, scope: Scope, period: str) -> bool:
        """Take a cap away; False when there was none."""
        query = "DELETE FROM budget_cap WHERE scope = ? AND name = ? AND period = ?"
        values = (scope.kind, scope.name, period)
        return await self._database.write(lambda db: bool(db.execute(query, values).rowcount))

    async def caps(self, scopes: Sequence[Scope] | None = None) -> Sequence[Cap]:
        """The caps of these scopes, of all when None."""

        def work(db: Connection) -> list[Cap]:
            if scopes is not None:
                return _caps(db, scopes)
            query = f"SELECT {_CAP} FROM budget_cap ORDER BY scope, name, period"  # noqa: S608 - our own words
            return [Cap(Scope(kind, name), *rest) for kind, name, *rest in db.execute(query)]

        return await self._database.read(work)

    async def spending(self, kind: str = "", name: str = "", since: str = "", limit: int = 1000) -> Sequence[Spending]:
        """What was spent: of scopes of one kind, and of one name; empty for all. Without `since` all days together,
        else a row for each day from that one on (UTC, `2026-11-30`), the newest first. Raises InputError for a day that
        is none."""
        if kind and kind not in KINDS:
            raise InputError(f"there is no budget of a {kind!r}", f"it is one of {', '.join(KINDS)}")
        if since and not _is_day(since):
            raise InputError(f"{since!r} is no day", "write it as 2026-11-30")
        wanted = {"scope": kind, "name": name}
        named = "".join(f" AND {column} = ?" for column, value in wanted.items() if value)
        day = "day >= ?" if since else "day = ?"
        query = f"SELECT {_SPENDING} FROM spending WHERE {day}{named} ORDER BY day DESC, scope, name LIMIT ?"  # noqa: S608 - our own words

        def work(db: Connection) -> list[Spending]:
            rows = db.execute(query, (since, *filter(None, wanted.values()), limit))
            return [Spending(Scope(row[0], row[1]), *row[2:]) for row in rows]

        return await self._database.read(work)


def _reserve(db: Connection, ask: Ask) -> Granted | Refused:
    """Few statements, since it is done for each call of a model: all is reserved at once, and what does not fit is
    given back before anybody else sees it."""
    wish, day = ask.wish, _day_of_owner(db, ask.wish)
    scopes = tuple(sorted({*ask.scopes, *(scope_of_organisation(db, ask.repository) if ask.repository else ())}))
    full = (0, 0, _price(wish, wish.output), wish.sent + wish.output)
    changes = dict.fromkeys(_rows(scopes, day), full)
    query = "SELECT id, day, scopes, microusd, tokens FROM reservation WHERE attempt = ?"
    for name, before, places, money, tokens in db.execute(query, (wish.attempt,)).fetchall():
        if name == ask.id:  # only the answer was lost
            return Granted(name, tokens - wish.sent, money, tokens)
        db.execute("DELETE FROM reservation WHERE id = ?", (name,))
        for row in _rows(_scopes(places), before):
            changes[row] = _sum(changes.get(row, _NOTHING), (money, tokens, -money, -tokens))
    caps = [*_caps(db, scopes), *ask.caps]
    spent = _apply(db, changes)  # the rows are ours from here on
    others = {row: _less(held, full) for row, held in spent.items()}
    found = _fitting(wish, [room for cap in caps for room in _rooms(cap, others[_row(cap, day)])])
    held = full
    if found != wish.output:
        held = _NOTHING if isinstance(found, Refused) else (0, 0, _price(wish, found), wish.sent + found)
        _apply(db, dict.fromkeys(_rows(scopes, day), _less(held, full)))
    if isinstance(found, Refused):
        return found  # and what was cut off stays counted
    db.execute(
        "INSERT INTO reservation (id, attempt, task, day, scopes, microusd, tokens) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (ask.id, wish.attempt, _whole(ask), day, json.dumps([(s.kind, s.name) for s in scopes]), *held[2:]),
    )
    return Granted(ask.id, found, held[2], held[3])


def forfeit(db: Connection, *tasks: str) -> int:
    """Nobody works on these tasks any more: what their attempts, and those at their parts, have reserved and never
    settled counts as spent, since what a cut-off call has cost is not known. How many reservations that were."""
    query = "DELETE FROM reservation WHERE task = ? RETURNING day, scopes, microusd, tokens"
    found = [row for task in sorted(tasks) for row in db.execute(query, (task,)).fetchall()]
    changes: dict[_Row, _Change] = {}  # of all of them at once, so that the rows are locked in their order
    for day, scopes, money, tokens in found:
        for row in _rows(_scopes(scopes), day):
            changes[row] = _sum(changes.get(row, _NOTHING), (money, tokens, -money, -tokens))
    _apply(db, changes)
    return len(found)


def _whole(ask: Ask) -> str:
    return next((scope.name for scope in ask.scopes if scope.kind == "task"), task_of(ask.wish.attempt))


def _day_of_owner(db: Connection, wish: Wish) -> str:
    """Today, for who owns the attempt. Locks the attempt, so that whoever takes it over finds the reservation, or this
    one finds that it is taken."""
    query = f"SELECT epoch, {db.clock} FROM attempt WHERE id = ?{db.for_update}"  # noqa: S608 - our own words
    row = db.execute(query, (wish.attempt,)).fetchone()
    if row is None or row[0] != wish.epoch:
        raise StaleEpoch(
            f"attempt {wish.attempt} has been taken over by another process",
            f"`midwatch show {task_of(wish.attempt)}` shows how it goes on",
        )
    return _day(float(row[1]))


@dataclass(frozen=True, slots=True)
class _Room:
    """What a cap leaves, in its unit."""

    cap: Cap
    unit: str
    most: int
    spent: int
    reserved: int

    def refused(self, *, passing: bool, unpriced: bool = False) -> Refused:
        scope = self.cap.scope
        counts = (self.most, self.spent, self.reserved)
        return Refused(scope.kind, scope.shown or scope.name, self.cap.period, self.unit, *counts, passing, unpriced)


def _rooms(cap: Cap, spent: _Change) -> Iterable[_Room]:
    money, tokens, held_money, held_tokens = spent
    if cap.microusd is not None:
        yield _Room(cap, "usd", cap.microusd, money, held_money)
    if cap.tokens is not None:
        yield _Room(cap, "tokens", cap.tokens, tokens, held_tokens)


def _fitting(wish: Wish, rooms: Sequence[_Room]) -> int | Refused:
    """How many tokens the reply may have. It is made shorter where a budget is nearly spent, but not because others
    have reserved what they may give back: that is waited for."""
    output = wish.output
    for room in rooms:
        if room.unit == "usd" and wish.full is None:
            return room.refused(passing=False, unpriced=True)
        fits = _output(wish, room.unit, room.most - room.spent)
        if fits < wish.least:
            return room.refused(passing=False)
        output = min(output, fits)
    for room in rooms:
        if _output(wish, room.unit, room.most - room.spent - room.reserved) < output:
            return room.refused(passing=True)
    return output


def _output(wish: Wish, unit: str, left: int) -> int:
    """The longest reply, up to what is wanted, that what is left pays for; -1 when it does not even pay for the
    request."""
    if unit == "tokens":
        return max(-1, min(wish.output, left - wish.sent))
    assert wish.base is not None
    assert wish.full is not None
    if wish.full <= left:
        return wish.output
    if left < wish.base or wish.full == wish.base:
        return -1
    return wish.output * (left - wish.base) // (wish.full - wish.base)


def _price(wish: Wish, output: int) -> int:
    """Rounded up between the two prices that are known; 0 where none is."""
    if wish.base is None or wish.full is None:
        return 0
    return wish.base + -(-(wish.full - wish.base) * output // max(wish.output, 1))


def _apply(db: Connection, changes: dict[_Row, _Change]) -> dict[_Row, _Change]:
    """Change rows of spending, each made where it is not there yet, in their order; what they hold now."""
    rows = sorted(changes)
    if not rows:
        return {}
    found = db.execute(
        f"INSERT INTO spending ({_SPENDING}) VALUES {', '.join(['(?, ?, ?, ?, ?, ?, ?)'] * len(rows))} "  # noqa: S608 - our own words
        "ON CONFLICT (scope, name, day) DO UPDATE SET microusd = spending.microusd + excluded.microusd, "
        "tokens = spending.tokens + excluded.tokens, "
        "held_microusd = spending.held_microusd + excluded.held_microusd, "
        f"held_tokens = spending.held_tokens + excluded.held_tokens RETURNING {_SPENDING}",
        [value for row in rows for value in (*row, *changes[row])],
    ).fetchall()
    return {(row[0], row[1], row[2]): (row[3], row[4], row[5], row[6]) for row in found}


def _caps(db: Connection, scopes: Sequence[Scope]) -> list[Cap]:
    if not scopes:
        return []
    named = " OR ".join(["(scope = ? AND name = ?)"] * len(scopes))
    query = f"SELECT {_CAP} FROM budget_cap WHERE {named} ORDER BY scope, name, period"  # noqa: S608 - our own words
    values = [value for scope in scopes for value in (scope.kind, scope.name)]
    called = {scope: scope for scope in scopes}
    return [Cap(called[Scope(kind, name)], *rest) for kind, name, *rest in db.execute(query, values)]


def _rows(scopes: Sequence[Scope], day: str) -> list[_Row]:
    return [(scope.kind, scope.name, which) for scope in scopes for which in ("", day)]


def _row(cap: Cap, day: str) -> _Row:
    return (cap.scope.kind, cap.scope.name, day if cap.period == "day" else "")


def _scopes(text: str) -> tuple[Scope, ...]:
    return tuple(Scope(kind, name) for kind, name in json.loads(text))


def _sum(one: _Change, other: _Change) -> _Change:
    return (one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3])


def _less(one: _Change, other: _Change) -> _Change:
    return (one[0] - other[0], one[1] - other[1], one[2] - other[2], one[3] - other[3])


def _day(seconds: float) -> str:
    """Of the database's clock, which all machines share."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _is_day(text: str) -> bool:
    try:
        return datetime.strptime(text, "%Y-%m-%d").strftime("%Y-%m-%d") == text
    except ValueError:
        return False
