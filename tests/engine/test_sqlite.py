"""What is particular to the store on SQLite: damage, disks, schema, several processes."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from midwatch.domain.errors import InputError, StoreError
from midwatch.domain.task import Task
from midwatch.engine.database.base import Connection
from midwatch.engine.database.sqlite import SqliteDatabase
from midwatch.engine.store.sqlite import SqliteStore
from tests.support import samples


async def _filled(path: Path) -> tuple[Task, str]:
    store = SqliteStore(path)
    task = samples.task()
    await store.create(task)
    attempt = f"{task.id}.1"
    epoch = await store.take(attempt)
    call = samples.call()
    await store.append(attempt, epoch, [samples.started(task), samples.person("hello"), samples.reply("", call)])
    await store.append(attempt, epoch, [samples.tool_started(call), samples.tool_finished(call)])
    await store.close()
    return task, attempt


async def _faults(path: Path, attempt: str) -> list[str]:
    store = SqliteStore(path)
    try:
        return list(await store.verify(attempt))
    finally:
        await store.close()


def _change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        assert db.execute(statement).rowcount == 1


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("UPDATE event SET body = replace(body, 'hello', 'hullo') WHERE seq = 2", "does not match its hash"),
        ("UPDATE event SET body = body || ' ' WHERE seq = 2", "stored form"),
        ("UPDATE event SET body = '{' WHERE seq = 2", "no JSON"),
        ("UPDATE event SET time = '2020-01-01T00:00:00.000Z' WHERE seq = 3", "does not match its hash"),
        ("UPDATE event SET epoch = 7 WHERE seq = 1", "does not match its hash"),
        ("UPDATE event SET kind = 'failed' WHERE seq = 4", "does not match its hash"),
        ("UPDATE event SET version = 0 WHERE seq = 4", "does not match its hash"),
        ("UPDATE event SET prev = hash WHERE seq = 4", "does not follow"),
        ("DELETE FROM event WHERE seq = 3", "is missing"),
        ("DELETE FROM event WHERE seq = 5", "ends at event 4"),
        ("UPDATE attempt SET seq = 4", "ends at event 5"),
        ("UPDATE attempt SET last_kind = 'proposed'", "differs from its last event"),
        ("UPDATE task SET body = replace(body, 'Fix', 'Fax')", "differs from the task"),
    ],
)
async def test_any_change_of_a_stored_log_is_found(tmp_path: Path, statement: str, word: str) -> None:
    path = tmp_path / "state.db"
    _, attempt = await _filled(path)
    assert await _faults(path, attempt) == []
    _change(path, statement)
    faults = await _faults(path, attempt)
    assert faults
    assert word in " ".join(faults)


async def test_a_damaged_file_is_one_clear_error_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"this is no database" * 200)
    store = SqliteStore(path)
    with pytest.raises(StoreError, match="damaged") as error:
        await store.recent()
    await store.close()
    assert "backup" in error.value.mend
    assert path.read_bytes() == b"this is no database" * 200


async def test_an_event_of_an_unknown_kind_names_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    _, attempt = await _filled(path)
    _change(path, "UPDATE event SET kind = 'dreamt' WHERE seq = 2")
    store = SqliteStore(path)
    with pytest.raises(StoreError, match="dreamt") as error:
        await store.read(attempt)
    await store.close()
    assert "upgrade" in error.value.mend


async def test_a_state_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = SqliteStore(tmp_path / "file" / "state" / "state.db")
    with pytest.raises(StoreError, match="cannot be made") as error:
        await store.recent()
    await store.close()
    assert "XDG_STATE_HOME" in error.value.mend


async def test_a_full_disk_is_said_and_what_was_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    task, attempt = await _filled(path)
    store = SqliteStore(path)
    epoch = await store.take(attempt)
    database = store.database
    assert isinstance(database, SqliteDatabase)
    connection = database._connection
    assert connection is not None
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own way to be out of space
    with pytest.raises(StoreError, match="full"):
        await store.append(attempt, epoch, [samples.person("x" * 100_000)])
    connection.execute("PRAGMA max_page_count = 1000000")
    await store.append(attempt, epoch, [samples.person("there is room again")])
    assert await store.verify(attempt) == []
    assert len(await store.read(attempt)) == 6
    await store.close()
    assert task.id in attempt


_KILLED = """
import asyncio, os, sys
from pathlib import Path
from midwatch.engine.store.sqlite import SqliteStore
from midwatch.domain.events import Message

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    epoch = await store.take(sys.argv[2])
    for n in range(1000):
        await store.append(sys.argv[2], epoch, [Message("person", str(n)), Message("person", str(n))])
        print(n, flush=True)

