"""How far a repository was read that has to be looked at."""

from __future__ import annotations

from math import inf
from pathlib import Path

from midwatch.engine.database.base import Database
from midwatch.engine.database.sqlite import SqliteDatabase
from midwatch.engine.forges.looks import EARLIEST, OLDEST, SLACK, Known, Look, Looks, end


async def begun(database: Database, registered: float = 0.0, every: float = 0.0) -> Look:
    look = await Looks(database).begin("hub", "r1", registered, every)
    assert look is not None
    return look


async def test_one_looks_at_a_time_and_goes_on_where_the_last_one_has_ended(database: Database) -> None:
    first = await begun(database)
    assert first.first
    assert first.began == first.since == first.now - EARLIEST - SLACK
    assert (await begun(database, every=3600)).first  # the one before has not come to its end
    assert await Looks(database).begin("hub", "r1", 0.0, 0.0) is None
    assert await Looks(database).begin("hub", "r2", 0.0, 0.0) is not None
    known = Known({"#1": "5 abc"}, {"things": "abc"}, (7,))
    await database.write(lambda db: end(db, first, first.since + 100, known))
    await database.write(lambda db: end(db, first, first.since + 50, Known()))  # it was slower than another
    await database.write(lambda db: db.execute("UPDATE look SET due = 0").rowcount)
    then = await begun(database)
    assert (then.first, then.began, then.since, then.known) == (False, first.began, first.since + 100, known)
    assert then.begin == then.since


async def test_nothing_is_heard_from_before_the_registration_from_longer_ago_than_a_week_or_from_the_future(
    tmp_path: Path,
) -> None:
    database = SqliteDatabase(tmp_path / "state.db")
    await database.migrate()
    now = (await begun(database)).now
    late = await Looks(database).begin("hub", "new", now - 30, 0.0)
    assert late is not None
    assert late.began == now - 30 - SLACK
    asleep = Look("hub", "r1", 0.0, now - 90 * 86400, Known(), False, now)
    assert asleep.begin == now - OLDEST
    assert asleep.reached(now + 1e9, inf) == now + 3600
    assert asleep.reached(0.0, inf) == asleep.since
    assert (asleep.reached(now, inf), asleep.reached(now, now - 99)) == (now - SLACK, now - 99)
    await database.close()
