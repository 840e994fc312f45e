"""Requests to a server. What may pass is tried again; a POST has a key, so that the server does it once however often
it is sent."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from midwatch import __version__
from midwatch.cli.remote.address import Address
from midwatch.cli.remote.credentials import Token
from midwatch.cli.remote.refusals import Refused, meaning
from midwatch.domain.errors import InputError, MidwatchError, OperationError
from midwatch.models.endpoint import RetryPolicy, shown_url
from midwatch.models.pool import causes, open_pool, proxy_for
from midwatch.models.retry import Passing, pause

if TYPE_CHECKING:
    import httpcore2

ROOT = "/api/v1/"
LARGEST = 256 << 20
"""Bytes of an answer; a diff or a page of events is far below it."""
SECONDS: Mapping[str, float] = {"connect": 10.0, "write": 60.0, "read": 120.0, "pool": 10.0}
POLICY = RetryPolicy(connect_attempts=4, base_seconds=1.0, longest_seconds=8.0, longest_asked_seconds=60.0)
PATIENT = RetryPolicy(
    attempts=1 << 30, connect_attempts=1 << 30, base_seconds=1.0, longest_seconds=10.0, longest_asked_seconds=300.0
)
"""For somebody who waits for a task: as long as it takes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A success."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()

    def json(self, address: Address) -> Any:
        """The body, an object; looking for what neither it nor an object in it has raises OperationError, as it does
        here for what is none."""
        strange = OperationError(f"{address.url} does not answer as a Midwatch server does", "is the address right?")

        class Told(dict[str, Any]):
            def __missing__(self, key: str) -> Any:
                raise strange

        try:
            value = json.loads(self.body, object_pairs_hook=Told)
        except ValueError:
            raise strange from None
        if not isinstance(value, Told):
            raise strange
        return value


@dataclass(frozen=True, slots=True)
class Posted:
    """What a POST was answered."""

    value: Any
    known: bool
    """It was answered before: nothing was done again."""


