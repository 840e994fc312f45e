"""One pool of HTTP connections to an endpoint, straight or through the environment's proxy, and what its failures mean.

This uses httpcore2, the connection layer that httpx2 brings along: httpx2 itself would add 0.07 s to the first request
of a run, and of what it does on top (redirects, cookies, authentication) we want nothing near a key.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
import zlib
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from midwatch.domain.errors import InputError, ModelError
from midwatch.models.endpoint import Endpoint, shown_url
from midwatch.models.outgoing import Outgoing
from midwatch.models.retry import Passing

if TYPE_CHECKING:
    import httpcore2

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
CONNECT_SECONDS = 10.0
WRITE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer, and the body to come."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    chunks: AsyncGenerator[bytes]


class Connections:
    """Made without connecting; `close` may be called twice, and a request after it connects anew."""

    def __init__(self, endpoint: Endpoint, headers: Mapping[str, str]) -> None:
        """`headers` go with each request; those of the endpoint win over them."""
        self._endpoint = endpoint
        self._common = headers
        self._pool: httpcore2.AsyncConnectionPool | None = None

    @asynccontextmanager
    async def post(self, path: str, body: Outgoing) -> AsyncGenerator[Answer]:
        """Send a body. Leaving closes the connection, unless the answer was read to its end. Raises Passing for what
        may pass, ModelError or InputError for the rest."""
        import httpcore2

        known = (
            httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError,
            httpcore2.ProxyError, httpcore2.UnsupportedProtocol,
        )  # fmt: skip
        idle = self._endpoint.idle_seconds
        headers = {**self._headers(await self._endpoint.current_key()), "Content-Length": str(body.size)}
        limits = {"connect": CONNECT_SECONDS, "write": WRITE_SECONDS, "read": idle}
        try:
            async with self._connected().stream(
                "POST", self._url(path), headers=headers, content=body, extensions={"timeout": limits}
            ) as response:
                told = {name.decode("latin1").lower(): value.decode("latin1") for name, value in response.headers}
                async with aclosing(_plain(response, told)) as chunks:
                    yield Answer(response.status, told, chunks)
        except known as error:
            raise self._meaning(error) from None

    async def close(self) -> None:
        """Release the connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    def _url(self, path: str) -> str:
        """The address without user and password, which go into a header."""
        parts = urlsplit(self._endpoint.base_url + path)
        query = f"?{parts.query}" if parts.query else ""
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{query}"

    def _headers(self, key: str) -> dict[bytes | str, bytes | str]:
        # Compressed event streams are held back by some servers until a block is full.
        headers = {
            "User-Agent": "midwatch",
            "Content-Type": "application/json",
            "Accept": "text/event-stream, application/json",
            "Accept-Encoding": "identity",
            **self._common,
        }
        user = urlsplit(self._endpoint.base_url)
        if key:
            bearer = self._endpoint.key_header.lower() == "authorization"
            headers[self._endpoint.key_header] = f"Bearer {key}" if bearer else key
        elif user.username:
            pair = f"{unquote(user.username)}:{unquote(user.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        given = {name.lower() for name in self._endpoint.headers}
        kept: dict[bytes | str, bytes | str] = {n: v for n, v in headers.items() if n.lower() not in given}
        kept.update((name, value) for name, value in self._endpoint.headers.items())
        return kept

    def _connected(self) -> httpcore2.AsyncConnectionPool:
        if self._pool is None:
            import httpcore2

            url = self._endpoint.base_url
            local = self._endpoint.local
            # Loading the certificates of the system takes 30 ms, for nothing where no TLS is spoken.
            secure = _without() if url.startswith("http://") else _certified()
            common: dict[str, Any] = {"ssl_context": secure, "max_connections": None, "keepalive_expiry": 60.0}
            proxy = "" if local else _proxy_for(url)
            if proxy:
                parts = urlsplit(proxy)
                pair = (unquote(parts.username or ""), unquote(parts.password or ""))
                self._pool = httpcore2.AsyncHTTPProxy(
                    f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
                    proxy_auth=pair if parts.username else None,
                    proxy_ssl_context=_certified() if parts.scheme == "https" else None,
                    **common,
                )
            else:
                self._pool = httpcore2.AsyncConnectionPool(**common)
        return self._pool

    def _meaning(self, error: Exception) -> Exception:
        """What a failed exchange means."""
        import httpcore2

        where = self._endpoint.shown
        if isinstance(error, httpcore2.ConnectError | httpcore2.ConnectTimeout | httpcore2.ProxyError):
            return self._unreachable(error)
        if isinstance(error, httpcore2.UnsupportedProtocol):
            return InputError(f"{where} is no address of an endpoint", "base_url begins with http:// or https://")
        if isinstance(error, httpcore2.LocalProtocolError):
            # Says which header is ill-formed, and may quote it.
            return InputError(
                f"a request to {where} cannot be made: the key or a header holds characters that are not allowed",
                f"check {self._endpoint.key_variable or 'its headers'} for line ends and odd characters",
            )
        if isinstance(error, httpcore2.TimeoutException):
            text = f"{where} was silent for {self._endpoint.idle_seconds:.0f} s"
            return Passing(text, mend="raise idle_seconds of the provider if it is that slow", kind="idle")
        return Passing(f"the connection to {where} broke: {error or type(error).__name__}")

    def _unreachable(self, error: Exception) -> Exception:
        where = self._endpoint.shown
        mend = "is the server running?" if self._endpoint.local else "check base_url and the network"
        reason = str(error) or "no answer"
        for cause in _causes(error):
            if isinstance(cause, ssl.SSLCertVerificationError):
                return ModelError(
                    f"the certificate of {where} is not trusted: {cause.verify_message}",
                    "name your authority's certificate file in SSL_CERT_FILE",
                )
            if isinstance(cause, ssl.SSLError):
                return ModelError(f"{where} does not speak TLS: {cause.reason}", "does base_url want http:// instead?")
            if isinstance(cause, ConnectionRefusedError):
                reason, mend = "connection refused", "is the server running? base_url says where it is looked for"
            elif isinstance(cause, socket.gaierror):
                reason = "the host's name is not known"
            elif isinstance(cause, TimeoutError):
                reason = f"no answer within {CONNECT_SECONDS:.0f} s"
        if not self._endpoint.local and (proxy := _proxy_for(self._endpoint.base_url)):
            reason += f" (through the proxy {shown_url(proxy)})"
        return Passing(f"cannot reach {where}: {reason}", mend=mend, kind="connect")


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


def _proxy_for(url: str) -> str:
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


async def _plain(response: httpcore2.Response, headers: Mapping[str, str]) -> AsyncGenerator[bytes]:
    """The body's bytes, as they come; unpacked where a server compresses although it was asked not to."""
    packed = headers.get("content-encoding", "identity") in ("gzip", "deflate")
    unpack = zlib.decompressobj(wbits=47) if packed else None
    stream = response.aiter_stream()
    try:
        async for chunk in stream:
            try:
                yield unpack.decompress(chunk) if unpack else chunk
            except zlib.error as error:
                raise ValueError(str(error)) from None
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


def _causes(error: BaseException) -> Iterator[BaseException]:
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
