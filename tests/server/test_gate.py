"""Nothing but what is meant to be open answers those who are not known; nobody calls too often."""

from __future__ import annotations

import re
from pathlib import Path

from midwatch.engine.config import ServingSettings
from midwatch.engine.database.base import Connection
from midwatch.engine.database.sqlite import SqliteDatabase
from midwatch.server.accounts.gate import OPEN, SIGN_IN
from midwatch.server.problems import MEDIA_TYPE
from tests.support.api import Api
from tests.support.routes import routes
from tests.support.site import Site, program, site_of


async def test_no_route_but_the_open_ones_answers_without_a_session_or_a_token(api: Api) -> None:
    site = Site(api.app, api.desk)
    wrong: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer mw_nobody"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
        {"Cookie": "midwatch_session=nothing"},
    ]
    walked = 0
    async with site.client() as client:
        for method, path in routes(site.app):
            concrete = re.sub(r"\{[^}]*\}", "0" * 20, path)
            if path in OPEN or (method, path) in SIGN_IN:
                continue
            for headers in wrong:
                answer = await client.request(method, concrete, headers=headers, json={})
                assert answer.status_code == 401, (method, path, headers)
                assert answer.headers["content-type"] == MEDIA_TYPE
                assert answer.headers["www-authenticate"].startswith("Bearer")
                site.desk.requests.give_back("address 203.0.113.7")
            walked += 1
        for path in (
            "/api/v1/openapi.json",
            "/openapi.json",
            "/docs",
            "/nothing",
            "/api/v1/session/oidc/",
            "/healthz/x",
        ):
            assert (await client.get(path)).status_code == 401, path
        assert (await client.get("/healthz")).status_code == 200
    assert walked > 40


async def test_a_caller_has_a_number_of_requests_and_others_have_their_own(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "state.db")
    site = site_of(database, ServingSettings(requests_per_second=0.001, requests_at_once=5))
    async with site.signed_in("ada") as ada, site.signed_in("bob") as bob, site.client() as nobody:
        seen = [(await ada.get("/api/v1/me")).status_code for _ in range(6)]
        assert seen == [200] * 5 + [429]
        limited = await ada.get("/api/v1/me")
        assert limited.headers["content-type"] == MEDIA_TYPE
        assert int(limited.headers["retry-after"]) > 100
        assert (await bob.get("/api/v1/me")).status_code == 200
        seen = [(await nobody.get("/api/v1/me")).status_code for _ in range(4)]
        assert seen == [401, 401, 401, 429]  # two were spent on signing in from the same address
        assert (await bob.get("/api/v1/me")).status_code == 200  # who is known is not counted with the address
    await database.close()


async def test_tokens_of_one_user_share_their_requests(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "state.db")
    site = site_of(database, ServingSettings(requests_per_second=0.001, requests_at_once=5))
    async with site.signed_in("ada") as ada, program(ada, site) as one, program(ada, site) as other:
        seen = [(await client.get("/api/v1/me")).status_code for client in (one, other, one, other)]
    assert seen == [200, 200, 200, 429]
    await database.close()


async def test_a_database_that_cannot_be_used_is_503_and_lets_nobody_in(site: Site, tmp_path: Path) -> None:
    async with site.signed_in("ada") as ada:

        def spoil(db: Connection) -> None:
            db.execute("ALTER TABLE web_session RENAME TO elsewhere")

        await site.desk.database.write(spoil)
        answer = await ada.get("/api/v1/me")
        assert answer.status_code == 503
        assert str(tmp_path) not in answer.text  # whoever is not known is not told where it lies
        assert answer.headers["content-type"] == MEDIA_TYPE
