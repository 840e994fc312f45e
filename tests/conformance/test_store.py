"""One suite over every store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from midwatch.domain.chain import GENESIS
from midwatch.domain.errors import InputError, StaleEpoch
from midwatch.domain.events import Message
from midwatch.engine.database.postgresql import PostgresqlDatabase
from midwatch.engine.store.base import Store
from midwatch.engine.store.fake import MemoryStore
from midwatch.engine.store.sql import SqlStore
from midwatch.engine.store.sqlite import SqliteStore
from tests.support import samples


@pytest.fixture(params=["sqlite", "postgresql", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store
    match request.param:
        case "sqlite":
            made = SqliteStore(tmp_path / "state" / "state.db")
        case "postgresql":
            database = PostgresqlDatabase(request.getfixturevalue("postgresql_server").database())
            await database.migrate()
            made = SqlStore(database)
        case _:
            made = MemoryStore()
    yield made
    await made.close()
    await made.close()


async def test_a_task_made_twice_is_there_once(store: Store) -> None:
    task = samples.task(attempts=3)
    await store.create(task)
    await store.create(task)
    row = await store.find(task.id)
    assert row.task == task
    assert [a.attempt for a in row.attempts] == [f"{task.id}.{n}" for n in (1, 2, 3)]
    assert [(a.seq, a.epoch, a.hash) for a in row.attempts] == [(0, 0, GENESIS)] * 3
    assert len(await store.recent()) == 1


async def test_a_task_can_come_with_its_first_events_and_only_once(store: Store) -> None:
    task = samples.task()
    bodies = [samples.started(task), samples.person("do it")]
    await store.create(task, bodies)
    await store.create(task, bodies)
    attempt = f"{task.id}.1"
    assert [e.body for e in await store.read(attempt)] == bodies
    assert await store.verify(attempt) == []
    await store.append(attempt, await store.take(attempt), [samples.reply("ok")])
    assert (await store.state(attempt)).seq == 3


async def test_subtasks_are_found_by_their_id_and_listed_nowhere(store: Store) -> None:
    task = samples.task('say "kind":"subtask" twice')
    part = replace(samples.task(), kind="subtask", parent=f"{task.id}.1")
    for made in (task, part):
        await store.create(made)
    assert [row.task.id for row in await store.recent()] == [task.id]
    assert (await store.find(part.id)).task == part


async def test_events_are_numbered_chained_and_read_back_as_written(store: Store) -> None:
    task = samples.task()
    await store.create(task)
    attempt = f"{task.id}.1"
    epoch = await store.take(attempt)
    call = samples.call()
    bodies = [samples.started(task), samples.person("do ü"), samples.reply("", call), samples.tool_finished(call)]
    first = await store.append(attempt, epoch, bodies[:2])
    rest = await store.append(attempt, epoch, bodies[2:])
    events = await store.read(attempt)
    assert list(events) == [*first, *rest]
    assert [e.body for e in events] == bodies
    assert [e.seq for e in events] == [1, 2, 3, 4]
    assert [e.prev for e in events] == [GENESIS, *(e.hash for e in events[:-1])]
    assert [e.seq for e in await store.read(attempt, after=3)] == [4]
    state = await store.state(attempt)
    assert (state.seq, state.hash, state.last_kind) == (4, events[-1].hash, "tool_finished")
    assert await store.verify(attempt) == []


async def test_text_that_is_no_unicode_survives(store: Store) -> None:
    task = samples.task()
    await store.create(task)
    attempt = f"{task.id}.1"
    body = Message("person", "a file named \udcff and a \x00 and \U0001f600")
    await store.append(attempt, await store.take(attempt), [samples.started(task), body])
    assert (await store.read(attempt))[1].body == body
    assert await store.verify(attempt) == []


async def test_who_was_taken_over_is_refused_and_leaves_nothing(store: Store) -> None:
    task = samples.task()
    await store.create(task)
    attempt = f"{task.id}.1"
    old = await store.take(attempt)
    new = await store.take(attempt)
    assert new == old + 1
    with pytest.raises(StaleEpoch):
        await store.append(attempt, old, [samples.person("too late")])
    assert await store.read(attempt) == []
    await store.append(attempt, new, [samples.person("in time")])
    assert len(await store.read(attempt)) == 1


async def test_an_unknown_or_ambiguous_id_is_said(store: Store) -> None:
    one, two = samples.task(), samples.task()
    await store.create(one)
    await store.create(two)
    with pytest.raises(InputError, match="no task"):
        await store.find("zzzz")
    with pytest.raises(InputError, match="more than one"):
        await store.find(one.id[:4])
    with pytest.raises(InputError, match="no task"):
        await store.find("%")
    with pytest.raises(InputError, match="no attempt"):
        await store.take(f"{one.id}.9")
    assert (await store.find(f"{one.id}.1")).task == one


async def test_the_newest_tasks_come_first(store: Store) -> None:
    tasks = [samples.task(str(n)) for n in range(5)]
    for task in tasks:
        await store.create(task)
    wanted = sorted((t.id for t in tasks), reverse=True)[:3]
    assert [row.task.id for row in await store.recent(3)] == wanted


async def test_appends_from_many_sides_never_interleave(store: Store) -> None:
    task = samples.task()
    await store.create(task)
    attempt = f"{task.id}.1"
    epoch = await store.take(attempt)
    await store.append(attempt, epoch, [samples.started(task)])
    pairs = [[samples.person(f"{n}a"), samples.person(f"{n}b")] for n in range(20)]
    await asyncio.gather(*(store.append(attempt, epoch, pair) for pair in pairs))
    texts = [e.body.text for e in await store.read(attempt, after=1)]
    assert len(texts) == 40
    assert all(a[:-1] == b[:-1] for a, b in zip(texts[::2], texts[1::2], strict=True))
    assert await store.verify(attempt) == []
