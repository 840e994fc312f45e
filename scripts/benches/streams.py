"""500 tabs on one server: how long after an event is in the log each of them has it.

The server is `midwatch serve` in a process of its own; the tabs are connections of another one, each with the topics
`tasks` and one attempt. Events are written as a worker writes them, by this process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from midwatch import wiring
from midwatch.domain.events import Message

_SETTINGS = "[server]\nstreams_per_user = 2000\nrequests_at_once = 5000\nrequests_per_second = 1000\n"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is measured."""

    clients: int
    attempts: int
    seconds: float
    rate: float

    @property
    def events(self) -> int:
        """In all."""
        return round(self.seconds * self.rate)


class Tabs:
    """Connections that follow, and when each message came."""

    def __init__(self, wanted: int) -> None:
        self.heard: list[tuple[str, float]] = []
        self.rows = 0
        self.written: dict[str, float] = {}
        self.ready = asyncio.Event()
        """All of them are connected."""
        self._missing = wanted

    async def follow(self, port: int, token: str, attempt: str) -> None:
        """One of them, until it is cancelled."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        head = [
            f"GET /api/v1/stream?topics=tasks,attempt:{attempt} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Authorization: Bearer {token}",
        ]
        writer.write("\r\n".join([*head, "", ""]).encode())
        try:
            status = await reader.readline()
            if b" 200 " not in status:
                raise RuntimeError(status.decode())
            self._missing -= 1
            if not self._missing:
                self.ready.set()
            while line := await reader.readline():
                if line.startswith(b"data: "):
                    self._heard(json.loads(line[6:]))
        finally:
            writer.close()

    def _heard(self, data: dict[str, object]) -> None:
        now = time.time()
        event = data.get("event")
        if isinstance(event, dict):
            self.heard.append((event["body"]["text"], now))
        elif "task" in data:
            self.rows += 1


async def _measured(folder: Path, asked: Asked) -> int:
    environ = {
        **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
        "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"), "XDG_CONFIG_HOME": str(folder / "config"),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }  # fmt: skip
    served = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "midwatch", "serve", "--port", "0", "--no-worker", "--json",
        env=environ, stdout=asyncio.subprocess.PIPE, cwd=folder,
    )  # fmt: skip
    assert served.stdout is not None
    said = json.loads(await served.stdout.readline())
    try:
        async with wiring.home(environ) as home:
            return await _with(home, said, asked)
    finally:
        served.terminate()
        await served.wait()


async def _with(home: wiring.Home, said: dict[str, str], asked: Asked) -> int:
    import httpx2

    named = []
    ours = {"X-Midwatch": "1"}
    async with httpx2.AsyncClient(base_url=f"{said['url']}/api/v1", headers=ours, timeout=60) as client:
        (await client.post("/session", json={"name": said["admin"], "password": said["password"]})).raise_for_status()
        token = (await client.post("/tokens", json={"name": "bench"})).json()["secret"]
        for number in range(asked.attempts):
            task = {"prompt": f"Task {number}", "repository": "example", "model": "repair"}
            answer = await client.post("/tasks", json=task)
            answer.raise_for_status()
            named.append(f"{answer.json()['id']}.1")
    port = int(said["url"].rsplit(":", 1)[1])
    epochs = {name: await home.store.take(name) for name in named}
    tabs = Tabs(asked.clients)
    async with asyncio.TaskGroup() as group:
        following = [tabs.follow(port, token, named[number % asked.attempts]) for number in range(asked.clients)]
        going = [group.create_task(one) for one in following]
        await tabs.ready.wait()
        await asyncio.sleep(2)
        for number in range(asked.events):
            name, words = named[number % asked.attempts], f"event {number}"
            await home.store.append(name, epochs[name], [Message("person", words)])
            tabs.written[words] = time.time()  # from when it is durable
            await asyncio.sleep(1 / asked.rate)
        await asyncio.sleep(3)
        for each in going:
            each.cancel()
    return _told(tabs, asked)


def _told(tabs: Tabs, asked: Asked) -> int:
    followers = Counter(client % asked.attempts for client in range(asked.clients))
    expected = sum(followers[number % asked.attempts] for number in range(asked.events))
    delays = sorted(now - tabs.written[words] for words, now in tabs.heard if words in tabs.written)

    def at(share: float) -> float:
        return delays[min(len(delays) - 1, int(len(delays) * share))] * 1000

    print(f"{asked.clients} tabs, {asked.attempts} attempts, {asked.rate:g} events a second for {asked.seconds:g} s")
    print(f"events heard {len(delays)} of {expected}; rows heard {tabs.rows}")
    print(f"delay in ms: p50 {at(0.5):.0f}  p95 {at(0.95):.0f}  p99 {at(0.99):.0f}  most {delays[-1] * 1000:.0f}")
    return 0 if len(delays) == expected else 1


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--attempts", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=10, help="events a second, over all attempts")
    asked = Asked(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "config" / "midwatch").mkdir(parents=True)
        (folder / "config" / "midwatch" / "config.toml").write_text(_SETTINGS)
        return asyncio.run(_measured(folder, asked))


if __name__ == "__main__":
    raise SystemExit(_main())
