"""The log of a CI job that has failed: its end, from the forge."""

from __future__ import annotations

import asyncio
import logging
import re
from contextlib import aclosing
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

from midwatch import __version__
from midwatch.domain.errors import MidwatchError
from midwatch.forges.gitlab import asking as gitlab
from midwatch.forges.http import bearer
from midwatch.models.pool import open_pool, proxy_for
from midwatch.sandbox.egress.addresses import SystemResolve
from midwatch.webhooks.addresses import Allowed, Pinned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from midwatch.arriving.case import Case

MOST = 16_000
"""Bytes of the end of a log."""
LARGEST = 64 << 20
"""Bytes of a log that are looked through."""
_SECONDS = 60.0
_PAUSES = {"connect": 10.0, "read": 20.0, "write": 20.0, "pool": 10.0}
_MOVED = (301, 302, 303, 307, 308)
_TIME = re.compile(r"(?m)^\ufeff?\d{4}-\d\d-\d\dT[\d:.]+Z ")
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

log = logging.getLogger("midwatch.hooks")


async def end_of_log(case: Case) -> str:
    """The end of it, without times and colours; empty where the forge has none or does not give it: then the name of
    the run has to do. Never raises what the forge is at fault for."""
    import httpcore2

    try:
        async with asyncio.timeout(_SECONDS):
            text = await _read(case)
    except (MidwatchError, TimeoutError, OSError, httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        log.info("a CI log cannot be read", extra={"arrival": case.arrival.id, "error": type(error).__name__})
        return ""
    except httpcore2.TimeoutException:
        return ""
    return _COLOUR.sub("", _TIME.sub("", text))


async def _read(case: Case) -> str:
    connected, told = case.home.connected, case.told
    connection = await connected.find(case.heard.id)
    if connection is None or not told.job.isdigit():
        return ""
    match connection.kind:
        case "github":
            path, headers = f"/repos/{quote(told.slug)}/actions/jobs/{told.job}/logs", bearer
        case "gitlab":
            path, headers = f"{gitlab.project_path(told.slug)}/jobs/{told.job}/trace", gitlab.headers
        case _:
            return ""
    own = headers(await connected.credential(connection).token(told.slug))
    url = f"{connection.api}{path}"
    status, where, text = await _get(url, own, None)
    if status not in _MOVED:
        return text if status == 200 else ""
    there = urljoin(url, where)
    if urlsplit(url).scheme == "https" and urlsplit(there).scheme != "https":
        return ""
    # where the forge keeps it is no place for our token, and none inside of our network
    allowed = Allowed(case.home.settings.server.webhook_networks, SystemResolve())
    status, _, text = await _get(there, {}, allowed)
    return text if status == 200 else ""


async def _get(url: str, headers: Mapping[str, str], allowed: Allowed | None) -> tuple[int, str, str]:
    """Status, where it leads, and the end of the text."""
    proxy = proxy_for(url)
    backend = None if proxy or allowed is None else Pinned(allowed)
    if proxy and allowed is not None:
        await allowed.address_of(urlsplit(url).hostname or "")
    sent = [("Host", urlsplit(url).netloc), ("User-Agent", f"midwatch/{__version__}"), *headers.items()]
    tail, come = bytearray(), 0
    async with (
        open_pool(url, direct=not proxy, backend=backend) as pool,
        pool.stream("GET", url, headers=sent, extensions={"timeout": _PAUSES}) as response,
        aclosing(response.aiter_stream()) as chunks,
    ):
        async for chunk in chunks:
            come += len(chunk)
            tail = (tail + chunk)[-MOST:]
            if come > LARGEST:
                break
    where = next((value.decode("latin-1") for name, value in response.headers if name.lower() == b"location"), "")
    return response.status, where, bytes(tail).decode("utf-8", "replace")
