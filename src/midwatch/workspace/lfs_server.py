"""Asking an LFS server: the connection, who asks, and the batch API, which says where objects are or go."""

from __future__ import annotations

import base64
import json
import os
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from midwatch.domain.errors import InputError
from midwatch.workspace.git import Git
from midwatch.workspace.names import shown

if TYPE_CHECKING:
    import httpcore2

JSON = "application/vnd.git-lfs+json"
_LARGEST_ANSWER = 8 << 20
_TIMES = {"connect": 10.0, "read": 60.0, "write": 60.0, "pool": 600.0}

Headers = dict[bytes | str, bytes | str]


class Endless(Exception):
    """An answer that is longer than any should be."""


@dataclass(slots=True)
class Server:
    """One server, for one use: within `connected`. What httpcore2 raises of the network is for the caller."""

    endpoint: str
    """The address of its API, without a slash at the end."""
    lent: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What git's environment has in addition: a token that a connection gives."""
    _login: str = field(default="", repr=False)
    """The value of the Authorization header; only ever sent to the endpoint's own host."""
    _asked: bytes = field(default=b"", repr=False)
    _pool: httpcore2.AsyncConnectionPool | None = None

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Have connections as long as this lasts. Raises InputError for certificates that cannot be read."""
        async with await self._connections() as self._pool:
            yield

    async def batch(
        self, operation: str, objects: Sequence[tuple[str, int]], more: Mapping[str, Any] | None = None
    ) -> tuple[int, bytes]:
        """Ask what is to be done with objects (SHA-256 and size): status and body. Whoever is asked who they are asks
        the credential helpers, once. Raises Endless."""
        body = json.dumps({
            "operation": operation, "transfers": ["basic"], "hash_algo": "sha256",
            "objects": [{"oid": oid, "size": size} for oid, size in objects], **(more or {}),
        }).encode()  # fmt: skip
        known = bool(self._login)
        status, answer = await self._ask(body)
        if status == 401 and not known and await self.log_in():
            status, answer = await self._ask(body)
            if not self.lent:  # else it is not theirs to keep
                await self._credential("approve" if status == 200 else "reject", self._asked)
        return status, answer

    async def _ask(self, body: bytes) -> tuple[int, bytes]:
        return await self.post(f"{self.endpoint}/objects/batch", {}, body)

    async def post(self, address: str, headers: Headers, body: bytes) -> tuple[int, bytes]:
        """Send JSON; status and body. Raises Endless."""
        return await self.send("POST", address, {"Accept": JSON, "Content-Type": JSON, **headers}, body)

    async def send(
        self, method: str, address: str, headers: Headers, content: bytes | AsyncIterator[bytes]
    ) -> tuple[int, bytes]:
        """One request whose answer is small; status and body. Raises Endless."""
        async with self.stream(method, address, headers, content) as response:
            answer = bytearray()
            async for chunk in response.aiter_stream():
                answer += chunk
                if len(answer) > _LARGEST_ANSWER:
                    raise Endless
            return response.status, bytes(answer)

    @asynccontextmanager
    async def stream(
        self, method: str, address: str, headers: Headers, content: bytes | AsyncIterator[bytes] | None = None
    ) -> AsyncIterator[httpcore2.Response]:
        """One request. Who asks is said to the endpoint's own host alone; the caller has seen that the address is
        `safe`."""
        assert self._pool is not None
        sent: Headers = {"User-Agent": "midwatch", **headers}
        if self._login and self.own(address) and not any(str(name).lower() == "authorization" for name in sent):
            sent["Authorization"] = self._login
        more = {"timeout": _TIMES}
        async with self._pool.stream(method, address, headers=sent, content=content, extensions=more) as response:
            yield response

    def own(self, address: str) -> bool:
        """Whether it is on the endpoint's own host, by the same scheme."""
        return urlsplit(address)[:2] == urlsplit(self.endpoint)[:2]

    def safe(self, address: str) -> bool:
        """Whether something may be sent there: elsewhere only encrypted."""
        return self.own(address) or urlsplit(address).scheme == "https"

    async def log_in(self) -> bool:
        """Ask the credential helpers; whether they know the server."""
        parts = urlsplit(self.endpoint)
        asked = f"protocol={parts.scheme}\nhost={parts.netloc}\npath={parts.path.lstrip('/')}\n\n".encode()
        found = await self._credential("fill", asked)
        said = dict(line.split(b"=", 1) for line in found.split(b"\n") if b"=" in line)
        if b"username" not in said or b"password" not in said:
            return False
        pair = said[b"username"] + b":" + said[b"password"]
        self._login, self._asked = f"Basic {base64.b64encode(pair).decode()}", found + b"\n"
        return True

    async def _credential(self, what: str, about: bytes) -> bytes:
        git = Git(cwd=Path("/"), trusted=True, environment=self.lent)
        return (await git.ask("credential", what, stdin=about)).stdout

    async def _connections(self) -> httpcore2.AsyncConnectionPool:
        import httpcore2

        context = httpcore2.default_ssl_context()
        authority = os.environ.get("GIT_SSL_CAINFO", "")
        if not authority:
            git = Git(cwd=Path("/"), trusted=True)
            key = ("config", "-z", "--type=path", "--get-urlmatch", "http.sslCAInfo", self.endpoint)
            authority = os.fsdecode((await git.ask(*key)).stdout.partition(b"\0")[0])
        if authority:
            try:
                context.load_verify_locations(authority)
            except (OSError, ssl.SSLError) as error:
                raise InputError(
                    f"the certificates in {shown(authority)} cannot be read: {error}", "mend the file"
                ) from None
        proxy = _proxy_for(self.endpoint)
        if proxy:
            return httpcore2.AsyncHTTPProxy(proxy, ssl_context=context)
        return httpcore2.AsyncConnectionPool(ssl_context=context)


def action(said: Any) -> tuple[str, Headers]:
    """Address and headers of what a batch answer says is to be done. Raises ValueError, KeyError, TypeError and
    AttributeError for what is none."""
    headers = {str(k): str(v) for k, v in (said.get("header") or {}).items()}
    if any(c in k + v for k, v in headers.items() for c in "\r\n\0"):
        raise ValueError("a header that is two")
    made: Headers = {}
    made.update((name, value) for name, value in headers.items())
    return str(said["href"]), made


def _proxy_for(url: str) -> str:
    """The environment's HTTP proxy for an address; empty when there is none, or NO_PROXY names the host."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return ""
    import urllib.request  # takes 20 ms, so only where there may be a proxy

    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme, "")
    return "" if not proxy or urllib.request.proxy_bypass(parts.netloc) else proxy