class Client:
    """A server, with a token. Connects when first used; `close` may be called twice."""

    def __init__(self, address: Address, token: Token, notice: Callable[[str], None] = lambda _: None) -> None:
        """`notice` is told what is waited for, a sentence each."""
        self.address = address
        self._token = token
        self._notice = notice
        self._pool: httpcore2.AsyncConnectionPool | None = None

    async def get(self, path: str, *, policy: RetryPolicy = POLICY, **query: str) -> Any:
        """The JSON at a path below /api/v1. Raises InputError and OperationError, as all requests do."""
        return (await self._persist("GET", _with(path, query), policy, b"", {})).json(self.address)

    async def raw(self, path: str, kind: str, **query: str) -> bytes:
        """The bytes at a path, of a media type."""
        return (await self._persist("GET", _with(path, query), POLICY, b"", {"Accept": kind})).body

    async def post(self, path: str, value: Any, key: str = "", *, policy: RetryPolicy = POLICY) -> Posted:
        """Send a JSON value. `key`: the same for what is to be done once; without one, this call alone is."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key or str(uuid.uuid4())}
        answer = await self._persist("POST", path, policy, json.dumps(value).encode(), headers)
        return Posted(answer.json(self.address), "idempotency-replayed" in answer.headers)

    async def send(self, method: str, path: str, value: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """One request of any kind, with headers of its own. What is sent twice must do no harm."""
        body = b"" if value is None else json.dumps(value).encode()
        own = {"Content-Type": "application/json"} if body else {}
        return await self._persist(method, path, POLICY, body, {**own, **(headers or {})})

    async def close(self) -> None:
        """Release the connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def _persist(
        self, method: str, path: str, policy: RetryPolicy, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        tried = 0
        while True:
            tried += 1
            try:
                async with self.exchange(method, path, body, headers) as (head, chunks):
                    cookies = (v.decode("latin1") for n, v in head.headers if n.lower() == b"set-cookie")
                    return Answer(head.status, _names(head), await whole(chunks), tuple(cookies))
            except Passing as failure:
                wait = pause(policy, min(tried, 20), failure)
                if wait is None and policy is PATIENT:
                    wait = PATIENT.longest_seconds
                if wait is None:
                    raise OperationError(failure.text, failure.mend or "try again later") from None
                self._notice(trying(failure, wait))
            await asyncio.sleep(wait)

    @asynccontextmanager
    async def exchange(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], **seconds: float
    ) -> AsyncIterator[tuple[httpcore2.Response, AsyncGenerator[bytes]]]:
        """One request, and its answer if that is a success, as it comes. Raises Passing for what may pass, and
        MidwatchError for the rest."""
        import httpcore2

        known = (
            httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError,
            httpcore2.ProxyError, httpcore2.UnsupportedProtocol,
        )  # fmt: skip
        if self._pool is None:
            self._pool = open_pool(self.address.url, direct=self.address.local)
        url = self.address.url + ROOT + path
        sent = self._headers()
        sent.update(headers.items())
        limits = {"timeout": {**SECONDS, **seconds}}
        try:
            async with self._pool.stream(method, url, headers=sent, content=body, extensions=limits) as response:
                if not 200 <= response.status < 300:
                    raise await self._refusal(response)
                yield response, _chunks(response)
        except known as error:
            raise self._meaning(error) from None

    def _headers(self) -> dict[bytes | str, bytes | str]:
        headers: dict[bytes | str, bytes | str] = {
            "User-Agent": f"midwatch/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        if self._token.value:
            headers["Authorization"] = f"Bearer {self._token.value}"
        return headers

    async def _refusal(self, response: httpcore2.Response) -> MidwatchError | Passing:
        body = await whole(_chunks(response), 1 << 20)
        if self._token.value:  # an answer may repeat what it was sent
            body = body.replace(self._token.value.encode(), b"[hidden]")
        return meaning(self.address, Refused(response.status, _names(response), body, self._token.source))

    def _meaning(self, error: Exception) -> Exception:
        import httpcore2

        where = self.address.url
        if isinstance(error, httpcore2.ConnectError | httpcore2.ConnectTimeout | httpcore2.ProxyError):
            return self._unreachable(error)
        if isinstance(error, httpcore2.TimeoutException):
            return Passing(f"{where} was silent for too long")
        if isinstance(error, httpcore2.LocalProtocolError):  # it may quote a header
            return InputError(f"a request to {where} cannot be made", "check the token for odd characters")
        mend = "" if where.startswith("https:") else "does the server speak https? Then write https:// in its address"
        return Passing(f"the connection to {where} broke", mend=mend)

    def _unreachable(self, error: Exception) -> Exception:
        where, mend = self.address.url, "check the address and the network"
        reason = str(error) or "no answer"
        for cause in causes(error):
            if isinstance(cause, ssl.SSLCertVerificationError):
                mend = "name your authority's certificate file in SSL_CERT_FILE"
                return OperationError(f"the certificate of {where} is not trusted: {cause.verify_message}", mend)
            if isinstance(cause, ssl.SSLError):
                return OperationError(f"{where} does not speak TLS: {cause.reason}", "is the address right?")
            if isinstance(cause, ConnectionRefusedError):
                reason, mend = "connection refused", "is the server running? `midwatch serve` starts one"
            elif isinstance(cause, socket.gaierror):
                reason = "the host's name is not known"
            elif isinstance(cause, TimeoutError):
                reason = f"no answer within {SECONDS['connect']:.0f} s"
        if not self.address.local and (proxy := proxy_for(where)):
            reason += f" (through the proxy {shown_url(proxy)})"
        return Passing(f"cannot reach {where}: {reason}", mend=mend, kind="connect")


def trying(failure: Passing, wait: float) -> str:
    """What a person is told who waits for that many seconds."""
    return f"{failure.text}; trying again" + (f" in {wait:.0f} s" if wait >= 1 else "")


async def whole(chunks: AsyncGenerator[bytes], most: int = LARGEST) -> bytes:
    """A body. Raises OperationError for one that is too large."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > most:
            raise OperationError(f"the server's answer is larger than {most >> 20} MiB", "ask for less of it")
    return bytes(body)


async def _chunks(response: httpcore2.Response) -> AsyncGenerator[bytes]:
    stream = response.aiter_stream()
    try:
        async for chunk in stream:
            yield chunk
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


def _names(response: httpcore2.Response) -> dict[str, str]:
    return {name.decode("latin1").lower(): value.decode("latin1") for name, value in response.headers}


def _with(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
