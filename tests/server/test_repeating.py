"""`Idempotency-Key`: a POST that is sent again is done once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, Response

from midwatch.domain.ids import new_task_id
from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.organisations import Organisation
from midwatch.engine.accounts.people import Change
from midwatch.engine.accounts.repositories import Registered
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.database.postgresql import PostgresqlDatabase
from midwatch.engine.database.sqlite import SqliteDatabase
from midwatch.server.accounts.caller import require, require_server, require_within
from midwatch.server.accounts.desk import Who
from midwatch.server.accounts.repeating import Operation, operation
from tests.support.site import Site, program, site_of


class Shop:
    """A site with a route that counts what it has done."""

    def __init__(self, database: Database) -> None:
        self.site = site_of(database)
        self.done: list[str] = []
        self.going, self.go = asyncio.Event(), asyncio.Event()
        self.go.set()
        self.status = 201
        self.broken = False

        @self.site.app.post("/api/v1/orders/{number}", status_code=201)
        async def order(
            number: str, asked: dict[str, Any], response: Response, of: Annotated[Operation, Depends(operation)]
        ) -> dict[str, Any]:
            self.going.set()
            await self.go.wait()
            if self.broken:
                raise RuntimeError("broken")
            self.done.append(of.task_id())
            response.status_code = self.status
            response.headers["Location"] = f"/api/v1/orders/{number}/{len(self.done)}"
            return {"number": len(self.done), **asked}


@pytest.fixture(params=["sqlite", "postgresql"])
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    """Over each database."""
    database: Database
    if request.param == "sqlite":
        database = SqliteDatabase(tmp_path / "state.db")
    else:
        database = PostgresqlDatabase(request.getfixturevalue("postgresql_server").database())
        await database.migrate()
    yield Shop(database)
    await database.close()


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


async def test_a_request_that_is_sent_again_is_done_once_and_answered_the_same(shop: Shop) -> None:
    async with shop.site.signed_in("ada") as ada, shop.site.signed_in("bob") as bob:
        first = await ada.post("/api/v1/orders/1", json={"a": 1}, headers=keyed("k"))
        again = await ada.post("/api/v1/orders/1", json={"a": 1}, headers=keyed("k"))
        assert (first.status_code, first.json()) == (201, {"number": 1, "a": 1})
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["location"] == first.headers["location"]
        assert again.headers["content-type"] == first.headers["content-type"]
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"
        other_body = await ada.post("/api/v1/orders/1", json={"a": 2}, headers=keyed("k"))
        assert other_body.status_code == 422
        other_query = await ada.post("/api/v1/orders/1?x=1", json={"a": 1}, headers=keyed("k"))
        assert other_query.status_code == 422
        assert len(shop.done) == 1
        for client, path, headers in (
            (ada, "/api/v1/orders/2", keyed("k")),
            (bob, "/api/v1/orders/1", keyed("k")),
            (ada, "/api/v1/orders/1", keyed("another")),
            (ada, "/api/v1/orders/1", {}),
            (ada, "/api/v1/orders/1", {}),
        ):
            assert (await client.post(path, json={"a": 1}, headers=headers)).json()["number"] == len(shop.done)
        assert len(shop.done) == 6
        assert len(set(shop.done)) == 6


async def test_of_two_at_once_one_is_done_and_the_other_is_told_to_wait(shop: Shop) -> None:
    async with shop.site.signed_in("ada") as ada:
        shop.go.clear()
        first = asyncio.create_task(ada.post("/api/v1/orders/1", json={}, headers=keyed("k")))
        await shop.going.wait()
        second = await ada.post("/api/v1/orders/1", json={}, headers=keyed("k"))
        assert (second.status_code, second.headers["retry-after"]) == (409, "1")
        shop.go.set()
        assert (await first).status_code == 201
        assert (await ada.post("/api/v1/orders/1", json={}, headers=keyed("k"))).status_code == 201
        assert len(shop.done) == 1


async def test_what_was_refused_or_broke_may_be_tried_again_with_the_same_key(shop: Shop) -> None:
    async with shop.site.signed_in("ada") as ada:
        shop.broken = True
        with pytest.raises(RuntimeError):
            await ada.post("/api/v1/orders/1", json={}, headers=keyed("k"))
        assert (await ada.post("/api/v1/orders/1", content=b"{", headers=keyed("k"))).status_code == 422
        shop.broken, shop.status = False, 409
        assert (await ada.post("/api/v1/orders/1", json={}, headers=keyed("k"))).status_code == 409
        shop.status = 201
        assert (await ada.post("/api/v1/orders/1", json={}, headers=keyed("k"))).json() == {"number": 2}


async def test_what_a_process_died_over_is_taken_up_as_the_same_operation(shop: Shop) -> None:
    async with shop.site.signed_in("ada") as ada:
        shop.go.clear()
        dying = asyncio.create_task(ada.post("/api/v1/orders/1", json={}, headers=keyed("k")))
        await shop.going.wait()
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        shop.go.set()
        assert (await ada.post("/api/v1/orders/1", json={}, headers=keyed("k"))).status_code == 409

        def age(db: Connection) -> None:
            db.execute("UPDATE repeatable SET held = held - 61, created = created - 61")

        await shop.site.desk.database.write(age)
        assert (await ada.post("/api/v1/orders/1", json={}, headers=keyed("k"))).status_code == 201
        await ada.post("/api/v1/orders/1", json={}, headers=keyed("fresh"))
        assert shop.done[0] < shop.done[1] < new_task_id()[:7] + "z" * 5  # its id is of the time of the first try


async def test_answers_are_forgotten_after_a_day(shop: Shop) -> None:
    async with shop.site.signed_in("ada") as ada:
        await ada.post("/api/v1/orders/1", json={}, headers=keyed("k"))

        def age(db: Connection) -> None:
            db.execute("UPDATE repeatable SET created = created - 86401")

        await shop.site.desk.database.write(age)
        assert (await ada.post("/api/v1/orders/1", json={"new": 1}, headers=keyed("k"))).status_code == 201
        assert len(shop.done) == 2


async def test_an_answer_with_a_secret_is_not_kept(site: Site) -> None:
    async with site.signed_in("ada") as ada:
        first = await ada.post("/api/v1/tokens", json={"name": "x"}, headers=keyed("k"))
        again = await ada.post("/api/v1/tokens", json={"name": "x"}, headers=keyed("k"))
        assert (first.status_code, again.status_code) == (201, 409)
        assert "revoke" in again.json()["mend"]
        assert len((await ada.get("/api/v1/tokens")).json()["tokens"]) == 1

        def kept(db: Connection) -> str:
            return str(db.execute("SELECT * FROM repeatable").fetchall())

        assert first.json()["secret"] not in await site.desk.database.read(kept)


async def test_a_request_that_is_too_large_is_not_read_to_its_end(site: Site) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * (1 << 20)

    async with site.signed_in("ada") as ada:
        assert (await ada.post("/api/v1/tokens", content=endless(), headers=keyed("k"))).status_code == 413


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "x" * 256])
async def test_a_key_that_cannot_be_one_is_refused(site: Site, key: str) -> None:
    async with site.signed_in("ada") as ada:
        headers = {"Idempotency-Key": key.encode("latin1")}
        assert (await ada.post("/api/v1/tokens", json={"name": "x"}, headers=headers)).status_code == 422  # type: ignore[arg-type]
        assert (await ada.get("/api/v1/tokens")).json()["tokens"] == []


async def test_a_key_opens_nothing_to_a_token_that_may_only_read(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root, program(root, site, scope="read") as client:
        made = await root.post("/api/v1/users", json={"name": "eve"}, headers=keyed("k"))
        assert made.status_code == 201
        again = await client.post("/api/v1/users", json={"name": "eve"}, headers=keyed("k"))
        assert again.status_code == 403


async def test_whoever_may_not_ask_any_more_is_not_answered_as_before(shop: Shop) -> None:
    desk, rights = shop.site.desk, Deed(SERVER, "role", "x")
    name = (await desk.repositories.register(Registered("b" * 20, "bench", "/bench", 0.0), rights)).id

    @shop.site.app.post("/api/v1/bench", status_code=201)
    async def bench(who: Who) -> dict[str, bool]:
        require(who, name, "member", "bench")
        return {"made": True}

    async def again() -> int:
        return (await ada.post("/api/v1/bench", json={}, headers=keyed("k"))).status_code

    async with shop.site.signed_in("ada") as ada:
        account = await desk.people.named("ada")
        assert account is not None
        await desk.repositories.give(account.id, name, "member", rights)
        assert [await again(), await again()] == [201, 201]
        await desk.repositories.give(account.id, name, "viewer", rights)
        assert await again() == 403
        await desk.repositories.take(account.id, name, rights)
        assert await again() == 404
        await desk.repositories.give(account.id, name, "maintainer", rights)
        assert await again() == 201


async def test_whoever_has_no_role_in_an_organisation_any_more_is_not_answered_as_before(shop: Shop) -> None:
    desk, told = shop.site.desk, Deed(SERVER, "organisation", "x")
    works = (await desk.organisations.create(Organisation("c" * 20, "works", 0.0), told)).id

    @shop.site.app.post("/api/v1/bench", status_code=201)
    async def bench(who: Who) -> dict[str, bool]:
        require_within(who, works, "maintainer")
        return {"made": True}

    async def again() -> int:
        return (await ada.post("/api/v1/bench", json={}, headers=keyed("k"))).status_code

    async with shop.site.signed_in("ada") as ada:
        account = await desk.people.named("ada")
        assert account is not None
        await desk.organisations.give(account.id, works, "maintainer", told)
        assert [await again(), await again()] == [201, 201]
        await desk.organisations.give(account.id, works, "member", told)
        assert await again() == 403
        await desk.organisations.take(account.id, works, told)
        assert await again() == 404


async def test_what_an_administrators_program_may_still_ask_is_answered_as_before(shop: Shop) -> None:
    @shop.site.app.post("/api/v1/bench/{kind}", status_code=201)
    async def bench(kind: str, who: Who) -> dict[str, bool]:
        if kind == "server":
            require_server(who)
        else:
            require(who, "", "member", "task")  # of a repository that is not registered
        return {"made": True}

    async with shop.site.signed_in("root", admin=True) as root, program(root, shop.site, scope="write") as client:
        asked = [await client.post("/api/v1/bench/task", json={}, headers=keyed("k")) for _ in range(2)]
        assert [one.status_code for one in asked] == [201, 201]
        assert (await root.post("/api/v1/bench/server", json={}, headers=keyed("k"))).status_code == 201
        assert (await client.post("/api/v1/bench/server", json={}, headers=keyed("k"))).status_code == 403
        account = await shop.site.desk.people.named("root")
        assert account is not None
        await shop.site.user("other", admin=True)
        await shop.site.desk.people.change(account.id, Change(admin=False), Deed(SERVER, "user.change", account.id))
        assert (await client.post("/api/v1/bench/task", json={}, headers=keyed("k"))).status_code == 404
        assert (await root.post("/api/v1/bench/server", json={}, headers=keyed("k"))).status_code == 403


async def test_whoever_is_no_administrator_any_more_is_not_answered_as_one(site: Site) -> None:
    async with site.signed_in("root", admin=True) as root:
        made = [await root.post("/api/v1/users", json={"name": "eve"}, headers=keyed("k")) for _ in range(2)]
        assert [one.status_code for one in made] == [201, 201]
        account = await site.desk.people.named("root")
        assert account is not None
        await site.user("other", admin=True)
        await site.desk.people.change(account.id, Change(admin=False), Deed(SERVER, "user.change", account.id))
        assert (await root.post("/api/v1/users", json={"name": "eve"}, headers=keyed("k"))).status_code == 404
