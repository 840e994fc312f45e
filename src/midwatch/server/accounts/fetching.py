"""Small JSON documents of an OpenID Connect provider."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpcore2

from midwatch.domain.errors import OperationError

LARGEST = 1 << 20
"""Bytes of an answer."""
_SECONDS = {"connect": 10.0, "read": 10.0, "write": 10.0, "pool": 10.0}
_BROKEN = (
    httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol,
)  # fmt: skip


class Unreachable(OperationError):
    """The provider does not answer, or not as one does."""


def is_safe(url: str) -> bool:
    """Whether what comes from there can be believed: over TLS, or from this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))
    )


async def document(url: str) -> Mapping[str, Any]:
    """What is there. Raises Unreachable."""
    status, found = await _ask("GET", url, {}, None)
    if status != 200:
        raise Unreachable(f"{url} answers {status}", "check server.oidc.issuer and the provider")
    return found


async def post_form(url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
    """The status and what a form is answered with. Raises Unreachable."""
    body = urlencode(form).encode()
    return await _ask("POST", url, {**headers, "Content-Type": "application/x-www-form-urlencoded"}, body)


async def _ask(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> tuple[int, Mapping[str, Any]]:
    if not is_safe(url):
        raise Unreachable(f"{url} is not asked: the provider must be reached by https")
    sent = [*{"Accept": "application/json", "User-Agent": "midwatch", **headers}.items()]
    came = bytearray()
    try:
        async with (
            httpcore2.AsyncConnectionPool(ssl_context=httpcore2.default_ssl_context()) as pool,
            pool.stream(method, url, headers=sent, content=body, extensions={"timeout": _SECONDS}) as response,
        ):
            async for chunk in response.aiter_stream():
                came += chunk
                if len(came) > LARGEST:
                    raise Unreachable(f"{url} answers with more than {LARGEST >> 20} MiB")
            status = response.status
    except _BROKEN as error:
        raise Unreachable(f"{url} does not answer ({type(error).__name__})", "see that the provider runs") from None
    try:
        found = json.loads(came)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unreachable(f"{url} answers {status} with what is no JSON object", "check server.oidc.issuer")
    return status, found
