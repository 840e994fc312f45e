"""Two hundred attempts on one budget: the real loop and the real ledger, with a model whose real cost is anything up to
the worst case, that fails, breaks off and is killed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from midwatch.agent.log import Log
from midwatch.agent.loop import Workplace, work
from midwatch.agent.requests import Requests
from midwatch.domain.conversation import Delta, Replied, Reply, Said, ToolSpec, Usage, View
from midwatch.domain.errors import InputError, ModelError
from midwatch.domain.events import LimitReached
from midwatch.domain.limits import Limits
from midwatch.domain.observer import Silent
from midwatch.domain.purse import Granted, Purse, Refused, Wish
from midwatch.domain.task import Task
from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.identity import new_id
from midwatch.engine.accounts.organisations import Organisation, Organisations
from midwatch.engine.accounts.repositories import Registered, Repositories
from midwatch.engine.blobs import Blobs
from midwatch.engine.budgets.ledger import Ledger
from midwatch.engine.budgets.purse import TaskPurse
from midwatch.engine.budgets.scopes import Cap, Scope, scopes_of
from midwatch.engine.database.base import Database
from midwatch.engine.database.postgresql import PostgresqlDatabase
from midwatch.engine.database.sqlite import SqliteDatabase
from midwatch.engine.store.sql import SqlStore
from midwatch.tools.toolset import ToolSet
from tests.support import samples

PRICE_IN, PRICE_OUT = 2, 7
"""Millionths of a dollar a token."""


@dataclass
class Charging:
    """A provider that charges what it likes up to the worst case, and keeps the bill."""

    chance: random.Random
    turns: int = 4
    wild: bool = True
    """It also refuses, and breaks off."""
    bill: int = 0
    price_known: bool = True
    name: str = "charging"
    wire: str = "charging"
    window: int = 100_000
    max_output: int = 2000
    over: list[int] = field(default_factory=list)
    cap: int = 1 << 60

    def _charge(self, view: View, max_output: int | None) -> Usage:
        assert max_output is not None
        text = sum(len(item.text) for item in view.items if isinstance(item, Said)) + len(view.instructions)
        usage = Usage(self.chance.randrange(text // 3), output_tokens=self.chance.randrange(max_output + 1))
        self.bill += usage.input_tokens * PRICE_IN + usage.output_tokens * PRICE_OUT
        if self.bill > self.cap:
            self.over.append(self.bill)
        return usage

    async def reply(
        self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None
    ) -> AsyncGenerator[Delta | Reply]:
        """Cut short until the last turn, so that the loop goes on without a tool."""
        await asyncio.sleep(self.chance.random() / 50)
        if self.wild and self.chance.random() < 0.05:
            raise ModelError("no", retryable=True)
        if self.wild and self.chance.random() < 0.1:
            yield Delta("text", "…")
            self._charge(view, max_output)
            yield Delta("notice", "the stream broke off; trying again")
        if self.wild and self.chance.random() < 0.05:
            yield Delta("text", "…")
            self._charge(view, max_output)
            raise ModelError("broken off for good", retryable=True)
        usage = self._charge(view, max_output)
        yield Delta("text", "…")
        done = sum(isinstance(item, Replied) for item in view.items) + 1 >= self.turns
        yield Reply(self.name, self.wire, "more", (), (), usage, "end" if done else "length")

    def cost(self, usage: Usage) -> int | None:
        return usage.input_tokens * PRICE_IN + usage.output_tokens * PRICE_OUT if self.price_known else None

    async def close(self) -> None:
        """Nothing."""


@dataclass
class Mortal:
    """The purse of workers of which every other one dies before it can say that a call was cut off."""

    purse: TaskPurse
    deaths: int = 0

    async def reserve(self, wish: Wish) -> Granted | Refused:
        return await self.purse.reserve(wish)

    async def settle(self, granted: Granted, usage: Usage, microusd: int | None) -> None:
        await self.purse.settle(granted, usage, microusd)

    async def forfeit(self, granted: Granted) -> None:
        self.deaths += 1
        if self.deaths % 2:
            await self.purse.forfeit(granted)

    async def release(self, granted: Granted) -> None:
        await self.purse.release(granted)


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    made: Database = SqliteDatabase(tmp_path / "state.db")
    if request.param == "postgresql":
        made = PostgresqlDatabase(request.getfixturevalue("postgresql_server").database())
    await made.migrate()
    yield made
    await made.close()


def place(task: Task, model: Charging, purse: Purse, folder: Path) -> Workplace:
    """Where an attempt works that runs no tool: without a box and files."""
    nothing = cast("Any", SimpleNamespace(workdir="/workspace", repository=SimpleNamespace(git=None)))
    parts = (Blobs(folder / "blobs"), Silent(), Requests("work"))
    return Workplace(task, model, ToolSet(()), nothing, nothing, *parts, purse=purse)


async def begun(store: SqlStore, limits: Limits | None = None) -> Task:
    """A task whose model has been given it."""
    task = samples.task(limits=limits or Limits(seconds=None))
    await store.create(task, [samples.started(task), samples.person("count " * 30)])
    return task


async def attempt(store: SqlStore, task: Task, model: Charging, purse: Purse, folder: Path) -> Log:
    """Work on it to its end; where a call fails, another worker takes it over."""
    while True:
        log = await Log.open(store, f"{task.id}.1", Silent())
        try:
            await work(log, place(task, model, purse, folder))
        except ModelError:
            continue
        return log


async def firm(database: Database, repository: str) -> Scope:
    """An organisation that a server's repository at this place belongs to."""
    one, made = Registered(new_id(), "shop", repository, 0.0), Organisation(new_id(), "firm", 0.0)
    firms = Organisations(database)
    await Repositories(database).register(one, Deed(SERVER, "repository.register", one.id))
    await firms.create(made, Deed(SERVER, "organisation.create", made.id))
    await firms.put(one.id, made.id, Deed(SERVER, "repository.move", one.id))
    return Scope("organisation", made.id)


