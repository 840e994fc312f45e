"""What is particular to PostgreSQL: a server that goes away, a schema that is not there, wrong addresses."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from midwatch.domain.errors import InputError, StaleEpoch, StoreError
from midwatch.engine.database import address
from midwatch.engine.database.base import Connection
from midwatch.engine.database.postgresql import PostgresqlDatabase
from midwatch.engine.shift import Shift
from midwatch.engine.store.sql import SqlStore, insert
from midwatch.engine.turns import Turns
from tests.support import postgresql, samples


async def test_a_schema_that_is_missing_is_said_with_the_command_that_makes_it(
    postgresql_server: postgresql.Server,
) -> None:
    database = PostgresqlDatabase(postgresql_server.database())
    with pytest.raises(StoreError, match="has schema 0") as error:
        await SqlStore(database).recent()
    assert "midwatch migrate" in error.value.mend
    await database.close()


async def test_many_processes_may_migrate_at_once_and_again(postgresql_server: postgresql.Server) -> None:
    url = postgresql_server.database()
    many = [PostgresqlDatabase(url) for _ in range(4)]
    made = await asyncio.gather(*(one.migrate() for one in many))
    assert sorted(made)[:3] == [0, 0, 0]
    assert max(made) > 0
    assert await many[0].migrate() == 0
    assert await SqlStore(many[1]).recent() == []
    for one in many:
        await one.close()


async def test_a_server_that_crashes_and_comes_back_loses_nothing_and_fails_nothing() -> None:
    task = samples.task()
    attempt = f"{task.id}.1"
    with postgresql.server(durable=True) as server:
        database = PostgresqlDatabase(server.database())
        await database.migrate()
        store = SqlStore(database)
        await store.create(task, [samples.started(task)])
        epoch = await store.take(attempt)

        async def crash() -> None:
            for _ in range(2):
                await asyncio.sleep(0.2)
                await asyncio.to_thread(lambda: server.stop(immediately=True))
                await asyncio.to_thread(server.start)

        crashing = asyncio.create_task(crash())
        said = 0
        while not crashing.done():
            await store.append(attempt, epoch, [samples.person(str(said))])
            said += 1
        await crashing
        assert [e.body.text for e in await store.read(attempt, 1)] == [str(n) for n in range(said)]
        assert await store.verify(attempt) == []
        await database.close()


async def test_a_process_that_was_stopped_in_a_transaction_does_it_again(postgresql_server: postgresql.Server) -> None:
    database = PostgresqlDatabase(postgresql_server.database())
    await database.migrate()
    tried: list[int] = []

    def work(db: Connection) -> int:
        if not tried:
            db.execute("SET LOCAL idle_in_transaction_session_timeout = 1")
        tried.append(1)
        if len(tried) == 1:
            time.sleep(0.3)  # as one that was stopped, or whose machine was asleep
        return int(db.execute("SELECT 7").fetchone()[0])

    assert await database.write(work) == 7
    assert len(tried) == 2
    await database.close()


async def test_a_commit_whose_answer_is_lost_is_not_made_twice(postgresql_server: postgresql.Server) -> None:
    url = postgresql_server.database()
    database = PostgresqlDatabase(url)
    await database.migrate()
    store = SqlStore(database)
    task = samples.task()
    await store.create(task)
    epoch = await store.take(f"{task.id}.1")
    real = database._transaction
    lost: list[int] = []

    def transaction(work: Any) -> object:
        result: object = real(work)
        if not lost:
            lost.append(1)
            from psycopg import OperationalError

            raise OperationalError("server closed the connection unexpectedly")
        return result

    database._transaction = transaction  # type: ignore[assignment, method-assign]
    await store.append(f"{task.id}.1", epoch, [samples.person("once")])
    assert [e.body.text for e in await store.read(f"{task.id}.1")] == ["once"]
    lost.clear()
    turn = await Turns(database).say(task, "said once", "ada")
    again = await Turns(database).say(task, "said once", "ada")
    assert turn.id == again.id
    assert [letter.number for letter in await Shift(database, "").letters(task.id)] == [1, 2]
    await database.close()


async def test_two_that_append_at_once_with_different_epochs_never_mix(postgresql_server: postgresql.Server) -> None:
    url = postgresql_server.database()
    stores = [SqlStore(PostgresqlDatabase(url)) for _ in range(2)]
    await stores[0].database.migrate()
    task = samples.task()
    await stores[0].create(task, [samples.started(task)])
    attempt = f"{task.id}.1"
    old = await stores[0].take(attempt)
    new = await stores[1].take(attempt)

    async def appended(store: SqlStore, epoch: int) -> int:
        done = 0
        for _ in range(20):
            try:
                await store.append(attempt, epoch, [samples.person("x")])
                done += 1
            except StaleEpoch:
                pass
        return done

    done = await asyncio.gather(appended(stores[0], old), appended(stores[1], new))
    assert list(done) == [0, 20]
    assert await stores[0].verify(attempt) == []
    for store in stores:
        await store.close()


async def test_of_those_who_would_be_alone_with_a_thing_the_second_sees_what_the_first_has_done(
    postgresql_server: postgresql.Server,
) -> None:
    databases = [PostgresqlDatabase(url) for url in [postgresql_server.database()] * 2]
    await databases[0].migrate()
    task, held, ended = samples.task(), threading.Event(), threading.Event()
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

    def count(db: Connection) -> int:
        return int(db.execute("SELECT count(*) FROM task").fetchone()[0])

    def first(db: Connection) -> int:
        db.alone("things")
        held.set()
        while not ended.is_set() and not db.execute(waiting).fetchone()[0]:
            ended.wait(0.01)
        insert(db, task)
        return count(db)

    def second(db: Connection) -> int:
        held.wait()
        db.alone("others")  # nobody is there
        db.alone("things")
        ended.set()
        return count(db)

    counts = await asyncio.gather(databases[0].write(first), databases[1].write(second))
    assert list(counts) == [1, 1]
    for database in databases:
        await database.close()


async def test_a_server_that_stays_away_is_an_error_that_hides_the_password() -> None:
    database = PostgresqlDatabase("postgresql://midwatch:secret@127.0.0.1:1/x", patience=0.1)
    with pytest.raises(StoreError, match="does not answer") as error:
        await database.read(lambda db: db.execute("SELECT 1").fetchone())
    assert "secret" not in error.value.message
    await database.close()


async def test_a_database_that_is_not_there_is_said_at_once(postgresql_server: postgresql.Server) -> None:
    place, _, _ = postgresql_server.database().partition("?")
    database = PostgresqlDatabase(place.rsplit("/", 1)[0] + "/nowhere")
    with pytest.raises(StoreError, match="does not let us in") as error:
        await asyncio.wait_for(database.migrate(), 8)
    assert "createdb" in error.value.mend
    await database.close()


async def test_the_clock_is_in_seconds_on_both(postgresql_server: postgresql.Server, tmp_path: Path) -> None:
    made = PostgresqlDatabase(postgresql_server.database())
    await made.migrate()

    def now(db: Connection) -> float:
        return float(db.execute(f"SELECT {db.clock}").fetchone()[0])

    for database in (made, address.opened("", tmp_path)):
        assert 1.7e9 < await database.read(now) < 1e10
        await database.close()


def test_an_address_that_is_no_database_is_refused_without_its_password(tmp_path: Path) -> None:
    for url in ("mysql://me:secret@host/x", "sqlite://relative.db", "nonsense"):
        with pytest.raises(InputError, match="names no database") as error:
            address.opened(url, tmp_path)
        assert "secret" not in error.value.message
    assert address.opened("sqlite:///a/b.db", tmp_path).place == "/a/b.db"
    assert address.opened("", tmp_path).place == str(tmp_path / "state.db")


async def test_who_lets_go_of_a_database_that_is_away_waits_for_it_no_longer() -> None:
    database = PostgresqlDatabase("postgresql://nobody@127.0.0.1:1/none", patience=30)
    database._reached = True  # it was there once, so it is waited for
    real, tried = database._transaction, []

    def transaction(work: Any) -> object:
        tried.append(1)
        return real(work)

    database._transaction = transaction  # type: ignore[assignment, method-assign]
    reading = asyncio.create_task(database.read(lambda db: db.execute("SELECT 1").fetchone()))
    while not tried:
        await asyncio.sleep(0.01)
    before = len(tried)
    await database.close()
    with pytest.raises(StoreError, match="does not answer"):
        await reading
    assert len(tried) <= before + 1
