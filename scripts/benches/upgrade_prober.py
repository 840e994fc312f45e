"""Somebody who asks a server all the time, and counts what is refused."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

PATIENCE = 120
"""Seconds that an answer may take: a machine that is as busy as this one is slow, and slow is not refused."""


@dataclass
class Prober:
    """Requests on connections that are kept, requests with a connection each, and streams of some attempts."""

    url: str
    every: float
    """Seconds between two requests of a kind."""
    submit_every: float
    asked: dict[str, Any]
    """What is submitted; its prompt gets a number."""
    tasks: list[str] = field(default_factory=list)
    """All that were submitted."""
    answered: Counter[str] = field(default_factory=Counter)
    """By kind of request."""
    refused: list[str] = field(default_factory=list)
    slowest: float = 0.0
    builds: Counter[str] = field(default_factory=Counter)
    """Answers of /healthz, by the version that it names."""
    streams: int = 0
    """That were opened."""
    gaps: list[str] = field(default_factory=list)
    """Events of a stream that were missing or came twice."""
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _ending: bool = False

    @asynccontextmanager
    async def signed_in(self, password: str) -> AsyncIterator[httpx2.AsyncClient]:
        """A client of the first administrator."""
        headers = {"X-Midwatch": "1"}
        async with httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=PATIENCE) as client:
            answer = await client.post("/api/v1/session", json={"name": "admin", "password": password})
            answer.raise_for_status()
            yield client

    async def submit(self, client: httpx2.AsyncClient) -> None:
        """One more task."""
        number = next(self._numbers)
        asked = {**self.asked, "prompt": f"Count, as task {number}."}
        headers = {"Idempotency-Key": f"probe-{number}"}
        answer = await self._ask("submit", client.post("/api/v1/tasks", json=asked, headers=headers))
        if answer is not None:
            self.tasks.append(answer.json()["id"])

    async def probe(self, client: httpx2.AsyncClient, followed: int) -> None:
        """Until `end` is called; then what is being asked is waited for."""
        loops = [
            self._again("list", self.every, lambda: client.get("/api/v1/tasks?limit=20")),
            self._again("show", self.every, lambda: client.get(f"/api/v1/tasks/{self._one()}")),
            self._again("events", self.every, lambda: client.get(f"/api/v1/attempts/{self._one()}.1/events?limit=50")),
            self._again("health", self.every, self._fresh),
            self._submissions(client),
            *(self._follow(client, f"{task}.1") for task in self.tasks[:followed]),
        ]
        await asyncio.gather(*loops)

    def end(self) -> None:
        """Ask nothing further."""
        self._ending = True

    def _one(self) -> str:
        return self.tasks[self.answered.total() % len(self.tasks)]

    async def _fresh(self) -> httpx2.Response:
        async with httpx2.AsyncClient(timeout=PATIENCE, verify=False) as client:
            answer = await client.get(f"{self.url}/healthz")
            self.builds[answer.json()["version"]] += 1
            return answer

    async def _again(self, kind: str, every: float, asking: Callable[[], Awaitable[httpx2.Response]]) -> None:
        while not self._ending:
            await self._ask(kind, asking())
            await asyncio.sleep(every)

    async def _submissions(self, client: httpx2.AsyncClient) -> None:
        while not self._ending:
            await asyncio.sleep(self.submit_every)
            await self.submit(client)

    async def _ask(self, kind: str, asking: Awaitable[httpx2.Response]) -> httpx2.Response | None:
        began = time.monotonic()
        try:
            answer = await asking
        except (httpx2.HTTPError, OSError) as error:
            self.refused.append(f"{kind}: {type(error).__name__}: {error}")
            return None
        finally:
            self.slowest = max(self.slowest, time.monotonic() - began)
        if not answer.is_success:
            self.refused.append(f"{kind}: {answer.status_code} {answer.text[:200]}")
            return None
        self.answered[kind] += 1
        return answer

    async def _follow(self, client: httpx2.AsyncClient, attempt: str) -> None:
        """All events of it; when the stream is let go, from the last one on."""
        last, ended = 0, False
        while not ended and not self._ending:
            self.streams += 1
            headers = {"Accept": "text/event-stream", **({"Last-Event-ID": str(last)} if last else {})}
            try:
                async with client.stream("GET", f"/api/v1/attempts/{attempt}/events", headers=headers) as answer:
                    if answer.is_success:
                        last, ended = await self._heard(answer, attempt, last)
                        self.answered["stream"] += 1
                    else:
                        self.refused.append(f"stream: {answer.status_code}")
            except (httpx2.HTTPError, OSError) as error:
                self.refused.append(f"stream: {type(error).__name__}: {error}")
            await asyncio.sleep(0.5)

    async def _heard(self, answer: httpx2.Response, attempt: str, last: int) -> tuple[int, bool]:
        """The number of the last event, and whether the attempt has come to its end."""
        name = ""
        async for line in answer.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: ") and name == "end":
                return last, True
            elif line.startswith("data: "):
                seq = json.loads(line.removeprefix("data: "))["seq"]
                if seq != last + 1:
                    self.gaps.append(f"{attempt}: event {seq} after {last}")
                last = seq
        return last, False
