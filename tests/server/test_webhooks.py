"""Webhooks over HTTP: who may have one, what is shown of it, and trying one again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import httpx2
import pytest

from midwatch import announcing
from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.effects.base import Wanted
from midwatch.engine.effects.ledger import Effects, want
from midwatch.engine.effects.occasions import note
from tests.server.test_tasks import FILES, submitted
from tests.support.api import Api, serving
from tests.support.place import make_repository
from tests.support.receiver import Receiver, receiving

WANTED = {"url": "https://hooks.example/x?token=tiger", "repository": "calc"}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    config = tmp_path / "config/midwatch"
    config.mkdir(parents=True)
    text = '[server]\nwebhook_networks = ["127.0.0.0/8"]\npublic_url = "http://midwatch.example"\n'
    (config / "config.toml").write_text(text)
    environ = {
        "PATH": "/usr/bin:/bin",
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }
    async with serving(tmp_path, environ) as found:
        yield found


@pytest.fixture
async def calc(api: Api, tmp_path: Path) -> str:
    return await api.registered("calc", make_repository(tmp_path / "calc", FILES))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


async def tell(api: Api) -> None:
    """What a worker does."""
    await announcing.gather(api.home)
    carrier = announcing.carrier_of(api.home)
    while await carrier.begin():
        await carrier.settle()


async def hook(client: httpx2.AsyncClient, **more: object) -> str:
    made = await client.post("/webhooks", json={**WANTED, **more})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def test_a_maintainer_has_one_for_the_repository_and_only_administrators_one_for_all(api: Api, calc: str) -> None:
    async with (
        api.as_user("root", admin=True) as root,
        api.as_user("ada", {calc: "maintainer"}) as ada,
        api.as_user("mem", {calc: "member"}) as mem,
    ):
        assert (await mem.post("/webhooks", json=WANTED)).status_code == 403
        assert (await ada.post("/webhooks", json={"url": WANTED["url"]})).status_code == 404
        made = await ada.post("/webhooks", json={**WANTED, "events": ["task.failed", "task.finished", "task.failed"]})
        assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
        assert made.json()["events"] == ["task.finished", "task.failed"]
        secret, name = made.json()["secret"], made.json()["id"]
        everything = await root.post("/webhooks", json={"url": WANTED["url"]})
        assert everything.status_code == 201
        for path in (f"/webhooks/{name}", f"/webhooks/{name}/deliveries"):
            assert (await mem.get(path)).status_code == 404
            assert (await ada.get(path)).status_code == 200
            assert secret not in (await ada.get(path)).text
        assert [one["id"] for one in (await mem.get("/webhooks")).json()["webhooks"]] == []
        assert [one["id"] for one in (await ada.get("/webhooks")).json()["webhooks"]] == [name]
        assert len((await root.get("/webhooks")).json()["webhooks"]) == 2
        assert (await ada.get(f"/webhooks/{everything.json()['id']}")).status_code == 404
        audit = (await root.get("/audit")).text
        assert "webhook.create" in audit
        assert "tiger" not in audit
        off = await ada.patch(f"/webhooks/{name}", json={"active": False, "events": ["task.failed"]})
        assert (off.json()["active"], off.json()["events"], off.json()["url"]) == (
            False,
            ["task.failed"],
            WANTED["url"],
        )
        assert (await ada.post(f"/webhooks/{name}/ping")).status_code == 409
        assert (await ada.delete(f"/webhooks/{name}")).status_code == 204
        assert (await ada.delete(f"/webhooks/{name}")).status_code == 404


async def test_whoever_maintains_the_repository_no_more_is_not_told_again_what_was_sent(api: Api, calc: str) -> None:
    async with api.as_user("ada", {calc: "maintainer"}) as ada:
        ping = f"/webhooks/{await hook(ada)}/ping"
        headers = {"Idempotency-Key": "k"}
        asked = [await ada.post(ping, headers=headers) for _ in range(2)]
        assert [one.status_code for one in asked] == [202, 202]
        account = await api.desk.people.named("ada")
        assert account is not None
        await api.desk.repositories.give(account.id, calc, "viewer", Deed(SERVER, "role.give", account.id))
        assert (await ada.post(ping, headers=headers)).status_code == 403


async def test_a_private_address_is_refused_where_it_was_not_allowed(api: Api, calc: str) -> None:
    async with api.as_user("ada", {calc: "maintainer"}) as ada:
        for url in ("http://10.0.0.1/", "http://[::1]/", "ftp://a.example/", "https://u:p@a.example/"):
            refused = await ada.post("/webhooks", json={**WANTED, "url": url})
            assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json"), url
        name = await hook(ada)
        moved = await ada.patch(f"/webhooks/{name}", json={"url": "http://169.254.169.254/latest"})
        assert moved.status_code == 422
        assert (await ada.post("/webhooks", json={**WANTED, "events": ["task.exploded"]})).status_code == 422


async def test_a_ping_and_the_end_of_a_task_come_through_and_are_sent_again_when_wanted(
    api: Api, calc: str, receiver: Receiver
) -> None:
    async with api.as_user("ada", {calc: "maintainer"}) as ada, api.as_user("mem", {calc: "member"}) as mem:
        name = await hook(ada, url=receiver.url)
        ping = await ada.post(f"/webhooks/{name}/ping")
        assert (ping.status_code, ping.json()["state"]) == (202, "waiting")
        again = f"/webhooks/{name}/deliveries/{ping.json()['id']}/redeliver"
        assert (await ada.post(again)).status_code == 409  # it waits
        await tell(api)
        assert (await ada.post(again)).json()["state"] == "waiting"
        await tell(api)
        assert [one.body for one in receiver.told] == [receiver.told[0].body] * 2
        task = await submitted(ada)
        await api.work(task)
        await api.database.write(lambda db: note(db, f"{task}:1", "done"))
        await tell(api)
        told = {one.body["event"]: one.body for one in receiver.told[2:]}
        assert sorted(told) == ["pull_request.opened", "task.needs_attention"]
        ended = told["task.needs_attention"]
        assert ended["pull_request"]["draft"]  # what was found by search waits for a person
        assert (ended["task"]["status"], ended["task"]["verdict"], ended["task"]["by"]) == ("done", "passed", "ada")
        assert ended["task"]["url"] == f"http://midwatch.example/api/v1/tasks/{task}"
        assert (ended["pull_request"]["number"], ended["repository"]["name"]) == (1, "calc")
        page = (await ada.get(f"/webhooks/{name}/deliveries", params={"limit": 2})).json()
        rest = (await ada.get(f"/webhooks/{name}/deliveries", params={"before": page["next"]})).json()
        listed = [one["name"] for one in (*page["deliveries"], *rest["deliveries"])]
        assert sorted(listed) == ["ping", "pull_request.opened", "task.needs_attention"]
        shown = (await mem.get(f"/tasks/{task}/effects")).json()["effects"]
        assert sorted((one["name"], one["state"]) for one in shown) == [
            ("pull_request.opened", "done"), ("task.needs_attention", "done"),
        ]  # fmt: skip
        assert receiver.url not in str(shown)


async def test_an_effect_of_a_task_that_has_failed_is_tried_again_by_a_maintainer(api: Api, calc: str) -> None:
    async with api.as_user("ada", {calc: "maintainer"}) as ada, api.as_user("mem", {calc: "member"}) as mem:
        task, other = await submitted(ada), await submitted(ada)
        wanted = Wanted("comment 1", "comment", "summary", "{}", task=task)
        await api.database.write(lambda db: want(db, wanted))
        path = f"/tasks/{task}/effects/{wanted.id}/retry"
        assert (await ada.post(path)).status_code == 409
        (taken,) = await Effects(api.database).take(["comment"], 1)
        await Effects(api.database).fail(taken, "no such pull request", "open it", unsure=True)
        (shown,) = (await mem.get(f"/tasks/{task}/effects")).json()["effects"]
        assert (shown["state"], shown["error"]) == ("failed", "")
        (shown,) = (await ada.get(f"/tasks/{task}/effects")).json()["effects"]
        assert (shown["state"], shown["error"], shown["mend"]) == ("failed", "no such pull request", "open it")
        assert (await mem.post(path)).status_code == 403
        assert (await ada.post(path.replace(task, other))).status_code == 404
        again = await ada.post(path)
        assert (again.status_code, again.json()["state"]) == (202, "waiting")
        (taken,) = await Effects(api.database).take(["comment"], 1)
        assert (taken.unsure, taken.tries) == (1, 1)


async def test_why_an_administrators_webhook_came_to_nothing_is_not_a_maintainers_to_know(api: Api, calc: str) -> None:
    async with api.as_user("root", admin=True) as root, api.as_user("ada", {calc: "maintainer"}) as ada:
        task, hooks = await submitted(ada), []
        for client, more in ((root, {"repository": None}), (ada, {})):
            hooks.append(await hook(client, **more))
            wanted = Wanted(hooks[-1], "webhook", "task.failed", "{}", task=task, subject=hooks[-1])
            await api.database.write(partial(want, effect=wanted))
            (taken,) = await Effects(api.database).take(["webhook"], 1)
            await Effects(api.database).fail(taken, "siem.corp leads to 10.0.0.9", "ask for it", unsure=False)

        async def told(client: httpx2.AsyncClient) -> list[str]:
            return [one["error"] for one in (await client.get(f"/tasks/{task}/effects")).json()["effects"]]

        assert sorted(await told(root)) == ["siem.corp leads to 10.0.0.9"] * 2
        assert sorted(await told(ada)) == ["", "siem.corp leads to 10.0.0.9"]
        path = f"/tasks/{task}/effects/{(await Effects(api.database).of_subject(hooks[0]))[0].id}/retry"
        assert "siem" not in (await ada.post(path)).text
