"""Limits and labels with the durable engine, over both databases."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.database.postgresql import PostgresqlDatabase
from midwatch.engine.database.sqlite import SqliteDatabase
from midwatch.engine.durable.dbos_engine import DbosEngine
from midwatch.engine.handing import another, hand_over
from midwatch.engine.limits import Limit, Limits
from midwatch.engine.shift import Shift
from midwatch.engine.turns import BATCH, Asked, Turn, Turns
from tests.support import samples


class Worker:
    """Has a lease, and works on a turn until it is told to end it."""

    def __init__(self, database: Database, engine: DbosEngine) -> None:
        self.turns, self.engine, self.shift = Turns(database), engine, Shift(database, "one")
        self.turns.limited = True
        self.begun: list[Turn] = []
        self.going: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.gates: dict[str, asyncio.Event] = {}

    async def __call__(self, run: str) -> str:
        turn = await self.shift.begin(run)
        if turn is None:
            return "not now"
        self.begun.append(turn)
        self.going[turn.owner] += 1
        self.most[turn.owner] = max(self.most[turn.owner], self.going[turn.owner])
        await self.gates.setdefault(turn.id, asyncio.Event()).wait()
        self.going[turn.owner] -= 1
        await self.shift.end(turn, "done")
        await another(self.turns, self.engine)
        return "done"

    def end(self, turn: Turn) -> None:
        """Let it end, now or as soon as it begins."""
        self.gates.setdefault(turn.id, asyncio.Event()).set()

    async def until(self, true: Callable[[], bool]) -> None:
        """Look often."""
        async with asyncio.timeout(60):
            while not true():
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_what_somebody_waits_for_overtakes_batches_of_a_user_who_has_as_many_as_allowed(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    database: Database = SqliteDatabase(tmp_path / "state.db")
    url = f"sqlite:///{tmp_path / 'engine.db'}"
    if kind == "postgresql":
        url = request.getfixturevalue("postgresql_server").database()
        database = PostgresqlDatabase(url)
        await database.migrate()
    engine = DbosEngine(url)
    await engine.migrate()
    worker = Worker(database, engine)

    def register(db: Connection) -> None:
        columns = "id, host, process, capacity, version, started, beat"
        db.execute(f"INSERT INTO worker ({columns}) VALUES ('one', 'h', '1-1', 8, '', 0, {db.clock})")

    async def submit(owner: str, priority: int) -> Turn:
        made = await worker.turns.submit(samples.task(), asked=Asked(owner, priority))
        await hand_over(worker.turns, engine, made)
        return made

    try:
        await database.write(register)
        await Limits(database).put(Limit("user", "", 2), Deed(SERVER, "limit.set", "user"))
        batch = [await submit("ada", BATCH) for _ in range(5)]
        await engine.launch("one", 8, worker)
        await worker.until(lambda: len(worker.begun) == 2)
        other = await submit("bob", BATCH)
        urgent = await submit("ada", 1)
        await worker.until(lambda: len(worker.begun) == 3)
        assert worker.begun[2].id == other.id  # who is below the limit waits behind nobody
        worker.end(worker.begun[0])
        await worker.until(lambda: len(worker.begun) == 4)
        assert worker.begun[3].id == urgent.id
        for turn in (*batch, urgent, other):
            worker.end(turn)
        await worker.until(lambda: len(worker.begun) == 7 and not worker.going.total())
        assert worker.most == {"ada": 2, "bob": 1}
        assert len({turn.id for turn in worker.begun}) == 7
    finally:
        await engine.close()
        await database.close()
