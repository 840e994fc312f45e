"""Counting: a handful of statements over the rows of outcomes, the same for both databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from midwatch.engine.database.base import Connection, Database
from midwatch.engine.insight.days import Span
from midwatch.engine.insight.figures import By, Cause, Day, Figures, Group, Lapse, Lapses, Now, Only

MOST_GROUPS = 200
_EPOCH = 719163
"""Of 1970-01-01, as `date.toordinal` counts."""
_COLUMNS = {"repository": "o.repository", "model": "o.model", "person": "o.person", "label": "l.label"}
_LABELS = "LEFT JOIN outcome_label l ON l.task = o.task"
_SUMS = (
    "count(*), count(o.proposed), sum(CASE WHEN o.state = 'merged' THEN 1 ELSE 0 END), "
    "sum(CASE WHEN o.state = 'closed' THEN 1 ELSE 0 END), coalesce(sum(o.cost), 0), "
    "sum(CASE WHEN o.cost IS NULL THEN 1 ELSE 0 END)"
)


async def count(database: Database, span: Span, only: Only, by: By) -> Figures:
    """All figures of a span, in one transaction. Figures of days count what happened on them; all others are those of
    the tasks that were submitted in the span, whatever came of them later."""
    return await database.read(lambda db: _Count(db, span, only).figures(by))


async def names(database: Database, among: Sequence[str] | None, by: By) -> Sequence[str]:
    """What there is to choose from: of the tasks of these repositories, in order."""
    where, values = _where(Only(among))
    join = _LABELS if by == "label" else ""
    query = f"SELECT DISTINCT {_COLUMNS[by]} FROM outcome o {join} WHERE {where} ORDER BY 1 LIMIT ?"  # noqa: S608 - ours
    rows = await database.read(lambda db: db.execute(query, (*values, MOST_GROUPS)).fetchall())
    return [row[0] for row in rows if row[0]]


@dataclass(frozen=True, slots=True)
class _Count:
    db: Connection
    span: Span
    only: Only

    def figures(self, by: By) -> Figures:
        (total,) = self._groups("''")
        groups = self._groups(_COLUMNS[by], _LABELS if by == "label" else "")
        left = groups[MOST_GROUPS:]
        return Figures(
            self._days(), total, groups[:MOST_GROUPS], len(left), self._lapses(), self._causes(), self._now()
        )

    def _days(self) -> list[Day]:
        found: dict[int, list[int]] = {}
        for at, column, state in ((0, "proposed", ""), (1, "settled", "merged"), (2, "settled", "closed")):
            where, values = _where(self.only)
            limit = f"o.{column} >= ? AND o.{column} < ?" + (" AND o.state = ?" if state else "")
            query = (
                f"SELECT {self.span.number(f'o.{column}')} AS day, count(*) FROM outcome o "  # noqa: S608 - our own words
                f"WHERE {limit} AND {where} GROUP BY 1"
            )
            asked = (self.span.begin, self.span.end, *((state,) if state else ()), *values)
            for day, number in self.db.execute(query, asked):
                found.setdefault(int(day), [0, 0, 0])[at] = number
        days = ((day, found.get(day.toordinal() - _EPOCH, [0, 0, 0])) for day in self.span.days())
        return [Day(day.isoformat(), *numbers) for day, numbers in days]

    def _groups(self, column: str, join: str = "") -> list[Group]:
        where, values = self._submitted()
        if column == "''":  # one row also where there is nothing
            query = f"SELECT '', {_SUMS} FROM outcome o WHERE {where}"  # noqa: S608 - our own words
        else:
            query = (
                f"SELECT coalesce({column}, ''), {_SUMS} FROM outcome o {join} WHERE {where} "  # noqa: S608 - ours
                "GROUP BY 1 ORDER BY 2 DESC, 1"
            )
        rows = self.db.execute(query, values).fetchall()
        return [Group(row[0], *(int(value or 0) for value in row[1:])) for row in rows]

    def _lapses(self) -> Lapses:
        return Lapses(
            self._lapse("o.queued"),
            self._lapse("o.proposed - o.created"),
            self._lapse("CASE WHEN o.state = 'merged' THEN o.settled - o.proposed END"),
        )

    def _lapse(self, seconds: str) -> Lapse:
        where, values = self._submitted()
        query = (
            "SELECT s, n, c FROM (SELECT s, row_number() OVER (ORDER BY s) AS n, count(*) OVER () AS c FROM "  # noqa: S608
            f"(SELECT {seconds} AS s FROM outcome o WHERE {where}) AS t WHERE s IS NOT NULL) AS r "
            "WHERE n = (c * 50 + 99) / 100 OR n = (c * 90 + 99) / 100 ORDER BY n"
        )
        rows = self.db.execute(query, values).fetchall()
        return Lapse(rows[0][2], max(0, rows[0][0]), max(0, rows[-1][0])) if rows else Lapse()

    def _causes(self) -> list[Cause]:
        where, values = self._submitted()
        query = (
            "SELECT o.cause, count(*), max(o.detail) FROM outcome o "  # noqa: S608 - our own words
            f"WHERE o.cause <> '' AND {where} GROUP BY 1 ORDER BY 2 DESC, 1"
        )
        return [Cause(*row) for row in self.db.execute(query, values)]

    def _now(self) -> Now:
        """Of the open turns; they have no labels and models in their rows, which other filters than these are for."""
        where, values = ["status IN ('queued', 'running')"], list[Any]()
        if self.only.person:
            where, values = [*where, "owner = ?"], [self.only.person]
        query = f"SELECT repository, status, created, begin_at, {self.db.clock} FROM turn WHERE {' AND '.join(where)}"  # noqa: S608
        known, queued, running, longest = _known(self.only), 0, 0, None
        for repository, status, created, begin_at, now in self.db.execute(query, values):
            if known is not None and plain(repository) not in known:
                continue
            running += status == "running"
            if status == "queued" and begin_at <= now:
                queued, longest = queued + 1, max(longest or 0, int(now - max(created, begin_at)))
        return Now(queued, running, longest)

    def _submitted(self) -> tuple[str, tuple[Any, ...]]:
        where, values = _where(self.only)
        return f"o.created >= ? AND o.created < ? AND {where}", (self.span.begin, self.span.end, *values)


def plain(repository: str) -> str:
    """A repository's location as `Outcome.repository` has it: ASCII."""
    from midwatch.engine.store.records import canonical

    return canonical(repository)[1:-1]


def _known(only: Only) -> set[str] | None:
    if only.repository:
        return {only.repository} if only.among is None or only.repository in only.among else set()
    return None if only.among is None else set(only.among)


def _where(only: Only) -> tuple[str, tuple[Any, ...]]:
    """Terms for the rows of outcomes. Whose repositories these are is always among them."""
    terms, values = ["1 = 1"], list[Any]()
    if (known := _known(only)) is not None:
        if not known:
            return "1 = 0", ()
        terms.append(f"o.repository IN ({', '.join('?' for _ in known)})")
        values += sorted(known)
    for column, value in (("model", only.model), ("person", only.person)):
        if value:
            terms.append(f"o.{column} = ?")
            values.append(value)
    if only.label:
        terms.append("o.task IN (SELECT task FROM outcome_label WHERE label = ?)")
        values.append(only.label)
    return " AND ".join(terms), tuple(values)