asyncio.run(main())
"""


async def test_what_append_has_returned_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    _, attempt = await _filled(path)
    child = subprocess.Popen([sys.executable, "-c", _KILLED, str(path), attempt], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    last = [int(child.stdout.readline()) for _ in range(30)][-1]
    child.kill()
    seen = [int(line) for line in child.stdout.read().split()]
    child.stdout.close()
    child.wait()
    last = seen[-1] if seen else last
    store = SqliteStore(path)
    texts = [e.body.text for e in await store.read(attempt, after=5)]
    assert texts[: 2 * (last + 1)] == [str(n) for n in range(last + 1) for _ in "ab"]
    assert len(texts) % 2 == 0
    assert await store.verify(attempt) == []
    await store.close()
    assert os.path.exists(path)


async def test_one_damaged_task_hides_no_other_and_says_so_itself(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    task, _ = await _filled(path)
    store = SqliteStore(path)
    other = samples.task()
    await store.create(other)
    await store.close()
    _change(path, f"UPDATE task SET body = 'no json' WHERE id = '{task.id}'")
    store = SqliteStore(path)
    assert [row.task.id for row in await store.recent()] == [other.id]
    with pytest.raises(StoreError, match=f"{task.id} is damaged"):
        await store.find(task.id)
    with pytest.raises(InputError):
        await store.find("\udcff")
    await store.close()


async def test_the_state_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o755)
    store = SqliteStore(folder / "state.db")
    await store.recent()
    await store.close()
    assert folder.stat().st_mode & 0o777 == 0o700


async def test_a_commit_that_fails_leaves_no_transaction_open(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "state.db")
    await database.write(lambda db: db.execute("CREATE TABLE a (id TEXT PRIMARY KEY)"))
    query = "CREATE TABLE b (a TEXT REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED)"
    await database.write(lambda db: db.execute(query))
    assert database._connection is not None
    database._connection.execute("PRAGMA foreign_keys = ON")
    with pytest.raises(StoreError, match="FOREIGN KEY"):  # told at the commit
        await database.write(lambda db: db.execute("INSERT INTO b VALUES ('none')"))
    assert not database._connection.in_transaction
    assert await database.read(lambda db: db.execute("SELECT count(*) FROM b").fetchone()[0]) == 0
    await database.close()


@pytest.mark.parametrize("refused", [False, True])
async def test_writes_that_wait_are_committed_together_and_each_gets_its_own_answer(
    tmp_path: Path, refused: bool
) -> None:
    database = SqliteDatabase(tmp_path / "state.db")

    def kept(number: int) -> Callable[[Connection], int]:
        def work(db: Connection) -> int:
            db.execute("INSERT INTO task (id, created, body) VALUES (?, '', '')", (f"t{number}",))
            if number % 5 == 3:
                raise InputError(f"not {number}", "")
            if number % 5 == 4 and refused:
                db.execute("INSERT INTO task (id, created, body) VALUES (?, '', '')", (f"t{number}",))  # refused
            return number

        return work

    answers = await asyncio.gather(*(database.write(kept(n)) for n in range(100)), return_exceptions=True)
    for number, answer in enumerate(answers):
        if number % 5 == 3:
            assert isinstance(answer, InputError)
            assert answer.message == f"not {number}"
        elif number % 5 == 4 and refused:
            assert isinstance(answer, StoreError)
        else:
            assert answer == number
    found = await database.read(lambda db: {row[0] for row in db.execute("SELECT id FROM task")})
    assert found == {f"t{number}" for number in range(100) if not isinstance(answers[number], Exception)}
    await database.close()
