"""A worker in the test's own process, and looking on at what it does with environments."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from midwatch import wiring, working
from midwatch.engine.fake import FakeEngine
from midwatch.engine.workers import Terms
from midwatch.sandbox.slots import Slots
from tests.support.api import Api


@asynccontextmanager
async def worker(api: Api) -> AsyncIterator[Callable[[], None]]:
    """A worker of this process; call what is given to have it stop."""
    stop = asyncio.Event()
    async with wiring.home(dict(api.home.environ)) as home:
        options = working.Options(4, Slots(2), Terms(lease=4.0, beat=0.2))
        doing = asyncio.create_task(working.work(home, FakeEngine(api.hub), options, stop))
        try:
            yield stop.set
        finally:
            stop.set()
            await doing


async def until(client: httpx2.AsyncClient, path: str, true: Callable[[Any], bool]) -> Any:
    """What is answered once it is so."""
    async with asyncio.timeout(60):
        while True:
            found = (await client.get(path)).json()
            if true(found):
                return found
            await asyncio.sleep(0.05)


async def said(client: httpx2.AsyncClient, path: str, wanted: bytes) -> bytes:
    """All output of it once that is in there."""
    found, after = b"", 0
    async with asyncio.timeout(60):
        while wanted not in found:
            page = (await client.get(f"{path}/output", params={"after": after})).json()
            found += b"".join(base64.b64decode(piece["data"]) for piece in page["pieces"])
            after = page["next"]
            assert not page["state"]["over"] or page["pieces"] or wanted in found, (found, page)
            await asyncio.sleep(0.05)
    return found
