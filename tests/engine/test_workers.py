"""Leases: who has one, who loses it, and what is done about that."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from midwatch.engine import processes
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.database.sqlite import SqliteDatabase
from midwatch.engine.workers import Lease, Terms, listed

T = TypeVar("T")
TERMS = Terms(lease=1.0, beat=0.1)


def lease(path: Path, name: str, notes: list[str] | None = None) -> Lease:
    """Of a worker of this process."""
    return Lease(name, lambda: SqliteDatabase(path), 1, "test", TERMS, note=(notes if notes is not None else []).append)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.02)


async def names(database: Database) -> list[str]:
    """Of the workers that have a row."""
    return [worker.id for worker in await listed(database, TERMS)]


def row(name: str, process: str, age: float, host: str = "") -> Callable[[Connection], None]:
    """A worker that has beaten so long ago."""

    def work(db: Connection) -> None:
        query = (
            "INSERT INTO worker (id, host, process, capacity, version, started, beat) "
            f"VALUES (?, ?, ?, 1, 'test', 0, {db.clock} - ?)"
        )
        db.execute(query, (name, host or processes.host(), process, age))

    return work


async def test_a_lease_lasts_as_long_as_it_is_kept_and_is_dropped_at_the_end(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "state.db")
    mine = lease(tmp_path / "state.db", "one")
    await mine.start()
    for _ in range(10):
        await asyncio.sleep(TERMS.lease / 5)
        assert (mine.ours, mine.lost) == (True, 0)
    assert [worker.fresh for worker in await listed(database, TERMS)] == [True]
    await mine.stop()
    await mine.stop()
    assert not mine.ours
    assert await names(database) == []
    await database.close()


async def test_a_worker_whose_row_was_taken_lets_go_before_it_has_one_again(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "state.db")
    mine = lease(tmp_path / "state.db", "one")
    await mine.start()
    await database.write(lambda db: db.execute("DELETE FROM worker").rowcount)
    await until(lambda: mine.lost == 1)
    await until(lambda: mine.ours)
    assert await names(database) == ["one"]
    await mine.stop()
    await database.close()


async def test_a_beat_that_goes_wrong_in_an_unforeseen_way_is_not_the_last_one(tmp_path: Path) -> None:
    database, broken, notes = SqliteDatabase(tmp_path / "state.db"), [True], list[str]()

    class Broken(SqliteDatabase):
        async def write(self, work: Callable[[Connection], T]) -> T:
            if broken and threading.current_thread().name.startswith("midwatch-"):
                raise RuntimeError("can't start new thread")
            return await super().write(work)

    mine = Lease("one", lambda: Broken(tmp_path / "state.db"), 1, "test", TERMS, note=notes.append)
    await mine.start()
    await until(lambda: len({note.partition(":")[0] for note in notes}) == 2)
    await until(lambda: not mine.ours)
    broken.clear()
    await until(lambda: mine.ours)
    await database.write(row("dead", "1-1", 0))
    async with asyncio.timeout(60):
        while await names(database) != ["one"]:
            await asyncio.sleep(0.02)
    await mine.stop()
    await database.close()


async def test_a_lease_that_ends_while_the_database_is_asked_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = SqliteDatabase(tmp_path / "state.db")
    mine = lease(tmp_path / "state.db", "one")
    await database.write(mine._register)
    await database.write(lambda db: db.execute("DELETE FROM worker").rowcount)
    mine._beaten = 100.0
    times = iter((100.9, 101.1))  # the beat begins in the lease and is answered after it
    monkeypatch.setattr("midwatch.engine.workers._now", lambda: next(times, 101.1))
    monkeypatch.setattr(mine, "terms", Terms(lease=1.0, beat=0.1))
    await mine._beat_once(database)
    assert mine.lost == 1
    await database.close()


async def test_a_stopped_process_whose_lease_is_over_is_ended_and_a_dead_one_is_gone_at_once(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "state.db")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        fields = Path(f"/proc/{process.pid}/stat").read_bytes().rpartition(b")")[2].split()
        name = f"{process.pid}-{int(fields[19])}"
        assert processes.alive(name)
        process.send_signal(signal.SIGSTOP)
        await database.write(row("stopped", name, 100))
        await database.write(row("dead", f"{process.pid}-1", 0))
        await database.write(row("elsewhere", name, 0, host="another"))
        notes: list[str] = []
        mine = lease(tmp_path / "state.db", "one", notes)
        await mine.start()
        async with asyncio.timeout(60):
            while "dead" in await names(database):
                await asyncio.sleep(0.02)
        assert process.poll() is None
        assert await asyncio.to_thread(process.wait, 60) == -signal.SIGKILL
        async with asyncio.timeout(60):
            while await names(database) != ["one"]:
                await asyncio.sleep(0.02)
        assert not processes.alive(name)
        await mine.stop()
    await database.close()


def test_a_process_is_not_ended_for_another_that_had_its_number() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert processes.end(f"{process.pid}-1")
        assert process.poll() is None
        process.kill()
    assert not processes.end(processes.me())
    assert processes.alive(processes.me())
    assert processes.me().startswith(f"{os.getpid()}-")
