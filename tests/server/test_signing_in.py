"""Sessions: signing in and out, what a browser's request must show, wrong passwords."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from midwatch.engine.config import ServingSettings
from midwatch.engine.database.base import Connection
from midwatch.engine.database.sqlite import SqliteDatabase
from midwatch.server.accounts import codes
from midwatch.server.accounts.first import first_admin
from tests.support.site import PASSWORD, URL, Site, site_of

SESSION = "/api/v1/session"


async def test_the_first_administrator_is_made_once_and_their_password_signs_them_in(site: Site) -> None:
    first, *others = sorted(
        await asyncio.gather(*(first_admin(site.desk.database) for _ in range(3))), key=lambda made: made is None
    )
    assert first is not None
    assert others == [None, None]
    assert await first_admin(site.desk.database) is None
    assert first.password in first.words()
    async with site.client() as client:
        answer = await client.post(SESSION, json={"name": "Admin", "password": first.password})
        assert answer.json()["admin"] is True
        assert (await client.get("/api/v1/me")).json()["scopes"] == ["admin", "read", "write"]


async def test_the_link_of_the_first_start_signs_in_once_from_the_servers_own_machine(site: Site) -> None:
    first = await first_admin(site.desk.database)
    assert first is not None
    code = site.desk.codes.give(first.account)
    assert f"#code={code}" in first.words(f"http://127.0.0.1:8765/#code={code}")
    async with site.client(address="203.0.113.7") as away, site.client(address="127.0.0.1") as here:
        assert (await away.post(f"{SESSION}/code", json={"code": code})).status_code == 401
        assert (await here.post(f"{SESSION}/code", json={"code": code[:-1]})).status_code == 401
        strange = {"Origin": "https://elsewhere.example"}
        assert (await here.post(f"{SESSION}/code", json={"code": code}, headers=strange)).status_code == 403
        assert (await here.post(f"{SESSION}/code", json={"code": code})).json()["name"] == "admin"
        assert (await here.get("/api/v1/me")).json()["by"] == "session"
        assert (await here.post(f"{SESSION}/code", json={"code": code})).status_code == 401


async def test_a_code_that_is_too_old_signs_nobody_in(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "SECONDS", 0.0)
    assert site.desk.codes.take(site.desk.codes.give("somebody")) == ""


async def test_a_session_ends_with_signing_out(site: Site) -> None:
    async with site.signed_in("ada") as client:
        kept = client.cookies["midwatch_session"]
        assert (await client.get("/api/v1/me")).json()["name"] == "ada"
        assert (await client.delete(SESSION)).status_code == 204
        assert not client.cookies
        again = await client.get("/api/v1/me", headers={"Cookie": f"midwatch_session={kept}"})
        assert again.status_code == 401


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_plain_connections(site: Site) -> None:
    await site.user("ada")
    asked = {"name": "ada", "password": PASSWORD}
    async with site.client() as client:
        plain = (await client.post(SESSION, json=asked)).headers["set-cookie"].lower()
    async with site.client(url="https://midwatch.test") as client:
        answer = await client.post(SESSION, json=asked)
        tls = answer.headers["set-cookie"]
        assert (await client.get("/api/v1/me")).status_code == 200
    assert "httponly" in plain
    assert "samesite=lax" in plain
    assert "secure" not in plain
    assert tls.startswith("__Host-midwatch_session=")
    assert "; secure" in tls.lower()


async def test_a_session_ends_with_its_time_and_when_the_user_is_disabled(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root, site.signed_in("ada") as ada:
        disabled = await root.patch("/api/v1/users/ada", json={"disabled": True})
        assert disabled.json()["disabled"] is True
        assert (await ada.get("/api/v1/me")).status_code == 401
        refused = await ada.post(SESSION, json={"name": "ada", "password": PASSWORD})
        assert refused.status_code == 401

        def age(db: Connection) -> None:
            db.execute("UPDATE web_session SET expires = expires - 168 * 3600 - 1")

        await site.desk.database.write(age)
        assert (await root.get("/api/v1/me")).json()["detail"] == "this session has ended: sign in again"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"X-Midwatch": "1"}, 204),
        ({"Origin": URL}, 204),
        ({"Origin": "https://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.test", "X-Midwatch": "1"}, 403),
    ],
)
async def test_a_change_with_a_cookie_must_come_from_the_servers_own_pages(
    site: Site, headers: dict[str, str], status: int
) -> None:
    async with site.signed_in("ada") as client:
        del client.headers["X-Midwatch"]
        assert (await client.get("/api/v1/me", headers={"Origin": "https://evil.test"})).status_code == 200
        assert (await client.delete(SESSION, headers=headers)).status_code == status


async def test_another_site_cannot_sign_a_browser_in(site: Site) -> None:
    await site.user("ada")
    async with site.client({"Origin": "https://evil.test"}) as client:
        answer = await client.post(SESSION, json={"name": "ada", "password": PASSWORD})
        assert answer.status_code == 403
        assert not client.cookies


async def test_wrong_passwords_are_limited_by_name_and_by_address_and_right_ones_are_not(site: Site) -> None:
    await site.user("ada")
    await site.user("bob")
    right, wrong = {"name": "ada", "password": PASSWORD}, {"name": "ada", "password": "wrong"}
    async with site.client() as here, site.client(address="198.51.100.9") as there:
        for _ in range(12):
            assert (await here.post(SESSION, json=right)).status_code == 200
        tried = [(await here.post(SESSION, json=wrong)).status_code for _ in range(11)]
        assert tried == [401] * 10 + [429]
        assert (await here.post(SESSION, json={**right, "name": "bob"})).status_code == 429  # whatever the name
        assert (await there.post(SESSION, json=right)).status_code == 200  # nobody alone keeps another one out


async def test_wrong_passwords_for_one_name_are_limited_from_many_addresses_together(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.desk.names, "_clock", lambda: 0.0)  # however long it takes
    await site.user("ada")
    await site.user("bob")
    tried = []
    for number in range(11):
        async with site.client(address=f"198.51.100.{number}") as client:
            wrong = {"name": "ada", "password": "wrong"}
            tried += [(await client.post(SESSION, json=wrong)).status_code for _ in range(10)]
    assert tried[:100] == [401] * 100
    assert tried[100:] == [429] * 10
    async with site.client() as here:
        for name, password, status in (("bob", PASSWORD, 200), ("ada", "wrong", 429)):
            answer = await here.post(SESSION, json={"name": name, "password": password})
            assert answer.status_code == status
    assert int(answer.headers["retry-after"]) > 0


async def test_a_name_that_there_is_not_is_refused_in_the_same_words(site: Site) -> None:
    await site.user("ada")
    async with site.client() as client:
        known = await client.post(SESSION, json={"name": "ada", "password": "wrong"})
        unknown = [await client.post(SESSION, json={"name": n, "password": "wrong"}) for n in ("eve", "", "\0", "a b")]
    assert known.status_code == 401
    assert {(answer.status_code, answer.text) for answer in unknown} == {(401, known.text)}


async def test_a_changed_password_ends_the_other_sessions(site: Site) -> None:
    new = "another horse battery"
    async with site.signed_in("ada") as here, site.client() as there:
        await there.post(SESSION, json={"name": "ada", "password": PASSWORD})
        wrong = await here.put("/api/v1/me/password", json={"current": "wrong", "new": new})
        assert wrong.status_code == 403
        short = await here.put("/api/v1/me/password", json={"current": PASSWORD, "new": "short"})
        assert short.status_code == 422
        assert (await here.put("/api/v1/me/password", json={"current": PASSWORD, "new": new})).status_code == 204
        assert (await here.get("/api/v1/me")).status_code == 200
        assert (await there.get("/api/v1/me")).status_code == 401
        assert (await there.post(SESSION, json={"name": "ada", "password": PASSWORD})).status_code == 401
        assert (await there.post(SESSION, json={"name": "ada", "password": new})).status_code == 200


async def test_behind_a_proxy_the_public_address_is_the_servers_own(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "state.db")
    site = site_of(database, ServingSettings(public_url="https://midwatch.example"))
    await site.user("ada")
    async with site.client({"Origin": "https://midwatch.example"}) as client:
        answer = await client.post(SESSION, json={"name": "ada", "password": PASSWORD})
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-midwatch_session=")
        assert "; secure" in cookie.lower()
        sent = {"Cookie": cookie.partition(";")[0]}
        assert (await client.delete(SESSION, headers={**sent, "Origin": URL})).status_code == 403
        assert (await client.delete(SESSION, headers=sent)).status_code == 204
    await database.close()
