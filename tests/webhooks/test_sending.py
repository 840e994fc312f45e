"""What becomes of tasks is told over real HTTP: signed, to whom it may be told, each thing in one row."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from midwatch import announcing, wiring
from midwatch.domain.errors import InputError, OperationError
from midwatch.domain.events import Proposed, Stopped
from midwatch.domain.task import Task
from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.identity import new_id
from midwatch.engine.accounts.repositories import Registered, Repositories
from midwatch.engine.database.address import VARIABLE
from midwatch.engine.effects.base import Effect, Wanted
from midwatch.engine.effects.ledger import Effects, want
from midwatch.engine.effects.occasions import note
from midwatch.engine.turns import Turns
from midwatch.sandbox.egress.addresses import SystemResolve
from midwatch.webhooks.addresses import Allowed, require_address, require_allowed
from midwatch.webhooks.registered import EVENTS, KIND, Webhook, Webhooks
from tests.support import samples
from tests.support.receiver import Receiver, receiving

SECRET = "mwh_secret"
DEED = Deed(SERVER, "webhook.create", "")
LOOPBACK = ("127.0.0.0/8",)


@dataclass
class Desk:
    home: wiring.Home

    @property
    def effects(self) -> Effects:
        return Effects(self.home.store.database)

    @property
    def webhooks(self) -> Webhooks:
        return Webhooks(self.home.store.database, self.home.connected.vault)

    async def hook(self, url: str, repository: str = "", events: str = " ".join(EVENTS)) -> Webhook:
        hook = Webhook(new_id(), repository, url, SECRET, events, 1, "", None, 0.0)
        return await self.webhooks.add(hook, replace(DEED, id=new_id()))

    async def ended(self, what: str = "done", task: Task | None = None) -> Task:
        """A task whose turn has just ended so."""
        task = task or samples.task("Mend \u00fc")
        events = [samples.started(task), Stopped("answered", "it is well")]
        turn = await Turns(self.home.store.database).submit(task, events)
        await self.home.store.database.write(lambda db: note(db, turn.id, what))
        return task

    async def deliveries(self, hook: Webhook) -> list[Effect]:
        return list(reversed(await self.effects.of_subject(hook.id)))

    async def tell(self) -> None:
        """All that is to be told by now."""
        await announcing.gather(self.home)
        carrier = announcing.carrier_of(self.home)
        while await carrier.begin():
            await carrier.settle()

    async def time_passes(self) -> None:
        await self.home.store.database.write(lambda db: db.execute("UPDATE effect SET due = 0, held = 0").rowcount)


@pytest.fixture(params=["sqlite", "postgresql"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    config = tmp_path / "config/midwatch"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(f"[server]\nwebhook_networks = {json.dumps(LOOPBACK)}\n")
    environ = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    if request.param == "postgresql":
        environ[VARIABLE] = request.getfixturevalue("postgresql_server").database()
    async with wiring.home(environ) as home:
        await home.store.database.migrate()
        yield Desk(home)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


async def test_the_end_of_a_turn_is_told_once_signed_and_to_those_who_want_to_hear_of_it(
    desk: Desk, receiver: Receiver
) -> None:
    here = Registered(new_id(), "repo", "/nowhere/repo", 0.0)
    await Repositories(desk.home.store.database).register(here, DEED)
    every = await desk.hook(receiver.url + "/every")
    await desk.hook(receiver.url + "/other", repository="0" * 20)
    await desk.hook(receiver.url + "/failures", repository=here.id, events="task.failed")
    task = await desk.ended()
    await desk.tell()
    await desk.ended(task=task)  # the same turn, as a worker would that did not hear that it was kept
    await desk.tell()
    (told,) = receiver.told
    assert (told.path, told.headers["x-midwatch-event"]) == ("/every", "task.finished")
    assert told.headers["content-type"] == "application/json"
    signed = hmac.new(SECRET.encode(), told.raw, hashlib.sha256).hexdigest()
    assert told.headers["x-midwatch-signature-256"] == f"sha256={signed}"
    assert told.body["delivery"] == told.headers["x-midwatch-delivery"]
    assert told.body["task"]["id"] == task.id
    assert told.body["task"]["prompt"] == "Mend \u00fc"
    assert told.body["repository"] == {"id": here.id, "name": "repo"}
    (row,) = await desk.deliveries(every)
    assert (row.id, row.state, row.tries, row.request.encode()) == (told.body["delivery"], "done", 1, told.raw)
    assert json.loads(row.result)["answer"] == "thanks"
    await desk.ended("failed")
    await desk.tell()
    assert sorted((one.path, one.headers["x-midwatch-event"]) for one in receiver.told[1:]) == [
        ("/every", "task.failed"), ("/failures", "task.failed"),
    ]  # fmt: skip


async def test_a_pull_request_is_told_of_when_it_is_opened_and_each_time_it_is_brought_up_to_date(
    desk: Desk, receiver: Receiver
) -> None:
    hook = await desk.hook(receiver.url, events="pull_request.opened pull_request.updated")
    task = await desk.ended()
    epoch = await desk.home.store.take(f"{task.id}.1")
    for commit in ("a" * 40, "b" * 40):
        offered = Proposed("local", 1, "local:1", task.branch, commit, draft=False)
        await desk.home.store.append(f"{task.id}.1", epoch, [offered])
        await desk.home.store.database.write(lambda db: note(db, f"{task.id}:1", "done"))
        await desk.tell()
    assert [one.name for one in await desk.deliveries(hook)] == ["pull_request.opened", "pull_request.updated"]
    later = await desk.hook(receiver.url, events="pull_request.opened")
    await desk.home.store.database.write(
        lambda db: db.execute("UPDATE webhook SET created = created + 999 WHERE id = ?", (later.id,)).rowcount
    )
    await desk.ended("cancelled", task)
    await desk.tell()
    assert await desk.deliveries(later) == []  # what was before it is not told


async def test_what_a_worker_died_over_is_sent_again_with_the_same_id_and_body(desk: Desk, receiver: Receiver) -> None:
    hook = await desk.hook(receiver.url, events="task.finished")
    await desk.ended()
    receiver.silent.set()
    await announcing.gather(desk.home)
    carrier = announcing.carrier_of(desk.home)
    await carrier.begin()
    assert await _came(receiver)
    await carrier.stop()  # after it was sent, before anything was written down
    receiver.silent.clear()
    await desk.tell()
    assert len(receiver.told) == 1  # it may be being sent still
    await desk.time_passes()
    await desk.tell()
    first, second = receiver.told
    assert (first.raw, first.headers["x-midwatch-delivery"]) == (second.raw, second.headers["x-midwatch-delivery"])
    (row,) = await desk.deliveries(hook)
    assert (row.state, row.tries) == ("done", 2)


async def test_what_is_not_taken_is_tried_again_and_a_webhook_that_fails_for_days_is_switched_off(
    desk: Desk, receiver: Receiver
) -> None:
    hook = await desk.hook(receiver.url, events="task.finished")
    await desk.ended()
    receiver.status, receiver.headers = 302, {"Location": f"{receiver.url}/elsewhere"}
    await desk.tell()
    (row,) = await desk.deliveries(hook)
    assert (row.state, row.error) == ("waiting", "it answered 302; redirects are not followed: thanks")
    assert [one.path for one in receiver.told] == ["/"]
    failing = await desk.webhooks.find(hook.id)
    assert failing is not None
    assert (failing.active, failing.failing is None) == (1, False)
    query = "UPDATE webhook SET failing = failing - 500000"
    await desk.home.store.database.write(lambda db: db.execute(query).rowcount)
    await desk.time_passes()
    await desk.tell()
    off = await desk.webhooks.find(hook.id)
    assert off is not None
    assert (off.active, off.why) == (0, "nothing came through for 5 days")
    await desk.time_passes()
    await desk.tell()
    (row,) = await desk.deliveries(hook)
    assert (row.state, row.error) == ("failed", "the webhook is switched off")
    on = await desk.webhooks.change(replace(off, active=1), DEED)
    assert on is not None
    assert (on.failing, on.why) == (None, "")


async def test_an_address_that_is_gone_is_not_tried_again_and_what_it_answers_is_kept_up_to_a_length(
    desk: Desk, receiver: Receiver
) -> None:
    gone = await desk.hook(receiver.url, events="task.finished")
    await desk.ended()
    receiver.status = 410
    await desk.tell()
    assert [one.state for one in await desk.deliveries(gone)] == ["failed"]
    found = await desk.webhooks.find(gone.id)
    assert found is not None
    assert not found.active
    receiver.status, receiver.words = 200, b"x" * 100_000
    long = await desk.hook(receiver.url, events="task.finished")
    await desk.ended()
    await desk.tell()
    (row,) = await desk.deliveries(long)
    assert json.loads(row.result)["answer"] == "x" * 2048
    receiver.words = b"\xff" * 100_000  # each takes six characters as JSON
    await desk.ended()
    await desk.tell()
    assert json.loads((await desk.deliveries(long))[-1].result)["answer"] == "\ufffd" * 2048


async def test_nobody_listens_and_a_private_network_that_was_not_allowed(desk: Desk, receiver: Receiver) -> None:
    nobody = await desk.hook("http://127.0.0.1:1/", events="task.finished")
    private = await desk.hook("http://10.0.0.1/", events="task.finished")
    await desk.ended()
    await desk.tell()
    (row,), (refused,) = await desk.deliveries(nobody), await desk.deliveries(private)
    assert (row.state, row.unsure) == ("waiting", 0)
    assert row.error.startswith("it cannot be reached")
    assert (refused.state, refused.error) == ("failed", "10.0.0.1 leads to 10.0.0.1, and webhooks may not")


class Names:
    """A resolver whose answer changes between two looks."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def __call__(self, host: str) -> list[str]:
        if not self.answers:
            raise OSError
        return self.answers.pop(0)

    def close(self) -> None:
        """Nothing."""


