"""What a person settles at a forge while work goes on, and what is settled there when the work is cancelled here."""

from __future__ import annotations

from pathlib import Path

import pytest

from midwatch import wiring
from midwatch.announcing import carrier_of
from midwatch.arriving import taking
from midwatch.domain.observer import Silent
from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.identity import new_id
from midwatch.engine.effects.ledger import Effects, want
from midwatch.engine.turns import Turns
from midwatch.forges.outgoing import Thing, close
from midwatch.webhooks.registered import Webhook, Webhooks
from tests.support.model_server import ModelServer, calls, says
from tests.support.town import Town, town

SCRIPT = (
    calls("shell", command="echo mended >> a.txt"),
    says("Mend it\n\nDone."),
    calls("shell", command="sleep 600"),
    says("Never"),
)


async def at_it(place: Town, task: str) -> None:
    """Until somebody works on its second turn."""

    async def running() -> bool:
        turn = await Turns(place.api.database).newest(task)
        return turn is not None and (turn.number, turn.status) == (2, "running")

    await place.deliver()
    await place.until(running)


async def test_closed_at_the_forge_the_work_is_cancelled_and_cancelled_here_it_is_closed_there(
    tmp_path: Path, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path, model.script(*SCRIPT), monkeypatch) as place:
        forge, hosted, database = place.server.forge, place.hosted, place.api.database
        hook = Webhook(new_id(), "", "http://127.0.0.1:9/", "", "pull_request.closed", 1, "", None, 0.0)
        await Webhooks(database, place.api.home.connected.vault).add(hook, Deed(SERVER, "webhook.create", hook.id))
        await place.user("ada", "ann")
        for title in ("One", "Two"):
            forge.open(hosted, "ann", title, labels=("midwatch",))
        await place.came()
        first, second = await place.tasks()
        for pull in place.pulls:
            forge.say(hosted, pull, "ann", "@midwatch go on")
        await place.deliver()
        await at_it(place, first.id)
        await at_it(place, second.id)
        ours = {}
        for pull in place.pulls:
            request = await place.api.home.forge.get(place.location, pull.number)
            ours[request.proposal.task_id] = pull
        forge.settle(hosted, ours[first.id], "closed", "ann")
        await place.deliver()
        await Turns(database).wish(second.id, "cancel", "ada")

        async def both_closed() -> bool:
            return [ours[task.id].state for task in (first, second)] == ["closed", "closed"]

        await place.until(both_closed)
        await place.came()
        turns = [await Turns(database).newest(task.id) for task in (first, second)]
        assert [(turn.status, turn.wished_by) for turn in turns if turn] == [
            ("cancelled", "@hub/ann"), ("cancelled", "ada"),
        ]  # fmt: skip
        assert any("so this is closed" in one for one in place.said(ours[second.id]))
        assert not any("so this is closed" in one for one in place.said(ours[first.id]))
        told = [one.name for one in await Effects(database).of_subject(hook.id)]
        assert set(told) == {"pull_request.closed"}
        assert not [row for row in await place.arrivals() if row.state == "failed"]


async def test_a_close_that_comes_after_a_retry_closes_nothing_and_what_is_told_of_it_ends_nothing(
    tmp_path: Path, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town(tmp_path, model.script(*SCRIPT[:2]), monkeypatch, at_work=False) as place:
        forge, hosted, home, database = place.server.forge, place.hosted, place.api.home, place.api.database
        turns, carrier = Turns(database), carrier_of(home)
        await place.user("ada", "ann")
        forge.open(hosted, "ann", "One", labels=("midwatch",))
        await place.deliver()
        await taking.gather(home)
        (task,) = await place.tasks()
        await wiring.run(home, task.id, Silent())
        (pull,) = place.pulls
        first = await turns.wish(task.id, "cancel", "ada")
        wanted = close(Thing(task.repository, pull.number), task.id, first.id)
        await database.write(lambda db: want(db, wanted))
        await carrier.begin()
        await carrier.settle()
        assert pull.state == "closed"
        await turns.again(task, "retry")
        await place.deliver()  # of our own close
        await taking.gather(home)
        last, told = await turns.newest(task.id), [(one.event, one.outcome) for one in await place.arrivals()]
        assert last is not None
        assert ("changed", "it is closed") in told
        assert (last.number, last.status) == (2, "queued")
        forge.settle(hosted, pull, "open", "ann")
        (effect,) = [one for one in await Effects(database).of_task(task.id) if one.kind == "close"]
        assert "outdone" in await carrier.doers["close"].do(effect)
        assert {one.state for one in place.pulls} == {"open"}
