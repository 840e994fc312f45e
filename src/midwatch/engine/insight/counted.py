"""Counting: a handful of statements over the rows of outcomes, the same for both databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from midwatch.engine.database.base import Connection, Database
from midwatch.engine.insight.days import Span
from midwatch.engine.insight.figures import By, Cause, Day, Figures, Group, Lapse, Lapses, Now, Only
from midwatch.engine.insight.outcomes import place, plain

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
        groups = self._groups(_COLUMNS[by], _LABELS if by == "label" else "")
        total = self._total() if by == "label" else _sum(groups)
        left = len(groups[MOST_GROUPS:])
        shown = groups[:MOST_GROUPS] if by != "repository" else self._located(groups[:MOST_GROUPS])
        return Figures(self._days(), total, shown, left, self._lapses(), self._causes(), self._now())

    def _days(self) -> list[Day]:
        opened, settled = self._by_day("proposed", "''"), self._by_day("settled", "o.state")
        found = []
        for day in self.span.days():
            number = day.toordinal() - _EPOCH
            numbers = (opened.get((number, "")), settled.get((number, "merged")), settled.get((number, "closed")))
            found.append(Day(day.isoformat(), *(one or 0 for one in numbers)))
        return found

    def _by_day(self, column: str, state: str) -> dict[tuple[int, str], int]:
        where, values = _where(self.only)
        query = (
            f"SELECT {self.span.number(f'o.{column}')}, {state}, count(*) FROM outcome o "  # noqa: S608 - our own words
            f"WHERE o.{column} >= ? AND o.{column} < ? AND {where} GROUP BY 1, 2"
        )
        rows = self.db.execute(query, (self.span.begin, self.span.end, *values))
        return {(int(day), str(state)): int(number) for day, state, number in rows}

    def _groups(self, column: str, join: str) -> list[Group]:
        where, values = self._submitted()
        query = (
            f"SELECT coalesce({column}, ''), {_SUMS} FROM outcome o {join} WHERE {where} "  # noqa: S608 - our own words
            "GROUP BY 1 ORDER BY 2 DESC, 1"
        )
        return [Group(row[0], *map(int, row[1:])) for row in self.db.execute(query, values)]

    def _total(self) -> Group:
        """Where groups overlap."""
        where, values = self._submitted()
        row = self.db.execute(f"SELECT {_SUMS} FROM outcome o WHERE {where}", values).fetchone()  # noqa: S608 - ours
        return Group("", *(int(value or 0) for value in row))

    def _located(self, groups: Sequence[Group]) -> list[Group]:
        if not groups:
            return []
        marks = ", ".join("?" for _ in groups)
        query = f"SELECT id, location FROM outcome_place WHERE id IN ({marks})"  # noqa: S608 - our own words
        known = dict(self.db.execute(query, [group.name for group in groups]).fetchall())
        return [replace(group, name=known.get(group.name, group.name)) for group in groups]

    def _lapses(self) -> Lapses:
        return Lapses(
            self._lapse("o.queued"),
            self._lapse("o.proposed - o.created"),
            self._lapse("CASE WHEN o.state = 'merged' THEN o.settled - o.proposed END"),
        )

    def _lapse(self, seconds: str) -> Lapse:
        where, values = self._submitted()
        query = (
            f"SELECT s, count(*) FROM (SELECT {seconds} AS s FROM outcome o WHERE {where}) AS t "  # noqa: S608 - ours
            "WHERE s IS NOT NULL GROUP BY s ORDER BY s"
        )
        return _lapse(self.db.execute(query, values).fetchall())

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


def _lapse(found: Sequence[tuple[int, int]]) -> Lapse:
    """Of times in order, and how many tasks took each. By rank: the first that half of them, or nine of ten, do not
    exceed."""
    if not (number := sum(tasks for _, tasks in found)):
        return Lapse()
    ranks = [-(-number * percent // 100) for percent in (50, 90)]
    at, times = 0, list[int]()
    for seconds, tasks in found:
        at += tasks
        while len(times) < len(ranks) and at >= ranks[len(times)]:
            times.append(max(0, int(seconds)))
    return Lapse(number, times[0], times[1])


def _sum(groups: Sequence[Group]) -> Group:
    columns = ("tasks", "opened", "merged", "closed", "cost", "unpriced")
    return Group("", *(sum(getattr(group, column) for group in groups) for column in columns))


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
        values += sorted(map(place, known))
    for column, value in (("model", only.model), ("person", only.person)):
        if value:
            terms.append(f"o.{column} = ?")
            values.append(value)
    if only.label:
        terms.append("o.task IN (SELECT task FROM outcome_label WHERE label = ?)")
        values.append(only.label)
    return " AND ".join(terms), tuple(values)
