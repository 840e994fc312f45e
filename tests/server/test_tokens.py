"""Tokens: made, shown once, used, revoked; what their scopes let them do."""

from __future__ import annotations

import pytest

from midwatch.engine.accounts.identity import digest
from midwatch.engine.database.base import Connection
from tests.support.site import Site, program

TOKENS = "/api/v1/tokens"


async def test_the_secret_is_shown_once_and_only_its_hash_is_kept(site: Site) -> None:
    async with site.signed_in("ada") as ada:
        made = await ada.post(TOKENS, json={"name": "laptop"})
        secret = made.json()["secret"]
        assert secret.startswith("mw_")
        assert made.headers["cache-control"] == "no-store"
        shown = await ada.get(f"{TOKENS}/{made.json()['id']}")
        assert secret not in shown.text + (await ada.get(TOKENS)).text + (await ada.get("/api/v1/audit")).text

        def everything(db: Connection) -> str:
            names = ["api_token", "audit", "repeatable", "web_session", "account"]
            return str([db.execute(f"SELECT * FROM {name}").fetchall() for name in names])

        kept = await site.desk.database.read(everything)
        assert secret not in kept
        assert digest(secret) in kept
        assert ada.cookies["midwatch_session"] not in kept


async def test_a_token_opens_until_it_is_revoked_or_ends(site: Site) -> None:
    async with site.signed_in("ada") as ada, program(ada, site, days=2) as client, program(ada, site) as other:
        me = (await client.get("/api/v1/me")).json()
        assert me["by"] == f"token {(await ada.get(TOKENS)).json()['tokens'][0]['id']}"
        assert (await ada.get(TOKENS)).json()["tokens"][0]["used"] is not None
        assert (await ada.get(TOKENS)).json()["tokens"][1]["used"] is None

        def age(db: Connection) -> None:
            db.execute("UPDATE api_token SET expires = expires - 2 * 86400 - 1")

        await site.desk.database.write(age)
        assert (await client.get("/api/v1/me")).status_code == 401
        assert (await other.get("/api/v1/me")).status_code == 200
        name = (await other.get("/api/v1/me")).json()["by"].removeprefix("token ")
        assert (await ada.delete(f"{TOKENS}/{name}")).status_code == 204
        assert (await ada.delete(f"{TOKENS}/{name}")).status_code == 404
        assert (await other.get("/api/v1/me")).status_code == 401


async def test_a_token_that_may_only_read_changes_nothing(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root, program(root, site, scope="read") as client:
        assert (await client.get("/api/v1/repositories")).status_code == 200
        for method, path in (("DELETE", "/api/v1/session"), ("POST", TOKENS), ("PATCH", "/api/v1/users/root")):
            assert (await client.request(method, path, json={})).status_code == 403


async def test_an_administrators_token_administers_only_with_the_scope_admin(site: Site) -> None:
    new = {"name": "eve", "admin": True}
    async with site.signed_in("root", admin=True) as root:
        async with program(root, site, scope="write") as client:
            assert (await client.post("/api/v1/users", json=new)).status_code == 403
            assert (await client.get("/api/v1/users/root")).status_code == 200
            assert [user["name"] for user in (await client.get("/api/v1/users")).json()["users"]] == ["root"]
        async with program(root, site, scope="admin") as client:
            assert (await client.post("/api/v1/users", json=new)).status_code == 201


async def test_a_token_makes_no_further_tokens(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root, program(root, site, scope="admin") as client:
        assert (await client.post(TOKENS, json={"name": "another"})).status_code == 403


async def test_an_administrator_makes_and_revokes_tokens_of_others(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root, site.signed_in("eve") as eve:
        robot = (await root.post("/api/v1/users", json={"name": "robot"})).json()["id"]
        async with program(root, site, user=robot) as client:
            assert (await client.get("/api/v1/me")).json()["name"] == "robot"
            listed = (await root.get(TOKENS, params={"user": robot})).json()["tokens"]
            assert [token["user"] for token in listed] == [robot]
            assert (await eve.get(TOKENS, params={"user": robot})).status_code == 404
            assert (await eve.get(TOKENS, params={"user": "*"})).status_code == 404
            assert (await eve.post(TOKENS, json={"name": "x", "user": robot})).status_code == 404
            assert (await eve.delete(f"{TOKENS}/{listed[0]['id']}")).status_code == 404
            assert (await root.delete(f"{TOKENS}/{listed[0]['id']}")).status_code == 204
            assert (await client.get("/api/v1/me")).status_code == 401


async def test_the_tokens_of_a_disabled_user_open_nothing(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root, site.signed_in("ada") as ada, program(ada, site) as client:
        await root.patch("/api/v1/users/ada", json={"disabled": True})
        assert (await client.get("/api/v1/me")).status_code == 401
        await root.patch("/api/v1/users/ada", json={"disabled": False})
        assert (await client.get("/api/v1/me")).status_code == 200


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"name": ""},
        {"name": "a\0b"},
        {"name": "\ud800"},
        {"name": "x", "days": 0},
        {"name": "x", "scope": "all"},
        {"name": "x", "more": 1},
        {"name": "x", "user": "../x"},
    ],
)
async def test_a_token_that_cannot_be_made_as_asked_is_refused(site: Site, asked: dict[str, object]) -> None:
    import json

    async with site.signed_in("ada") as ada:
        answer = await ada.post(TOKENS, content=json.dumps(asked), headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
        assert (await ada.get(TOKENS)).json()["tokens"] == []