async def test_two_hundred_attempts_never_overshoot_what_they_share(database: Database, tmp_path: Path) -> None:
    store, ledger = SqlStore(database), Ledger(database)
    model = Charging(random.Random(3), cap=1_700_000)
    tasks = [await begun(store) for _ in range(200)]
    shared = await firm(database, tasks[0].repository)
    caps = {shared: model.cap, Scope("user", "ada"): 300_000, Scope("user", "bob"): 250_000}
    for scope, most in caps.items():
        await ledger.put(Cap(scope, "day", most))
    looks: dict[Scope, int] = dict.fromkeys(caps, 0)

    async def look() -> None:
        while True:
            for row in await ledger.spending(since="2000-01-01"):
                if row.scope in looks:
                    looks[row.scope] = max(looks[row.scope], row.microusd + row.reserved_microusd)
            await asyncio.sleep(0.1)

    looking = asyncio.create_task(look())
    owners = ["ada", "bob", "eve"] * 67  # of whom only the last has no budget of her own
    purses = [
        Mortal(TaskPurse(ledger, scopes_of(task, owner), repository=task.repository))
        for task, owner in zip(tasks, owners, strict=False)
    ]
    logs = await asyncio.gather(
        *(attempt(store, task, model, purse, tmp_path) for task, purse in zip(tasks, purses, strict=True))
    )
    looking.cancel()
    whole = {row.scope: row for row in await ledger.spending()}
    assert model.over == []
    assert model.bill <= whole[shared].microusd
    for scope, most in caps.items():
        assert max(looks[scope], whole[scope].microusd) <= most, scope
        assert (whole[scope].reserved_microusd, whole[scope].reserved_tokens) == (0, 0)
        assert whole[scope].microusd > most / 2, scope
    # what is left pays for no further call of the usual length; of a user's, the firm's end may have left more
    assert model.cap - whole[shared].microusd < PRICE_OUT * 1024 + PRICE_IN * 10_000
    ended = [log.outcome.kind for log in logs if log.outcome]
    limits = [e.body for log in logs for e in log.events if isinstance(e.body, LimitReached)]
    assert {"limit"} <= set(ended) <= {"done", "limit"}
    assert len(ended) == 200
    assert {limit.limit for limit in limits} == {"budget"}
    assert any("the budget of organisation firm for a day: $1.7" in limit.text for limit in limits)
    assert sum(log.cost_microusd for log in logs) <= whole[shared].microusd
    assert sum(purse.deaths for purse in purses) > 20


async def one(database: Database, folder: Path, model: Charging, cap: int) -> tuple[Log, int]:
    """An attempt on a budget of its own: its log, and what was spent."""
    store, ledger = SqlStore(database), Ledger(database)
    task = await begun(store)
    await ledger.put(Cap(Scope("task", task.id), "whole", cap))
    log = await attempt(store, task, model, TaskPurse(ledger, scopes_of(task)), folder)
    (spent,) = await ledger.spending("task", task.id)
    return log, spent.microusd


async def test_an_attempt_that_is_alone_counts_what_its_log_counts(database: Database, tmp_path: Path) -> None:
    model = Charging(random.Random(5), turns=3, wild=False)
    log, spent = await one(database, tmp_path, model, 10_000_000)
    assert log.outcome is not None
    assert (log.outcome.kind, log.turns) == ("done", 3)
    assert spent == log.cost_microusd == model.bill


async def test_an_answer_that_broke_off_counts_in_full_in_the_log_and_in_the_budget(
    database: Database, tmp_path: Path
) -> None:
    class Once(Charging):
        async def reply(
            self, view: View, tools: Sequence[ToolSpec], *, max_output: int | None = None
        ) -> AsyncGenerator[Delta | Reply]:
            yield Delta("text", "…")
            yield Delta("notice", "the stream broke off; trying again")
            yield Reply(self.name, self.wire, "done", (), (), Usage(10, output_tokens=10), "end")

    log, spent = await one(database, tmp_path, Once(random.Random(1)), 10_000_000)
    assert spent == log.cost_microusd
    assert spent - 10 * (PRICE_IN + PRICE_OUT) > 2000 * PRICE_OUT
    log, spent = await one(database, tmp_path, Once(random.Random(1)), 20_000)
    assert log.outcome is not None
    assert log.outcome.kind == "limit"
    assert "the budget of task" in log.outcome.text
    assert 2000 * PRICE_OUT < spent <= 20_000


async def test_a_price_that_is_not_known_is_said_with_the_setting_that_mends_it(
    database: Database, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="price of charging is not known, so the budget of task") as error:
        await one(database, tmp_path, Charging(random.Random(1), price_known=False), 1_000_000)
    assert "unknown_price" in error.value.mend
