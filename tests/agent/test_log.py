"""The log as the loop sees it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from midwatch.agent.log import History, Log
from midwatch.domain.conversation import Answered, Replied, Said, Usage
from midwatch.domain.errors import StaleEpoch
from midwatch.domain.events import LimitReached
from midwatch.domain.observer import Silent
from tests.support import samples
from tests.support.logs import log_of


async def test_calls_are_answered_in_order_and_only_once() -> None:
    one, two = samples.call("c1"), samples.call("c2")
    log, _ = await log_of([samples.person("go"), samples.reply("", one, two)])
    assert log.next_unanswered() == one
    assert not log.is_started(one)
    await log.append(samples.tool_started(one))
    assert log.is_started(one)
    await log.append(samples.tool_finished(one))
    assert log.next_unanswered() == two
    await log.append(samples.tool_finished(two, tree="b" * 40))
    assert log.next_unanswered() is None
    assert log.checkpoint is not None
    assert log.checkpoint.tree == "b" * 40


async def test_the_view_grows_at_its_end_only() -> None:
    call = samples.call()
    log, _ = await log_of([samples.person("go")])
    views = [tuple(log.items)]
    for body in (samples.reply("", call), samples.tool_finished(call), samples.reply("done")):
        await log.append(body)
        views.append(tuple(log.items))
    assert all(later[: len(earlier)] == earlier for earlier, later in pairwise(views))
    assert [type(item) for item in log.items] == [Said, Replied, Answered, Replied]


async def test_a_reply_that_asks_for_nothing_is_the_end_until_a_person_speaks() -> None:
    log, _ = await log_of([samples.person("go"), samples.reply("done")])
    assert log.outcome is not None
    assert (log.outcome.kind, log.outcome.text, log.outcome.draft) == ("done", "done", False)
    await log.append(samples.person("one more thing"))
    assert log.outcome is None


async def test_an_answer_cut_by_length_is_no_end() -> None:
    log, _ = await log_of([samples.person("go"), samples.reply("half of it", stop="length")])
    assert log.outcome is None


async def test_a_limit_is_an_end_and_makes_a_draft() -> None:
    log, _ = await log_of([samples.person("go"), LimitReached("turns", "enough")])
    assert log.outcome is not None
    assert (log.outcome.kind, log.outcome.draft) == ("limit", True)


async def test_use_and_cost_add_up_and_an_unknown_price_stays_unknown() -> None:
    use = Usage(100, 40, 0, 10, 5)
    log, _ = await log_of(
        [samples.reply("", samples.call(), usage=use, cost=300), samples.reply("x", usage=use, cost=20)]
    )
    assert (log.turns, log.usage, log.cost_microusd, log.cost_known) == (2, Usage(200, 80, 0, 20, 10), 320, True)
    await log.append(samples.reply("y", usage=use, cost=None))
    assert (log.cost_microusd, log.cost_known) == (320, False)


async def test_a_log_opened_again_is_the_same_and_its_old_owner_is_refused() -> None:
    call = samples.call()
    old, store = await log_of([samples.person("go"), samples.reply("", call)])
    new = await Log.open(store, old.attempt, Silent())
    assert new.items == old.items
    assert new.next_unanswered() == call
    with pytest.raises(StaleEpoch):
        await old.append(samples.tool_finished(call))
    await new.append(samples.tool_finished(call))
    assert await store.verify(new.attempt) == []


async def test_time_between_a_crash_and_its_resume_does_not_count() -> None:
    log, _ = await log_of([samples.person("go")])
    events = list(log.events)
    moved = [
        (1, "2026-01-01T00:00:00.000Z"),
        (1, "2026-01-01T00:00:10.000Z"),
        (2, "2026-01-02T00:00:00.000Z"),
        (2, "2026-01-02T00:00:05.500Z"),
    ]
    shaped = [
        type(events[0])(e.attempt, n, time, epoch, e.body, e.prev, e.hash)
        for n, (e, (epoch, time)) in enumerate(zip(events * 2, moved, strict=True), 1)
    ]
    assert History(shaped).spent_seconds == 15.5
