"""Clients of a server's API in a process of their own: a mix of requests at a fixed rate, and how long each took.

Started by the benches, with a JSON object on standard input. A request begins when it is due, whatever has become of
those before it, so that a server that stalls is charged for all who wait.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

MIX = (("list", 20), ("list of a repository", 10), ("show", 25), ("attempt", 10), ("events", 25), ("submit", 4),
       ("stream, to its first event", 6))  # fmt: skip


@dataclass
class Load:
    """One measurement."""

    host: str
    port: int
    token: str
    repository: str
    tasks: list[str]
    times: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: Counter[str] = field(default_factory=Counter)
    _idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)
    """Connections, and since when nobody uses them."""
    _streams: list[asyncio.StreamWriter] = field(default_factory=list)

    async def run(self, rate: float, seconds: float) -> None:
        """Have a request begin every `1 / rate` seconds."""
        chance = random.Random(1)
        kinds, weights = zip(*MIX, strict=True)
        going: list[asyncio.Task[None]] = []
        began = time.perf_counter()
        for number in range(round(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            kind = chance.choices(kinds, weights)[0]
            going.append(asyncio.create_task(self._one(kind, due, chance.choice(self.tasks))))
        await asyncio.gather(*going)
        for writer in (*self._streams, *(writer for _, _, writer in self._idle)):
            writer.close()

    async def _one(self, kind: str, due: float, task: str) -> None:
        try:
            await self._asked(kind, task)
        except Exception as error:  # noqa: BLE001 - counted and shown
            self.wrong[f"{kind}: {type(error).__name__}: {error}"] += 1
        self.times[kind].append(time.perf_counter() - due)

    async def _asked(self, kind: str, task: str) -> None:
        if kind == "submit":
            await self._exchange("POST", "/tasks", json.dumps({"prompt": "Count", "repository": self.repository}))
        elif kind.startswith("stream"):
            await self._follow(f"/attempts/{task}.1/events")
        else:
            path = {
                "list": "/tasks?limit=50", "list of a repository": f"/tasks?limit=50&repository={self.repository}",
                "show": f"/tasks/{task}", "attempt": f"/attempts/{task}.1", "events": f"/attempts/{task}.1/events",
            }[kind]  # fmt: skip
            await self._exchange("GET", path)

    def _head(self, method: str, path: str, length: int, accept: str) -> bytes:
        lines = [f"{method} /api/v1{path} HTTP/1.1", f"Host: {self.host}", f"Authorization: Bearer {self.token}"]
        lines += [f"Accept: {accept}", "Content-Type: application/json", f"Content-Length: {length}"]
        return "\r\n".join([*lines, "", ""]).encode()

    async def _exchange(self, method: str, path: str, body: str = "") -> None:
        reader, writer = await self._connection()
        writer.write(self._head(method, path, len(body), "application/json") + body.encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        answer = await reader.readexactly(length)
        if head.split(b" ", 2)[1] not in (b"200", b"201"):
            raise ValueError(answer.decode()[:200])
        self._idle.append((time.monotonic(), reader, writer))

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """One that the server has not closed for being idle, as it does after five seconds."""
        while self._idle:
            since, reader, writer = self._idle.pop()
            if time.monotonic() - since < 3:
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self.host, self.port)

    async def _follow(self, path: str) -> None:
        """The stream is left open; the oldest of many is closed."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        self._streams.append(writer)
        if len(self._streams) > 40:
            self._streams.pop(0).close()
        writer.write(self._head("GET", path, 0, "text/event-stream"))
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head:
            raise ValueError(head.decode()[:200])
        await reader.readuntil(b"event: event")


def main() -> None:
    """Do what standard input asks for, and print the times in seconds."""
    asked: dict[str, Any] = json.loads(sys.stdin.read())
    load = Load(asked["host"], asked["port"], asked["token"], asked["repository"], asked["tasks"])
    asyncio.run(load.run(asked["rate"], asked["seconds"]))
    print(json.dumps({"times": load.times, "wrong": load.wrong}))


if __name__ == "__main__":
    main()
