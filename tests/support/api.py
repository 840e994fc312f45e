"""A server on loopback in the test's own process, with users and a repository."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from argon2 import PasswordHasher
from fastapi import FastAPI

from midwatch import wiring
from midwatch.domain.observer import Silent
from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.identity import new_id
from midwatch.engine.accounts.repositories import Registered, Repositories
from midwatch.engine.accounts.words import Role
from midwatch.engine.database.base import Database
from midwatch.engine.fake import FakeEngine, Hub
from midwatch.server.accounts.desk import Desk
from midwatch.server.app import make_app
from midwatch.server.serving import Address, Server, listener

NONE: Mapping[str, Role] = {}
LOOPBACK = Address(port=0)
PASSWORD = "correct horse battery"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@dataclass
class Api:
    """What is served, and what is behind it."""

    home: wiring.Home
    app: FastAPI
    hub: Hub
    """What was handed to the engine."""
    url: str

    @property
    def desk(self) -> Desk:
        """Of the accounts."""
        found = self.app.state.accounts
        assert isinstance(found, Desk)
        return found

    @property
    def database(self) -> Database:
        """The server's."""
        return self.home.store.database

    async def registered(self, name: str, location: Path | str) -> str:
        """A repository that is registered; its id."""
        return await register(self.desk.repositories, name, location)

    @asynccontextmanager
    async def as_user(
        self, name: str, roles: Mapping[str, Role] = NONE, *, admin: bool = False
    ) -> AsyncIterator[httpx2.AsyncClient]:
        """A client of a new user who has signed in; `roles` by the repository's id."""
        account = await self.desk.people.create(name, HASH, admin, lambda made: Deed(SERVER, "user.create", made))
        for repository, role in roles.items():
            await self.desk.repositories.give(account.id, repository, role, Deed(SERVER, "role.give", account.id))
        async with httpx2.AsyncClient(base_url=f"{self.url}/api/v1", headers={"X-Midwatch": "1"}, timeout=60) as client:
            answer = await client.post("/session", json={"name": name, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            yield client

    async def work(self, task_id: str) -> None:
        """Do what a worker does, in this process."""
        await wiring.run(self.home, task_id, Silent())
        await self.ended(task_id)

    async def ended(self, task_id: str, status: str = "done") -> None:
        """What a worker writes down at the end."""
        query = "UPDATE turn SET status = ? WHERE task = ?"
        await self.database.write(lambda db: db.execute(query, (status, task_id)).rowcount)


async def register(repositories: Repositories, name: str, location: Path | str) -> str:
    """Register one; its id."""
    one = Registered(new_id(), name, str(location), 0.0)
    await repositories.register(one, Deed(SERVER, "repository.register", one.id))
    return one.id


@asynccontextmanager
async def serving(folder: Path, environ: dict[str, str], address: Address = LOOPBACK) -> AsyncIterator[Api]:
    """Until the context ends."""
    async with wiring.home({"HOME": str(folder), **environ}) as home:
        hub = Hub()
        app = make_app(home, FakeEngine(hub))
        heard = listener(address)
        listening = asyncio.Event()
        server = Server(app, address, listening.set)
        running = asyncio.create_task(server.serve([heard]))
        try:
            await asyncio.wait({running, asyncio.create_task(listening.wait())}, return_when="FIRST_COMPLETED")
            yield Api(home, app, hub, f"{address.scheme}://127.0.0.1:{heard.getsockname()[1]}")
        finally:
            server.should_exit = True
            await running
            heard.close()


async def messages(answer: httpx2.Response, most: int = 10**6) -> list[tuple[str, int, Any]]:
    """Of a stream: name, id and data, until it ends or so many have come."""
    found: list[tuple[str, int, Any]] = []
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            if "data" in fields:
                found.append((fields["event"], int(fields["id"]), json.loads(fields["data"])))
            fields = {}
            if len(found) >= most:
                break
    return found


def numbers(found: Sequence[tuple[str, int, Any]]) -> list[int]:
    """The ids of the events."""
    return [seq for name, seq, _ in found if name == "event"]
