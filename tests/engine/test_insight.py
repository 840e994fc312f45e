"""Figures over constructed histories, counted by hand, over both databases."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from midwatch.domain.errors import InputError
from midwatch.engine.database.base import Database
from midwatch.engine.insight.counted import count, names
from midwatch.engine.insight.days import Span, span
from midwatch.engine.insight.figures import Figures, Lapse, Only
from midwatch.engine.insight.outcomes import Due, Outcome, Outcomes, note

BERLIN = ZoneInfo("Europe/Berlin")
MARCH = span(date(2026, 3, 1), date(2026, 3, 31), "UTC")
NOBODY: tuple[str, ...] = ()


def at(text: str) -> int:
    """Seconds since 1970 of a time in UTC."""
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp())


PLAIN = Outcome(
    task="", repository="/srv/calc", person="ada", model="repair", created=0, queued=10, ended=1, status="done",
    cause="", detail="", verdict="passed", cost=1_000_000, state="", proposed=None, settled=None,
)  # fmt: skip


async def history(database: Database) -> None:
    """Eight tasks of March and one of February."""
    merged = replace(
        PLAIN, created=at("2026-03-02T10:00"), state="merged", proposed=at("2026-03-02T10:10"),
        settled=at("2026-03-03T00:10"),
    )  # fmt: skip
    rows = [
        replace(merged, task="a", queued=10),
        replace(merged, task="b", queued=20, cost=500_000, proposed=at("2026-03-02T10:20"), person="bob"),
        replace(merged, task="c", queued=30, model="openai/x", settled=at("2026-03-02T11:10")),
        replace(merged, task="d", queued=40, state="closed", settled=at("2026-03-05T08:00")),
        replace(merged, task="e", queued=50, state="open", settled=None, repository="/srv/other"),
        replace(PLAIN, task="f", created=at("2026-03-07T00:00"), queued=None, status="cancelled", cause="cancelled"),
        replace(PLAIN, task="g", created=at("2026-03-31T23:59:59"), cause="limit: turns", detail="50 turns", cost=0),
        replace(PLAIN, task="h", created=at("2026-03-31T12:00"), cause="limit: turns", detail="9 turns", cost=None),
        replace(merged, task="z", created=at("2026-02-28T23:59:59"), proposed=at("2026-02-28T23:59:59")),
    ]
    labels = {"a": ["big", "gpu"], "b": ["gpu"], "f": ["gpu"]}
    for row in rows:
        await Outcomes(database).keep(Due(row.task, 0), row, labels.get(row.task, []))


def called(found: Figures) -> dict[str, tuple[int, int, int, int]]:
    return {one.name: (one.tasks, one.opened, one.merged, one.closed) for one in found.groups}


async def test_each_figure_is_what_is_counted_by_hand(database: Database) -> None:
    await history(database)
    found = await count(database, MARCH, Only(), "repository")
    days = {day.day: (day.opened, day.merged, day.closed) for day in found.days if day.opened + day.merged + day.closed}
    # the task of February is merged in March, and opened before it
    assert days == {"2026-03-02": (5, 1, 0), "2026-03-03": (0, 3, 0), "2026-03-05": (0, 0, 1)}
    assert len(found.days) == 31
    assert (found.total.tasks, found.total.opened, found.total.merged, found.total.closed) == (8, 5, 3, 1)
    assert found.total.merge_rate == 0.6
    assert (found.total.cost, found.total.unpriced, found.total.cost_per_merged) == (5_500_000, 1, None)
    assert called(found) == {"/srv/calc": (7, 4, 3, 1), "/srv/other": (1, 1, 0, 0)}
    # queued: 10 10 10 20 30 40 50 (none for the cancelled one)
    assert found.lapses.queue == Lapse(7, 20, 50)
    assert found.lapses.to_pull_request == Lapse(5, 600, 1200)
    # merged after 1 h, 13 h 50 min and 14 h
    assert found.lapses.to_merge == Lapse(3, 49_800, 50_400)
    assert [(one.cause, one.tasks, one.example) for one in found.causes] == [
        ("limit: turns", 2, "9 turns"), ("cancelled", 1, "")
    ]  # fmt: skip


async def test_groups_are_by_model_person_and_label_and_narrowed_down(database: Database) -> None:
    await history(database)
    assert called(await count(database, MARCH, Only(), "model")) == {
        "repair": (7, 4, 2, 1), "openai/x": (1, 1, 1, 0)
    }  # fmt: skip
    assert called(await count(database, MARCH, Only(), "person")) == {"ada": (7, 4, 2, 1), "bob": (1, 1, 1, 0)}
    by_label = called(await count(database, MARCH, Only(), "label"))  # one with two labels counts for both
    assert by_label == {"": (5, 3, 1, 1), "gpu": (3, 2, 2, 0), "big": (1, 1, 1, 0)}
    gpu = await count(database, MARCH, Only(label="gpu"), "person")
    assert called(gpu) == {"ada": (2, 1, 1, 0), "bob": (1, 1, 1, 0)}
    assert gpu.total.cost_per_merged == 1_250_000  # the cancelled one has cost something, too
    assert sum(day.opened for day in gpu.days) == 2
    assert (await count(database, MARCH, Only(person="bob", model="openai/x"), "model")).total.tasks == 0
    assert await names(database, None, "label") == ["big", "gpu"]
    assert await names(database, ["/srv/other"], "person") == ["ada"]


async def test_what_is_divided_by_nothing_is_not_known(database: Database) -> None:
    found = await count(database, MARCH, Only(), "repository")
    assert (found.total.tasks, found.total.merge_rate, found.total.cost_per_merged) == (0, None, None)
    assert found.lapses.to_merge == found.lapses.queue == Lapse(0, None, None)
    assert (found.groups, found.causes, found.now.longest) == ([], [], None)


async def test_nothing_is_counted_of_repositories_that_are_not_ones_own(database: Database) -> None:
    await history(database)
    for only in (Only(NOBODY), Only(["/srv/none"]), Only(["/srv/other"], repository="/srv/calc")):
        found = await count(database, MARCH, only, "person")
        assert (found.total.tasks, found.groups, found.causes, found.lapses.queue.count) == (0, [], [], 0)
        assert not any(day.opened or day.merged or day.closed for day in found.days)
    assert (await count(database, MARCH, Only(["/srv/other"]), "person")).total.tasks == 1


async def test_days_are_those_of_the_zone_also_where_its_clocks_are_put_forward(database: Database) -> None:
    night = at("2026-03-28T23:30")  # 00:30 on the 29th in Berlin, whose clocks go forward two hours and a half later
    late = at("2026-03-29T22:30")  # 00:30 on the 30th there
    for number, opened in enumerate((night, late)):
        row = replace(PLAIN, task=f"t{number}", created=night, state="open", proposed=opened)
        await Outcomes(database).keep(Due(row.task, 0), row)
    week = Span(date(2026, 3, 25), date(2026, 4, 2), BERLIN)
    found = await count(database, week, Only(), "model")
    assert {day.day: day.opened for day in found.days if day.opened} == {"2026-03-29": 1, "2026-03-30": 1}


def test_a_day_of_a_zone_is_counted_by_sql_as_its_clocks_have_it() -> None:
    whole = Span(date(2025, 1, 1), date(2027, 1, 1), BERLIN)
    moments = range(whole.begin, whole.end, 12 * 3600 + 7)
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE moment (x INTEGER)")
        db.executemany("INSERT INTO moment (x) VALUES (?)", [(moment,) for moment in moments])
        found = db.execute(f"SELECT x, {whole.number('x')} FROM moment").fetchall()
    expected = [(one, datetime.fromtimestamp(one, BERLIN).date().toordinal() - 719163) for one in moments]
    assert found == expected


async def test_a_reason_that_comes_while_a_row_is_written_has_it_written_again(database: Database) -> None:
    outcomes = Outcomes(database)
    await database.write(lambda db: note(db, "a"))
    (due,) = await outcomes.due()
    await database.write(lambda db: note(db, "a"))
    await outcomes.keep(due, replace(PLAIN, task="a"))
    (again,) = await outcomes.due()
    await outcomes.keep(again, replace(PLAIN, task="a", state="open", proposed=5), ["gpu"])
    assert await outcomes.due() == []
    assert await names(database, None, "label") == ["gpu"]
    await outcomes.changed("feed", 7, ["a", "a"])
    await outcomes.changed("feed", 5, [])  # another worker that was slower
    assert await outcomes.seen("feed") == 7
    assert await outcomes.seen("another") == 0
    (due,) = await outcomes.due()
    await outcomes.settle(due, "merged", 5, 9)
    assert await outcomes.due() == []


def test_a_span_that_cannot_be_counted_says_why() -> None:
    for words, asked in {
        "before it begins": (date(2026, 2, 1), date(2026, 1, 1), "UTC"),
        "more than 1100 days": (date(2000, 1, 1), date(2026, 1, 1), "UTC"),
        "no time zone": (None, None, "Mars/Olympus"),
        "outside": (date(1, 1, 1), date(1, 1, 2), "UTC"),
    }.items():
        with pytest.raises(InputError, match=words):
            span(*asked)
    today = span(None, None, "UTC")
    assert len(today.days()) == 30
