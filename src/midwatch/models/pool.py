"""Connections over HTTP: a pool, straight or through the environment's proxy, with the system's certificates."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from midwatch.domain.errors import InputError
from midwatch.models.endpoint import shown_url

if TYPE_CHECKING:
    import httpcore2

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def open_pool(
    url: str, *, direct: bool, backend: httpcore2.AsyncNetworkBackend | None = None
) -> httpcore2.AsyncConnectionPool:
    """A pool for one address; connects when first used. `direct`: past any proxy. `backend`: what connects, where that
    is not the usual one. Raises InputError for a proxy that cannot be used."""
    import httpcore2

    # Loading the certificates of the system takes 30 ms, for nothing where no TLS is spoken.
    secure = _without() if url.startswith("http://") else _certified()
    common: dict[str, Any] = {"ssl_context": secure, "max_connections": None, "keepalive_expiry": 60.0}
    if backend is not None:
        common["network_backend"] = backend
    proxy = "" if direct else proxy_for(url)
    if not proxy:
        return httpcore2.AsyncConnectionPool(**common)
    parts = urlsplit(proxy)
    pair = (unquote(parts.username or ""), unquote(parts.password or ""))
    return httpcore2.AsyncHTTPProxy(
        f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
        proxy_auth=pair if parts.username else None,
        proxy_ssl_context=_certified() if parts.scheme == "https" else None,
        **common,
    )


@cache
def _without() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _certified() -> ssl.SSLContext:
    """With the system's certificates, or those that the environment names. It takes a megabyte, so all share it."""
    return _with(*map(os.environ.get, _CERTIFICATES))


@cache
def _with(*_: str | None) -> ssl.SSLContext:
    import httpcore2

    return httpcore2.default_ssl_context()


def proxy_for(url: str) -> str:
    """The environment's proxy for an address; empty when there is none, or NO_PROXY names the host."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return ""
    import urllib.request  # takes 20 ms, so only where there may be a proxy

    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    if not proxy or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(proxy).scheme not in ("http", "https") or not urlsplit(proxy).hostname:
        raise InputError(
            f"the proxy of the environment cannot be used: {shown_url(proxy)}",
            "set HTTPS_PROXY to an http:// proxy, or name the endpoint's host in NO_PROXY",
        )
    return proxy


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything that it came from."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [cause for cause in (one.__cause__, one.__context__) if cause is not None]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
