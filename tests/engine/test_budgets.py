"""Budgets over both databases: never overshot, counted once, whatever dies."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from midwatch.domain.errors import InputError, StaleEpoch
from midwatch.domain.purse import Granted, Refused, Wish
from midwatch.domain.task import Task
from midwatch.engine import lease
from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.identity import new_id
from midwatch.engine.accounts.organisations import Organisation, Organisations
from midwatch.engine.accounts.repositories import Registered, Repositories
from midwatch.engine.budgets import ledger as book
from midwatch.engine.budgets.abandoned import forfeit_abandoned
from midwatch.engine.budgets.ledger import Ask, Ledger
from midwatch.engine.budgets.purse import TaskPurse
from midwatch.engine.budgets.scopes import Cap, Scope, scopes_of
from midwatch.engine.database.base import Database
from midwatch.engine.database.postgresql import PostgresqlDatabase
from midwatch.engine.database.sqlite import SqliteDatabase
from midwatch.engine.shift import MOST_LOSSES, Shift, reclaim
from midwatch.engine.store.sql import SqlStore
from midwatch.engine.turns import Turn, Turns
from tests.support import samples

ADA, SHOP, FIRM = Scope("user", "ada"), Scope("repository", "/shop"), Scope("organisation", "firm")


@dataclass
class Desk:
    """A database, and what a test does with it."""

    opened: Callable[[], Database]
    database: Database

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.database)

    async def wish(self, task: Task | None = None, output: int = 100, full: int | None = 1000) -> Wish:
        """Of a new task, with prices of 0 for no output and `full` for all of it."""
        task = task or samples.task()
        store = SqlStore(self.database)
        await store.create(task)
        attempt = f"{task.id}.1"
        return Wish(attempt, await store.take(attempt), 50, output, 10, None if full is None else 0, full)

    async def reserve(self, wish: Wish, *scopes: Scope, name: str = "") -> Granted | Refused:
        """Under an id of its own, or under that one."""
        return await self.ledger.reserve(Ask(name or random.randbytes(8).hex(), wish, tuple(sorted(scopes))))

    async def granted(self, *scopes: Scope, full: int = 1000) -> Granted:
        found = await self.reserve(await self.wish(full=full), *scopes)
        assert isinstance(found, Granted)
        return found

    async def counted(self, scope: Scope, since: str = "") -> tuple[int, int, int, int]:
        """Money and tokens spent, money and tokens reserved."""
        rows = await self.ledger.spending(scope.kind, scope.name, since)
        assert len(rows) < 2
        row = rows[0] if rows else None
        return (row.microusd, row.tokens, row.reserved_microusd, row.reserved_tokens) if row else (0, 0, 0, 0)


@pytest.fixture(params=["sqlite", "postgresql"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    url = request.getfixturevalue("postgresql_server").database() if request.param == "postgresql" else ""
    made: list[Database] = []

    def opened() -> Database:
        made.append(PostgresqlDatabase(url) if url else SqliteDatabase(tmp_path / "state.db"))
        return made[-1]

    found = Desk(opened, opened())
    await found.database.migrate()
    yield found
    for one in made:
        await one.close()


async def test_a_call_is_counted_in_all_scopes_whole_and_for_the_day(desk: Desk) -> None:
    await desk.ledger.put(Cap(ADA, "day", 5000))
    granted = await desk.granted(ADA, SHOP)
    assert (granted.output, granted.microusd, granted.tokens) == (100, 1000, 150)
    for scope in (ADA, SHOP):
        for since in ("", "2000-01-01"):
            assert await desk.counted(scope, since) == (0, 0, 1000, 150)
    await desk.ledger.settle(granted.id, 300, 70)
    await desk.ledger.settle(granted.id, 999, 999)
    for scope in (ADA, SHOP):
        for since in ("", "2000-01-01"):
            assert await desk.counted(scope, since) == (300, 70, 0, 0)


async def test_a_refusal_names_the_budget_and_reserves_nothing_anywhere(desk: Desk) -> None:
    await desk.ledger.put(Cap(ADA, "whole", 500_000))
    await desk.ledger.put(Cap(SHOP, "day", 1050))
    await desk.ledger.settle((await desk.granted(SHOP)).id, 1000, 10)
    refused = await desk.reserve(await desk.wish(), FIRM, ADA, SHOP)
    assert refused == Refused("repository", "/shop", "day", "usd", 1050, 1000, 0, passing=False)
    assert refused.text == (
        "the next call could exceed the budget of repository /shop for a day: $0.00105, of which $0.001 spent and $0 "
        "reserved"
    )
    assert await desk.counted(ADA) == await desk.counted(FIRM) == (0, 0, 0, 0)


async def test_what_others_have_reserved_is_waited_for_and_not_taken_for_spent(desk: Desk) -> None:
    await desk.ledger.put(Cap(FIRM, "whole", 1500))
    first = await desk.granted(FIRM)
    refused = await desk.reserve(await desk.wish(), FIRM)
    assert refused == Refused("organisation", "firm", "whole", "usd", 1500, 0, 1000, passing=True)
    await desk.ledger.settle(first.id, 200, 10)
    assert (await desk.granted(FIRM)).output == 100


async def test_near_a_cap_the_reply_is_made_as_short_as_the_rest_pays_for(desk: Desk) -> None:
    await desk.ledger.put(Cap(ADA, "whole", 255))
    assert await desk.granted(ADA) == Granted((await _only(desk)), 25, 250, 75)
    await desk.ledger.put(Cap(SHOP, "whole", None, 90))
    found = await desk.reserve(await desk.wish(), SHOP)
    assert isinstance(found, Granted)
    assert (found.output, found.tokens, found.microusd) == (40, 90, 400)


async def _only(desk: Desk) -> str:
    rows = await desk.database.read(lambda db: db.execute("SELECT id FROM reservation").fetchall())
    assert len(rows) == 1
    return str(rows[0][0])


def test_what_is_reserved_for_a_shortened_reply_fits_and_pays_for_it() -> None:
    # prices that are no whole millionths: the request costs 33.4, each token of the reply 2.7
    wish = Wish("a.1", 1, 50, 300, 10, 34, 844)
    for left in range(1000):
        fits = book._output(wish, "usd", left)
        if left < 34:
            assert fits == -1
        else:
            assert 33.4 + 2.7 * fits <= book._price(wish, fits) <= left


async def test_an_unknown_price_is_refused_only_where_money_is_counted(desk: Desk) -> None:
    wish = await desk.wish(full=None)
    await desk.ledger.put(Cap(ADA, "day", None, 10_000))
    assert isinstance(await desk.reserve(wish, ADA), Granted)
    await desk.ledger.put(Cap(ADA, "day", 10_000))
    refused = await desk.reserve(wish, ADA)
    assert isinstance(refused, Refused)
    assert (refused.unpriced, refused.passing, refused.unit) == (True, False, "usd")
    purse = TaskPurse(desk.ledger, (ADA,), unknown_price=3.0)
    granted = await purse.reserve(wish)
    assert isinstance(granted, Granted)
    assert granted.microusd == 3 * 150
    await purse.settle(granted, samples.reply().usage, None)
    assert (await desk.counted(ADA))[0] == 3 * 110


async def test_a_dead_workers_reservation_counts_in_full_and_is_spent_once_its_attempt_goes_on(desk: Desk) -> None:
    wish = await desk.wish()
    before = await desk.reserve(wish, ADA, FIRM)  # and then it dies
    assert isinstance(before, Granted)
    await desk.ledger.put(Cap(ADA, "whole", 1500))
    assert isinstance(await desk.reserve(await desk.wish(), ADA), Refused)
    taken = replace(wish, epoch=await SqlStore(desk.database).take(wish.attempt))
    after = await desk.reserve(taken, ADA, SHOP)
    assert isinstance(after, Granted)
    assert (after.output, after.microusd) == (50, 500)
    assert await desk.counted(ADA) == (1000, 150, 500, 100)
    assert await desk.counted(FIRM) == (1000, 150, 0, 0)
    # a worker that was only stopped wakes up: it changes nothing, and may begin nothing
    await desk.ledger.settle(before.id, 1, 1)
    with pytest.raises(StaleEpoch):
        await desk.reserve(wish, ADA)
    assert await desk.counted(ADA) == (1000, 150, 500, 100)


async def test_a_cut_off_call_stays_counted_also_when_the_next_one_is_refused(desk: Desk) -> None:
    wish = await desk.wish()
    assert isinstance(await desk.reserve(wish, ADA), Granted)
    await desk.ledger.put(Cap(ADA, "whole", 1000))
    refused = await desk.reserve(wish, ADA)
    assert isinstance(refused, Refused)
    assert (refused.spent, refused.reserved, refused.passing) == (1000, 0, False)
    assert await desk.counted(ADA) == (1000, 150, 0, 0)


async def test_a_transaction_whose_answer_was_lost_counts_once(desk: Desk) -> None:
    wish = await desk.wish()
    ask = Ask("r1", wish, (ADA,))
    real = desk.database.write

    async def twice(work: Any) -> Any:
        await real(work)
        return await real(work)

    desk.database.write = twice  # type: ignore[method-assign]
    granted = await desk.ledger.reserve(ask)
    assert granted == Granted("r1", 100, 1000, 150)
    assert await desk.counted(ADA) == (0, 0, 1000, 150)
    await desk.ledger.settle("r1", 400, 60)
    assert await desk.counted(ADA) == (400, 60, 0, 0)


async def test_a_reservation_that_was_given_up_while_it_was_made_holds_nothing(desk: Desk) -> None:
    purse = TaskPurse(desk.ledger, (ADA,))
    wish = await desk.wish()
    real = desk.database.write

    async def slow(work: Any) -> Any:
        done = await real(work)
        await asyncio.sleep(0.05)
        return done

    desk.database.write = slow  # type: ignore[method-assign]
    asking = asyncio.ensure_future(purse.reserve(wish))
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await desk.counted(ADA) == (0, 0, 0, 0)


async def test_a_new_day_has_its_own_budget_and_a_call_counts_on_the_day_it_began(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = "2026-11-29"
    monkeypatch.setattr(book, "_day", lambda seconds: day)
    await desk.ledger.put(Cap(ADA, "day", 1000))
    late = await desk.granted(ADA)
    assert isinstance(await desk.reserve(await desk.wish(), ADA), Refused)
    day = "2026-11-30"
    await desk.granted(ADA)
    await desk.ledger.settle(late.id, 700, 5)
    days = await desk.ledger.spending("user", "ada", "2026-11-29")
    assert [(s.day, s.microusd, s.reserved_microusd) for s in days] == [("2026-11-30", 0, 1000), ("2026-11-29", 700, 0)]
    assert await desk.counted(ADA) == (700, 5, 1000, 150)


async def test_caps_are_set_changed_listed_and_taken_away(desk: Desk) -> None:
    ledger = desk.ledger
    for cap in (Cap(ADA, "whole", 5), Cap(ADA, "day", 3, 9), Cap(FIRM, "day", 1), Cap(ADA, "whole", 7)):
        await ledger.put(cap)
    assert await ledger.caps() == [Cap(FIRM, "day", 1), Cap(ADA, "day", 3, 9), Cap(ADA, "whole", 7)]
    assert await ledger.caps([FIRM, SHOP]) == [Cap(FIRM, "day", 1)]
    assert [await ledger.remove(ADA, "day"), await ledger.remove(ADA, "day")] == [True, False]
    assert await ledger.caps([ADA]) == [Cap(ADA, "whole", 7)]
    with pytest.raises(InputError, match="no day"):
        await ledger.spending(since="yesterday")
    for wrong in (lambda: Cap(ADA, "week", 1), lambda: Cap(ADA, "day", -1), lambda: Scope("team", "x")):
        with pytest.raises(InputError):
            wrong()


def test_a_part_of_another_attempts_work_counts_for_its_task() -> None:
    task = samples.task()
    part = replace(samples.task(), id="part", parent=f"{task.id}.2", kind="subtask")
    assert scopes_of(part, "ada", "firm") == scopes_of(task, "ada", "firm")
    assert [(s.kind, s.name) for s in scopes_of(task, "ada", "firm")] == [
        ("organisation", "firm"), ("repository", "/nowhere/repo"), ("task", task.id), ("user", "ada"),
    ]  # fmt: skip
    assert [s.kind for s in scopes_of(task)] == ["repository", "task"]
    remote = scopes_of(replace(task, repository="https://ada:secret@example.org/shop.git"))
    assert remote[0].name == "https://example.org/shop.git"


async def test_an_organisation_counts_what_its_repositories_spend_from_when_they_belong_to_it(desk: Desk) -> None:
    task = samples.task()
    one = Registered(new_id(), "shop", task.repository, 0.0)
    firms, note = Organisations(desk.database), Deed(SERVER, "test", "")
    await Repositories(desk.database).register(one, note)
    firm = await firms.create(Organisation(new_id(), "firm", 0.0), note)
    purse = TaskPurse(desk.ledger, scopes_of(task, "ada"), repository=task.repository)  # of a task that is running
    wish = await desk.wish(task)
    scope = Scope("organisation", firm.id)
    await desk.ledger.put(Cap(scope, "day", 1500))
    first = await purse.reserve(wish)
    assert isinstance(first, Granted)
    assert await desk.counted(scope) == (0, 0, 0, 0)
    await purse.settle(first, samples.reply().usage, 1000)
    assert await firms.put(one.id, firm.id, replace(note, id="2"))
    second = await purse.reserve(wish)
    assert isinstance(second, Granted)
    assert await desk.counted(scope) == (0, 0, 1000, 150)
    await firms.rename(firm.id, "works", replace(note, id="3"))
    await firms.put(one.id, "", replace(note, id="4"))
    await purse.settle(second, samples.reply().usage, 900)  # counts where it was reserved
    assert (await desk.counted(scope))[0] == 900
    await firms.put(one.id, firm.id, replace(note, id="5"))
    await desk.ledger.put(Cap(scope, "day", 905))
    refused = await purse.reserve(wish)
    assert isinstance(refused, Refused)
    assert (refused.scope, refused.name, refused.spent) == ("organisation", "works", 900)


async def test_many_processes_that_share_scopes_lose_no_change_and_never_pass_a_cap(desk: Desk) -> None:
    ledgers = [Ledger(desk.opened()) for _ in range(4)]
    users, places = [Scope("user", name) for name in "abc"], [Scope("repository", name) for name in "xy"]
    await desk.ledger.put(Cap(FIRM, "whole", 30_000))
    await desk.ledger.put(Cap(users[0], "day", 4_000))
    chance, kept = random.Random(7), [0]
    wishes = [await desk.wish() for _ in range(12)]

    async def work(number: int) -> None:
        for _ in range(6):
            scopes = tuple(sorted({FIRM, chance.choice(users), chance.choice(places)}))
            ledger = chance.choice(ledgers)
            found = await ledger.reserve(Ask(chance.randbytes(8).hex(), wishes[number], scopes))
            if isinstance(found, Granted):
                actual = chance.randrange(found.microusd + 1)
                await chance.choice(ledgers).settle(found.id, actual, 1)
                kept[0] += actual

    await asyncio.gather(*(work(number) for number in range(12)))
    whole = {s.scope: s for s in await desk.ledger.spending()}
    assert whole[FIRM].microusd == kept[0] <= 30_000
    assert whole[users[0]].microusd <= 4_000
    for group in (users, places):
        assert sum(whole[scope].microusd for scope in group) == kept[0]
    assert {s.reserved_microusd for s in whole.values()} == {0}


@pytest.mark.parametrize("end", ["cancelled", "failed", "done", "wish", "let go", "losses"])
async def test_what_a_killed_attempt_had_reserved_is_spent_when_nobody_goes_on_with_it(desk: Desk, end: str) -> None:
    task, part = samples.task(), samples.task()
    turns = Turns(desk.database)
    turn = await turns.submit(task)
    scopes = (Scope("task", task.id), ADA)
    for one in (task, part):  # and both calls are cut off
        assert isinstance(await desk.reserve(await desk.wish(one), *scopes), Granted)
    other = await desk.granted(ADA)
    columns = "id, host, process, capacity, version, started, beat"
    query = f"INSERT INTO worker ({columns}) VALUES ('w', 'h', '1-1', 1, '', 0, 0)"
    await desk.database.write(lambda db: db.execute(query).rowcount)
    shift = Shift(desk.database, "w")
    mine = None if end == "wish" else await shift.begin(turn.run)
    if end in ("wish", "let go"):
        await turns.wish(task.id, "cancel", "ada")
    if end == "let go":
        assert await shift.let_go() == 1
    if end == "losses":
        await desk.database.write(lambda db: db.execute("UPDATE turn SET losses = ?", (MOST_LOSSES,)).rowcount)
        await desk.database.write(lambda db: db.execute("DELETE FROM worker").rowcount)
        await desk.database.write(reclaim)
    if mine is not None and end not in ("let go", "losses"):
        assert await shift.end(mine, end)
    assert await desk.counted(ADA) == (2000, 300, 1000, 150)
    await desk.ledger.settle(other.id, 10, 1)
    assert await desk.counted(ADA) == (2010, 301, 0, 0)


async def test_what_a_killed_process_had_reserved_is_spent_unless_somebody_works_on_its_task(
    desk: Desk, tmp_path: Path
) -> None:
    store, turns = SqlStore(desk.database), Turns(desk.database)
    gone, lives, queued, paused = (samples.task() for _ in range(4))
    for task in (queued, paused):
        await turns.submit(task)
    await turns.wish(paused.id, "pause", "ada")
    for task in (gone, lives, queued, paused):
        assert isinstance(await desk.reserve(await desk.wish(task), Scope("task", task.id)), Granted)
    with lease.hold(tmp_path / "locks", f"{lives.id}.1"):
        found = await forfeit_abandoned(tmp_path, store)
    local = [] if desk.database.place.startswith("postgres") else [gone.id]
    assert sorted(found) == sorted([*local, paused.id])
    assert await desk.ledger.holders() == sorted({gone.id, lives.id, queued.id} - set(local))


async def test_what_is_resumed_while_the_abandoned_are_looked_for_keeps_its_reservations(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, turns, task = SqlStore(desk.database), Turns(desk.database), samples.task()
    await turns.submit(task)
    await turns.wish(task.id, "pause", "ada")
    assert isinstance(await desk.reserve(await desk.wish(task), Scope("task", task.id)), Granted)
    look = Turns.of_tasks

    async def of_tasks(self: Turns, tasks: Sequence[str]) -> dict[str, Turn]:
        found = await look(self, tasks)
        await turns.again(task, "resume")
        return found

    monkeypatch.setattr(Turns, "of_tasks", of_tasks)
    assert await forfeit_abandoned(tmp_path, store) == []
    assert await desk.ledger.holders() == [task.id]
