"""Webhooks, told by workers as processes: one that is killed in the middle of it leaves it to the next."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.identity import new_id
from midwatch.engine.effects.ledger import Effects
from midwatch.webhooks.registered import EVENTS, Webhook, Webhooks
from tests.support.model_server import ModelServer, serving
from tests.support.office import Office, ended, serving_counts
from tests.support.receiver import Receiver, receiving


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with serving() as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


async def test_a_worker_that_is_killed_while_it_tells_leaves_one_row_and_one_id_for_each_thing_that_happened(
    tmp_path: Path, server: ModelServer, receiver: Receiver
) -> None:
    office = Office(tmp_path, f"sqlite:///{tmp_path / 'state/midwatch/state.db'}", serving_counts(server, 2))
    await office.make()
    config = tmp_path / "config/midwatch/config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('[server]\nwebhook_networks = ["127.0.0.0/8"]\n')
    hook = Webhook(new_id(), "", receiver.url, "mwh_secret", " ".join(EVENTS), 1, "", None, 0.0)
    try:
        async with office.home() as home:
            database = home.store.database
            await Webhooks(database, home.connected.vault).add(hook, Deed(SERVER, "webhook.create", hook.id))
            await office.submit()
            receiver.silent.set()
            killed = office.worker()
            for _ in range(2):
                assert await asyncio.to_thread(receiver.came.acquire, timeout=120), office.words
            killed.kill()
            killed.wait()
            begun = await Effects(database).of_subject(hook.id)
            assert [one.state for one in begun] == ["begun", "begun"]
            receiver.silent.clear()
            await database.write(lambda db: db.execute("UPDATE effect SET held = 0").rowcount)
            office.worker()

            async def done() -> int:
                return sum(one.state == "done" for one in await Effects(database).of_subject(hook.id))

            await office.happens(done, 2)
            assert ended(await office.turns())
            kept = {one.id: one for one in await Effects(database).of_subject(hook.id)}
    finally:
        office.close()
    assert sorted(one.name for one in kept.values()) == ["pull_request.opened", "task.finished"]
    assert [one.tries for one in kept.values()] == [2, 2]
    assert len(receiver.told) == 4
    assert {told.headers["x-midwatch-delivery"]: told.raw for told in receiver.told} == {
        name: one.request.encode() for name, one in kept.items()
    }