async def test_a_name_leads_nowhere_when_any_of_its_addresses_is_not_allowed() -> None:
    assert await Allowed((), Names(["93.184.216.34"])).address_of("a.example") == "93.184.216.34"
    assert await Allowed(LOOPBACK, Names(["127.0.0.9"])).address_of("a.example") == "127.0.0.9"
    for address in ("127.0.0.1", "169.254.169.254", "10.1.2.3", "::1", "fe80::1", "::ffff:127.0.0.1", "fd00::1"):
        with pytest.raises(InputError, match="and webhooks may not"):
            await Allowed((), Names(["93.184.216.34", address])).address_of("a.example")
    with pytest.raises(OperationError, match="there is no host"):
        await Allowed((), Names()).address_of("a.example")
    for none in ("a" * 64 + ".example", "a..example"):
        with pytest.raises(OperationError, match="there is no host"):
            await Allowed((), SystemResolve()).address_of(none)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/", "https:///x", "https://u:p@a.example/", "https://a.example/#f", "https://a.example/\n",
        "https://a example/", "http://a.example:0/", "http://a.example:99999/", "nothing", "http://[::1",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        require_address(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "x.localhost.", "[::1]", "10.0.0.1", "169.254.169.254"])
def test_this_machine_is_refused_when_it_is_registered_already(host: str) -> None:
    with pytest.raises(InputError, match="no address of the public internet"):
        require_allowed(f"https://{host}/x", ())
    assert require_allowed("https://a.example/x", ())
    assert require_allowed("https://127.0.0.1/x", LOOPBACK)


async def test_a_webhook_that_is_deleted_takes_what_waits_with_it(desk: Desk, receiver: Receiver) -> None:
    hook = await desk.hook(receiver.url)
    wanted = Wanted("k", KIND, "ping", "{}", subject=hook.id)
    await desk.home.store.database.write(lambda db: want(db, wanted))
    assert await desk.webhooks.remove(hook.id, DEED)
    await desk.ended()
    await desk.tell()
    assert receiver.told == []
    assert not await desk.webhooks.remove(hook.id, DEED)


async def _came(receiver: Receiver) -> bool:
    return await asyncio.to_thread(receiver.came.acquire, timeout=60)
