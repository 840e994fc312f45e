"""Sending a delivery: one signed POST. Whoever gets it tells one that comes again by its id."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import aclosing, suppress
from urllib.parse import urlsplit

import httpcore2

from midwatch import __version__
from midwatch.domain.errors import InputError, OperationError
from midwatch.engine.effects.base import Effect, Unsure
from midwatch.models.pool import open_pool, proxy_for
from midwatch.webhooks.addresses import Allowed, Pinned
from midwatch.webhooks.registered import Webhook, Webhooks, signature

SECONDS = {"connect": 10.0, "write": 10.0, "read": 20.0, "pool": 10.0}
MOST_ANSWER = 2048
"""Bytes of an answer that are kept."""
_GONE = 410
_BEFORE = (httpcore2.ConnectError, httpcore2.ConnectTimeout, httpcore2.ProxyError, httpcore2.UnsupportedProtocol)
"""Nothing was sent yet."""
_BROKEN = (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError)


class Sender:
    """See `Doer`."""

    def __init__(self, webhooks: Webhooks, allowed: Allowed) -> None:
        self._webhooks, self._allowed = webhooks, allowed

    async def find(self, effect: Effect) -> str | None:
        """Nobody can be asked: it is sent again, under the same id."""
        return None

    async def do(self, effect: Effect) -> str:
        """Send it. What the other side does not take is tried again, but where it says that it is gone."""
        hook = await self._webhooks.find(effect.subject)
        if hook is None or not hook.active:
            raise InputError("the webhook is switched off", "switch it on, then try again")
        try:
            status, answer, seconds = await self._post(hook, effect, await self._webhooks.secret(hook))
        except (InputError, OperationError):
            await self._webhooks.missed(hook.id)
            raise
        if status // 100 == 2:
            await self._webhooks.delivered(hook.id)
            return json.dumps({"status": status, "seconds": round(seconds, 3), "answer": answer})
        await self._webhooks.missed(hook.id, gone=status == _GONE)
        if status == _GONE:
            raise InputError(
                f"it answered {status}: it is gone", "the webhook is switched off; give it another address"
            )
        moved = "; redirects are not followed" if status // 100 == 3 else ""
        raise OperationError(f"it answered {status}{moved}{': ' if answer else ''}{answer[:200]}")

    async def _post(self, hook: Webhook, effect: Effect, secret: str) -> tuple[int, str, float]:
        """Status, the beginning of the answer, and how long it took."""
        proxy = proxy_for(hook.url)
        if proxy:  # it connects, and what it lets through is its owner's to say; what is ours is refused here
            with suppress(OperationError):  # behind a proxy names of the internet may mean nothing
                await self._allowed.address_of(urlsplit(hook.url).hostname or "")
        backend = None if proxy else Pinned(self._allowed)
        begun, body = time.monotonic(), effect.request.encode()
        try:
            async with open_pool(hook.url, direct=not proxy, backend=backend) as pool:
                headers = list(_headers(hook, effect, body, secret).items())
                async with pool.stream(
                    "POST", hook.url, headers=headers, content=body, extensions={"timeout": SECONDS}
                ) as response:
                    answer = await _beginning(response)
        except _BEFORE as error:
            raise OperationError(f"it cannot be reached: {error or type(error).__name__}") from None
        except _BROKEN as error:
            raise Unsure(f"the connection broke: {error or type(error).__name__}") from None
        return response.status, answer, time.monotonic() - begun


def _headers(hook: Webhook, effect: Effect, body: bytes, secret: str) -> Mapping[bytes | str, bytes | str]:
    return {
        "Host": urlsplit(hook.url).netloc,
        "User-Agent": f"midwatch/{__version__}",
        "Content-Type": "application/json",
        "X-Midwatch-Event": effect.name,
        "X-Midwatch-Delivery": effect.id,
        "X-Midwatch-Timestamp": str(int(time.time())),
        "X-Midwatch-Signature-256": signature(secret, body),
    }


async def _beginning(response: httpcore2.Response) -> str:
    found = bytearray()
    async with aclosing(response.aiter_stream()) as chunks:
        async for chunk in chunks:
            found += chunk
            if len(found) >= MOST_ANSWER:
                break
    return bytes(found[:MOST_ANSWER]).decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
