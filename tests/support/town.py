"""A fake forge, a server that hears it, and a worker: all in the test's own process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from midwatch import announcing, working
from midwatch.arriving import taking
from midwatch.domain.codec import to_json
from midwatch.domain.task import Task
from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.identity import new_id
from midwatch.engine.accounts.logins import Logins
from midwatch.engine.accounts.words import Role
from midwatch.engine.effects.ledger import Effects
from midwatch.engine.fake import FakeEngine
from midwatch.engine.forges.arrivals import Arrival, Arrivals, Delivery
from midwatch.engine.forges.connections import Connection, Secrets
from midwatch.engine.forges.origins import Origins
from midwatch.engine.forges.rules import RepositoryForge
from midwatch.engine.turns import Filter, Turns
from midwatch.engine.workers import Terms
from midwatch.forges.arrived.base import Arrived
from midwatch.forges.where import api_of
from midwatch.sandbox.slots import Slots
from tests.support.api import HASH, Api, serving
from tests.support.forge_scenes import NETWORK
from tests.support.forge_server import ForgeServer
from tests.support.forge_server import serving as serving_forge
from tests.support.forge_state import Hosted, Thread

SECRET = "mwf_tiger"
SLUG = "ann/shelf"
BOT = "midwatch-bot"


@dataclass
class Town:
    """Made by `town`."""

    api: Api
    server: ForgeServer
    hosted: Hosted
    connection: str
    repository: str
    kind: str
    """Of the forge."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    notes: list[tuple[str, str]] = field(default_factory=list)

    @property
    def location(self) -> str:
        return self.server.url(SLUG)

    async def rules(self, **more: Any) -> None:
        """What the repository wants."""
        deed = Deed(SERVER, "repository.forge", self.repository)
        assert await self.api.home.connected.beside.set_forge(self.repository, RepositoryForge(**more), deed)

    async def run_ended(self, pull: Thread, name: str, number: int, *, failed: bool, commit: str = "") -> None:
        """A CI run has ended on a pull request."""
        told = Arrived(
            "run", SLUG, 0, pull=True, actor="ci", subject=f"check {number}", job=str(number), name=name,
            text="E assert 1 == 2", failed=failed, commit=commit or pull.head_commit, branch=pull.head,
            url="https://ci.example/1",
        )  # fmt: skip
        one = Delivery(self.connection, f"ci-{number}", "run", SLUG, 0, told.key, json.dumps(to_json(told)))
        assert await Arrivals(self.api.database).keep(one)
        await self.quiet()

    async def user(self, name: str, login: str, role: Role | None = "member") -> str:
        """A user of the server who is somebody at the forge; the id."""
        desk = self.api.desk
        account = await desk.people.create(name, HASH, False, lambda made: Deed(SERVER, "user.create", made))
        if role is not None:
            await desk.repositories.give(account.id, self.repository, role, Deed(SERVER, "role.give", account.id))
        taken = await Logins(self.api.database).give(
            account.id, [(self.connection, login)], Deed(SERVER, "user.logins", account.id)
        )
        assert not taken
        return account.id

    async def deliver(self) -> None:
        """What has happened at the forge comes in."""
        sent = await asyncio.to_thread(self.server.deliver)
        assert {one.status for one in sent} <= {202}, [(one.status, one.headers) for one in sent]

    async def arrivals(self) -> list[Arrival]:
        """All, the oldest first."""
        return list(reversed(await Arrivals(self.api.database).of(self.connection)))

    async def tasks(self) -> list[Task]:
        """All, the oldest first."""
        turns = await Turns(self.api.database).page(Filter(), limit=100)
        names = sorted({turn.task for turn in turns})
        return [(await self.api.home.store.find(name)).task for name in names]

    async def quiet(self) -> None:
        """Until all that came in is settled, all turns have ended, and all is said."""

        async def nothing_left() -> bool:
            database = self.api.database
            rows = await self.arrivals()
            turns = await Turns(database).page(Filter(), limit=100)
            query = (
                "SELECT (SELECT count(*) FROM occasion) + "
                "(SELECT count(*) FROM effect WHERE state = 'begun' OR (state = 'waiting' AND tries < 1))"
            )
            left = await database.read(lambda db: int(db.execute(query).fetchone()[0]))
            busy = any(row.state == "waiting" and row.tries < 3 for row in rows)
            return not busy and left == 0 and all(turn.status in ("done", "failed", "cancelled") for turn in turns)

        await self.until(nothing_left)

    async def until(self, true: Callable[[], Awaitable[bool]]) -> None:
        """Look often. Fails with what there is after a time that only a broken program needs."""
        try:
            async with asyncio.timeout(90):
                while not await true():
                    await asyncio.sleep(0.05)
        except TimeoutError:
            rows = [(row.event, row.state, row.outcome, row.error) for row in await self.arrivals()]
            raise AssertionError(f"it did not happen; {rows}; {self.notes}") from None

    async def came(self) -> None:
        """What has happened comes in, and all is done about it."""
        await self.deliver()
        await self.quiet()

    @property
    def pulls(self) -> list[Thread]:
        return self.hosted.pulls

    def said(self, thread: Thread) -> list[str]:
        """What we have said there, the oldest first."""
        return [one.body for one in thread.said if one.author == BOT]

    async def effects(self, task: str) -> list[tuple[str, str, str]]:
        """Kind, name and state of a task's effects, the oldest first; with the error of those that have one."""
        found = reversed(await Effects(self.api.database).of_task(task))
        return [(one.kind, one.name, one.error or one.state) for one in found]

    async def origin(self, task: str) -> Any:
        return await Origins(self.api.database).of_task(task)


