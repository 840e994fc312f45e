"""A server of the API beside attempts that wait, in their process or in another one, and its times under load."""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any

from midwatch import wiring, working
from midwatch.engine.accounts.audit import SERVER, Deed
from midwatch.engine.accounts.identity import PREFIX, new_id, new_secret
from midwatch.engine.accounts.keys import Keys, Token
from midwatch.engine.accounts.people import People
from midwatch.engine.accounts.repositories import Registered, Repositories

PLACES = ("none", "same", "other")


async def loaded(home: wiring.Home, place: str, tasks: Sequence[str], how: tuple[float, float]) -> None:
    """Have a server answer a mix of requests, in the `same` process or in an `other`, and print how long they took.
    `how`: requests per second, and seconds."""
    database = home.store.database
    token, name = new_secret(PREFIX), new_id()
    account = await People(database).create(f"load-{place}", "", True, lambda made: Deed(SERVER, "user.create", made))
    wanted = Token(name, account.id, "load", "admin", 0.0, None, None)
    await Keys(database).make_token(wanted, token, None, Deed(SERVER, "token.create", name))
    where = (await home.store.find(tasks[0])).task.repository
    repository = await Repositories(database).at(where)
    if repository is None:
        repository = Registered(new_id(), "counted", where, 0.0)
        await Repositories(database).register(repository, Deed(SERVER, "repository.register", repository.id))
    serving = _thread if place == "same" else _process
    async with serving(home.environ) as (port, pid):
        asked = {"host": "127.0.0.1", "port": port, "token": token, "repository": repository.id, "tasks": list(tasks)}
        await _asked(asked | {"rate": 20.0, "seconds": 2.0})  # all is imported and made once
        before = _used(pid)
        found = await _asked(asked | {"rate": how[0], "seconds": how[1]})
        each = (_used(pid) - before) / (how[0] * how[1]) * 1000
    about = f"{how[0]:g} requests a second for {how[1]:g} s, server in the {place} process"
    _table(f"{about}: {each:.1f} ms of processor time for each", found)


def _used(pid: int) -> float:
    """Seconds of processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _asked(asked: Mapping[str, Any]) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.benches.api_load", stdin=PIPE, stdout=PIPE
    )
    said, _ = await process.communicate(json.dumps(asked).encode())
    found: dict[str, Any] = json.loads(said)
    return found


@asynccontextmanager
async def _process(environ: Mapping[str, str]) -> AsyncIterator[tuple[int, int]]:
    """`midwatch serve --no-worker`; its port, and the process."""
    program = str(Path(sys.executable).with_name("midwatch"))
    command = [program, "--json", "serve", "--no-worker", "--port", "0"]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, env={**os.environ, **environ})
    try:
        assert process.stdout is not None
        yield int(json.loads(await process.stdout.readline())["url"].rpartition(":")[2]), process.pid
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def _thread(environ: Mapping[str, str]) -> AsyncIterator[tuple[int, int]]:
    """On a thread and an event loop of its own, as `midwatch serve` has its worker; its port, and the process."""
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    stopped: list[Any] = []
    loop = asyncio.get_running_loop()

    async def serve() -> None:
        from midwatch.server.app import make_app
        from midwatch.server.serving import Address, Server, listener

        async with wiring.home(environ) as home:
            engine = working.engine_of(home)
            await engine.migrate()
            address = Address(port=0)
            heard = listener(address)
            port = heard.getsockname()[1]

            def listening() -> None:
                loop.call_soon_threadsafe(ready.set_result, port)

            server = Server(make_app(home, engine), address, listening)
            stopped.append(server)
            await server.serve([heard])
            await engine.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        yield await ready, os.getpid()
    finally:
        stopped[0].should_exit = True
        await asyncio.to_thread(thread.join)


def _table(title: str, found: Mapping[str, Any]) -> None:
    print(f"\n{title}\n\n| | requests | p50, ms | p99, ms | longest, ms |\n|---|---|---|---|---|")
    every = [one for times in found["times"].values() for one in times]
    for name, times in [*sorted(found["times"].items()), ("all", every)]:
        times.sort()
        p50, p99 = (times[math.ceil(part * len(times)) - 1] * 1000 for part in (0.5, 0.99))
        print(f"| {name} | {len(times)} | {p50:.1f} | {p99:.1f} | {times[-1] * 1000:.1f} |")
    print(f"answered otherwise: {found['wrong'] or 'none'}\n", flush=True)
