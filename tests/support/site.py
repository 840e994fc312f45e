"""A server's accounts as an app, and clients that have signed in to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from argon2 import PasswordHasher
from fastapi import FastAPI

from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.config import ServingSettings
from midwatch.engine.database.base import Database
from midwatch.server import problems
from midwatch.server.accounts.desk import Desk
from midwatch.server.admission import admit

PASSWORD = "correct horse battery"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""Of few rounds: checking it takes as many as making it."""
URL = "http://midwatch.test"
OURS = {"X-Midwatch": "1"}


@dataclass(frozen=True)
class Site:
    """The app and its desk."""

    app: FastAPI
    desk: Desk

    def client(
        self, headers: Mapping[str, str] = OURS, address: str = "203.0.113.7", url: str = URL
    ) -> httpx2.AsyncClient:
        """Nobody in particular."""
        transport = httpx2.ASGITransport(self.app, client=(address, 4000))
        return httpx2.AsyncClient(transport=transport, base_url=url, headers=dict(headers))

    async def user(self, name: str, *, admin: bool = False) -> str:
        """Make one; their id."""
        made = await self.desk.people.create(name, HASH, admin, lambda account: Deed(SERVER, "user.create", account))
        return made.id

    @asynccontextmanager
    async def signed_in(self, name: str, *, admin: bool = False) -> AsyncIterator[httpx2.AsyncClient]:
        """A new user with a session."""
        await self.user(name, admin=admin)
        async with self.client() as client:
            answer = await client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            yield client


def site_of(
    database: Database, settings: ServingSettings | None = None, environ: Mapping[str, str] | None = None
) -> Site:
    """An app with the routes of accounts, the ones that answer everybody, and one more to try requests on."""
    app = FastAPI(title="Midwatch")
    problems.install(app)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    desk = admit(app, database, settings or ServingSettings(), environ or {})
    return Site(app, desk)


@asynccontextmanager
async def program(client: httpx2.AsyncClient, site: Site, **token: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with a token that another one makes."""
    made = await client.post("/api/v1/tokens", json={"name": "a program", **token})
    assert made.status_code == 201, made.text
    async with site.client({"Authorization": f"Bearer {made.json()['secret']}"}) as other:
        yield other