@asynccontextmanager
async def town(
    folder: Path, base_url: str, monkeypatch: pytest.MonkeyPatch, *, at_work: bool = True, kind: Any = "github"
) -> AsyncIterator[Town]:
    """Until the context ends. `at_work`: there is a worker."""
    monkeypatch.setattr(working, "SWEEP", 0.05)
    monkeypatch.setattr(working, "LOOK", 0.05)
    monkeypatch.setattr(working, "announce", lambda home: announcing.announce(home, 0.05))
    monkeypatch.setattr(working, "arrive", lambda home: taking.arrive(home, 0.05))
    config = folder / "config/midwatch"
    config.mkdir(parents=True)
    (config / "config.toml").write_text(
        'model = "openai/scripted"\n[server]\npublic_url = "https://mw.example"\nwebhook_networks = ["127.0.0.0/8"]\n'
        'forge_poll_seconds = 0\n[sandbox]\ndriver = "process"\n'
    )
    environ = {
        "PATH": "/usr/bin:/bin", "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"), "OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": base_url,
    }  # fmt: skip
    with serving_forge(folder / "forge", NETWORK[kind].dialect()) as server:
        server.forge.began = datetime.now(UTC) + timedelta(seconds=60)  # all that happens, after the first look
        bot = server.forge.person(BOT)
        for login in ("ann", "carl", "eve"):
            server.forge.person(login)
        hosted = server.forge.repository(SLUG, **{BOT: "admin", "ann": "write", "carl": "read"})
        async with serving(folder, environ) as api:
            made = Connection(new_id(), "hub", kind, server.web, api_of(kind, server.web, ""), "token", login=BOT)
            kept = await api.home.connected.kept.add(
                made, Secrets(bot.token, SECRET), Deed(SERVER, "forge.create", made.id)
            )
            server.hook(SLUG, f"{api.url}/hooks/hub", SECRET)
            there = Town(api, server, hosted, kept.id, await api.registered("shelf", server.url(SLUG)), kind)
            options = working.Options(4, Slots(4), Terms(lease=5.0, beat=0.2), lambda *note: there.notes.append(note))
            engine = FakeEngine(api.hub)
            work = asyncio.create_task(working.work(api.home, engine, options, there.stop)) if at_work else None
            try:
                yield there
            finally:
                there.stop.set()
                if work is not None:
                    await work
                await engine.close()
