"""The two addresses that answer everybody."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from midwatch.domain.errors import StoreError
from midwatch.server.routes import health
from tests.support.api import Api


async def test_however_often_it_is_asked_whether_it_is_ready_the_database_is_asked_once_in_a_while(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go = 0, asyncio.Event()
    real, broken = api.database.read, False

    async def read(work: object) -> object:
        nonlocal asked
        asked += 1
        await go.wait()
        if broken:
            raise StoreError("the database is gone")
        return await real(work)  # type: ignore[arg-type]

    monkeypatch.setattr(api.database, "read", read)
    monkeypatch.setattr(health, "FRESH", 3600.0)
    async with httpx2.AsyncClient(base_url=api.url) as client:
        crowd = [asyncio.create_task(client.get("/readyz")) for _ in range(20)]
        async with asyncio.timeout(60):
            while not asked:
                await asyncio.sleep(0.02)
        crowd[0].cancel()  # whoever asked first goes
        go.set()
        assert {(await one).status_code for one in crowd[1:]} == {200}
        broken = True
        assert (await client.get("/readyz")).status_code == 200
        assert asked == 1
        monkeypatch.setattr(health, "FRESH", -1.0)
        refused = [await client.get("/readyz") for _ in range(2)]
        assert [(one.status_code, "is gone" in one.text) for one in refused] == [(503, False)] * 2
        broken = False
        assert (await client.get("/readyz")).status_code == 200
        assert asked == 4
