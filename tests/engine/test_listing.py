"""Listing tasks over both databases: each page what it should show, whatever else there is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from midwatch.domain.errors import InputError
from midwatch.domain.task import Task
from midwatch.engine.database.base import Database
from midwatch.engine.database.migrations import for_postgresql, places, statements
from midwatch.engine.store import listing
from midwatch.engine.store.listing import Wanted
from midwatch.engine.store.sql import SqlStore
from midwatch.engine.turns import Turns
from tests.support import samples

PLACES = ("/a", '/b "quoted", \\', "/c/ä\udc80", "/d" * 700, "/d" * 700 + "x", "https://h/x?y=%25")


async def everything(store: SqlStore, wanted: Wanted, limit: int) -> list[str]:
    """Page after page."""
    names: list[str] = []
    while True:
        rows, more = await store.listed(wanted, limit)
        names += [row.task.id for row in rows]
        if not more:
            return names
        wanted = replace(wanted, before=more)


async def made(store: SqlStore) -> dict[str, list[Task]]:
    """Two tasks for each place, and beside them parts of the first."""
    found = {one: [replace(samples.task(), repository=one) for _ in range(2)] for one in PLACES}
    for tasks in found.values():
        for task in tasks:
            await store.create(task)
        await store.create(replace(samples.task(), repository=tasks[0].repository, kind="subtask", parent="x.1"))
        await store.create(replace(samples.task(), repository=tasks[0].repository, kind="review", parent="x.1"))
        await store.create(review := replace(samples.task(), repository=tasks[0].repository, kind="review"))
        tasks.append(review)
    return found


async def test_pages_hold_the_tasks_of_the_repositories_that_were_asked_for(database: Database) -> None:
    store = SqlStore(database)
    found = await made(store)
    for among in ([], ["/a"], ["/nowhere"], list(PLACES[:3]), [PLACES[3]], list(PLACES), None):
        tasks = [task.id for place in (PLACES if among is None else among) for task in found.get(place, [])]
        assert await everything(store, Wanted(among=among), 2) == sorted(tasks, reverse=True)
    assert [row.task.id for row in await store.recent(100)] == await everything(store, Wanted(), 5)


async def test_what_the_release_before_makes_beside_this_one_is_listed_too(database: Database) -> None:
    store = SqlStore(database)
    found = await made(store)
    await database.write(lambda db: db.execute("UPDATE task SET place = '', part = 0").rowcount)
    for among in (["/a"], list(PLACES[:3]), [PLACES[3]], None):
        tasks = [task.id for place in (PLACES if among is None else among) for task in found[place]]
        assert await everything(store, Wanted(among=among), 2) == sorted(tasks, reverse=True)


async def test_what_was_kept_before_is_listed_as_what_is_kept_now(database: Database) -> None:
    await made(SqlStore(database))
    query = "SELECT id, place, part FROM task ORDER BY id"
    before = await database.read(lambda db: db.execute(query).fetchall())
    await database.write(lambda db: db.execute("UPDATE task SET place = '-', part = 7").rowcount)
    (mend,) = [one for one in statements(places.STEP) if one.startswith("UPDATE")]
    mend = for_postgresql(mend) if database.place.startswith("postgres") else mend
    await database.write(lambda db: db.execute(mend).rowcount)
    assert await database.read(lambda db: db.execute(query).fetchall()) == before


async def test_tasks_that_stand_in_one_way_are_found_among_many_that_do_not(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_LOOKED_AT", 4)
    store, turns = SqlStore(database), Turns(database)
    tasks = sorted([samples.task() for _ in range(10)], key=lambda task: task.id)
    for task in tasks[1:]:
        await turns.submit(task)
    for number in (2, 7):
        await turns.wish(tasks[number].id, "cancel", "ada")
    await turns.again(tasks[7], "retry")
    await store.create(tasks[0])  # and it has no turn
    assert await everything(store, Wanted(turn="cancelled"), 3) == [tasks[2].id, tasks[0].id]
    assert len(await everything(store, Wanted(turn="queued"), 3)) == 9
    last = await turns.of_tasks([task.id for task in tasks])
    assert sorted(last) == [task.id for task in tasks[1:]]
    assert {last[tasks[n].id].status for n in (1, 7)} == {"queued"}
    assert (last[tasks[2].id].status, last[tasks[7].id].number) == ("cancelled", 2)


async def test_a_task_is_found_by_the_beginning_of_its_id_in_small_and_in_capital_letters(database: Database) -> None:
    store, task = SqlStore(database), samples.task()
    await store.create(task)
    for prefix in (task.id[:9], task.id[:9].upper(), f"{task.id}.1"):
        assert (await store.find(prefix)).task == task
    for wrong in (f"{task.id[:8]}%", f"{task.id[:8]}_", "~", "\0", "é"):
        with pytest.raises(InputError, match="there is no task"):
            await store.find(wrong)
