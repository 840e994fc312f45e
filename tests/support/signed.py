"""A client of a server's API that has signed in as its first administrator."""

from __future__ import annotations

from typing import Any

import httpx2

from tests.support.browser import PATIENCE, Site


class Signed(httpx2.AsyncClient):
    """Signs in when it is entered."""

    def __init__(self, site: Site) -> None:
        super().__init__(base_url=f"{site.url}/api/v1", headers={"X-Midwatch": "1"}, timeout=PATIENCE / 1000)
        self._admin = site.admin

    async def __aenter__(self) -> Signed:
        await super().__aenter__()
        known = {"name": self._admin.name, "password": self._admin.password}
        answer = await self.post("/session", json=known)
        assert answer.status_code == 200, answer.text
        return self

    async def submitted(self, **asked: Any) -> str:
        """The id of a new task."""
        answer = await self.post("/tasks", json=asked)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def ended(self, task: str) -> str:
        """How the task stands once nobody works on it."""
        stream = {"Accept": "text/event-stream"}
        async with self.stream("GET", f"/attempts/{task}.1/events", headers=stream) as answer:
            async for line in answer.aiter_lines():
                if line == "event: end":
                    break
        return str((await self.get(f"/tasks/{task}")).json()["status"])
