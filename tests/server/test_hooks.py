"""Deliveries of forges over HTTP: what is signed is kept once, and nothing else does anything."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import httpx2
import pytest

from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.identity import new_id
from midwatch.engine.forges.arrivals import Arrival, Arrivals
from midwatch.engine.forges.connections import Connection, Secrets
from tests.forges.test_arrived import bytes_of, payloads
from tests.support.api import Api

SECRET = "mwf_tiger"


async def connected(api: Api, name: str = "hub", kind: Any = "github", secret: str = SECRET) -> str:
    wanted = Connection(new_id(), name, kind, f"https://{name}.example", f"https://{name}.example/api", "token")
    kept = api.home.connected.kept
    made = await kept.add(wanted, Secrets("token", secret), Deed(SERVER, "forge.create", wanted.id))
    return made.id


def signed(body: bytes, event: str, delivery: str, secret: str = SECRET) -> dict[str, str]:
    mac = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={mac}", "X-GitHub-Event": event, "X-GitHub-Delivery": delivery}


async def kept(api: Api, connection: str) -> list[Arrival]:
    return list(await Arrivals(api.database).of(connection))


@pytest.fixture
def remark() -> bytes:
    return bytes_of(next(one for one in payloads("github_issue_comment") if one["action"] == "created"))


async def test_a_delivery_is_kept_once_however_often_and_under_whatever_id_it_comes(api: Api, remark: bytes) -> None:
    hub = await connected(api)
    async with httpx2.AsyncClient(base_url=api.url, timeout=60) as forge:
        first = await forge.post("/hooks/hub", content=remark, headers=signed(remark, "issue_comment", "d-1"))
        assert (first.status_code, first.json()) == (202, {"kept": 1})
        again = await forge.post("/hooks/hub", content=remark, headers=signed(remark, "issue_comment", "d-1"))
        replayed = await forge.post(f"/hooks/{hub}", content=remark, headers=signed(remark, "issue_comment", "d-2"))
        assert [one.status_code for one in (again, replayed)] == [202, 202]
        assert [one.json()["kept"] for one in (again, replayed)] == [0, 0]
        other = await connected(api, "lab")
        body = await forge.post("/hooks/lab", content=remark, headers=signed(remark, "issue_comment", "d-1"))
        assert body.json() == {"kept": 1}  # another forge counts its own deliveries
        for event, payload in (("ping", payloads("github_ping")[0]), ("star", {"action": "created"})):
            text = bytes_of(payload)
            nothing = await forge.post("/hooks/hub", content=text, headers=signed(text, event, event))
            assert (nothing.status_code, nothing.json()["kept"]) == (202, 0)
    (row,) = await kept(api, hub)
    assert (row.delivery, row.event, row.state, row.slug) == ("d-1", "remark", "waiting", "Codertocat/Hello-World")
    assert len(await kept(api, other)) == 1


async def test_what_is_not_signed_does_nothing_and_is_answered_alike_whether_there_is_such_a_connection_or_not(
    api: Api, remark: bytes
) -> None:
    hub = await connected(api)
    await connected(api, "quiet", secret="")
    good = signed(remark, "issue_comment", "d-1")
    forged = {**good, "X-Hub-Signature-256": signed(remark, "", "", "guess")["X-Hub-Signature-256"]}
    async with httpx2.AsyncClient(base_url=api.url, timeout=60) as forge:
        refused = [
            await forge.post("/hooks/hub", content=remark, headers=forged),
            await forge.post("/hooks/hub", content=remark + b" ", headers=good),
            await forge.post("/hooks/hub", content=remark),
            await forge.post("/hooks/hub", content=b"not json", headers={"X-Gitlab-Token": SECRET}),
            await forge.post("/hooks/nobody", content=remark, headers=good),
            await forge.post("/hooks/quiet", content=remark, headers=signed(remark, "issue_comment", "d", "")),
        ]
        assert {(one.status_code, one.text) for one in refused} == {(401, refused[0].text)}
        assert refused[0].headers["content-type"] == "application/problem+json"
        bad = b'{"action": "created"}'
        unreadable = await forge.post("/hooks/hub", content=bad, headers=signed(bad, "issue_comment", "d-9"))
        assert (unreadable.status_code, unreadable.headers["content-type"]) == (400, "application/problem+json")
        assert (await forge.get("/hooks/hub")).status_code == 401
    assert await kept(api, hub) == []


async def test_text_that_no_index_or_database_takes_is_kept_all_the_same(api: Api) -> None:
    hub = await connected(api)
    payload = next(one for one in payloads("github_issues") if one["action"] == "labeled")
    payload["label"]["name"] = "\0\ud83d" + "long " * 5000
    body = json.dumps(payload).encode()
    async with httpx2.AsyncClient(base_url=api.url, timeout=60) as forge:
        answer = await forge.post("/hooks/hub", content=body, headers=signed(body, "issues", "d-1"))
        assert answer.status_code == 400  # half a character
        body = json.dumps({**payload, "label": {"name": "\0" + "long " * 5000}}).encode()
        answer = await forge.post("/hooks/hub", content=body, headers=signed(body, "issues", "d-2"))
        assert (answer.status_code, answer.json()["kept"]) == (202, 1)
    assert [len(one.key) < 400 for one in await kept(api, hub)] == [True]


async def test_an_administrator_says_who_is_who_at_a_forge_and_sees_what_has_come_in(api: Api, remark: bytes) -> None:
    hub = await connected(api)
    async with (
        api.as_user("root", admin=True) as root,
        api.as_user("ada") as ada,
        api.as_user("bob") as bob,
        httpx2.AsyncClient(base_url=api.url, timeout=60) as forge,
    ):
        hers = {"logins": [{"forge": "hub", "login": "Ada-L"}, {"forge": hub, "login": "ada-l"}]}
        told = await root.put("/users/ada/logins", json=hers)
        assert (told.status_code, told.json()) == (200, {"logins": [{"forge": hub, "login": "ada-l"}]})
        assert (await root.put("/users/bob/logins", json=hers)).status_code == 409
        assert (
            await root.put("/users/bob/logins", json={"logins": [{"forge": "no", "login": "x"}]})
        ).status_code == 422
        assert (await ada.get("/users/ada/logins")).json() == told.json()
        assert (await bob.get("/users/ada/logins")).status_code == 404
        assert (await ada.put("/users/ada/logins", json={"logins": []})).status_code == 404
        assert "user.logins" in (await root.get("/audit")).text
        assert (await root.put("/users/ada/logins", json={"logins": []})).json() == {"logins": []}
        assert (await root.put("/users/bob/logins", json=hers)).status_code == 200
        await forge.post("/hooks/hub", content=remark, headers=signed(remark, "issue_comment", "d-1"))
        page = (await root.get("/forges/hub/arrivals", params={"limit": 1})).json()
        assert [(one["event"], one["state"], one["looked"]) for one in page["arrivals"]] == [
            ("remark", "waiting", False)
        ]
        rest = (await root.get("/forges/hub/arrivals", params={"before": page["next"]})).json()
        assert rest == {"arrivals": [], "next": None}
        assert (await ada.get("/forges/hub/arrivals")).status_code == 404
