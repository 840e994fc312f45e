"""The LFS server: which objects are where (the batch API), and fetching them, each checked before it is kept."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import ssl
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from midwatch.domain.errors import InputError, OperationError
from midwatch.workspace.git import Git
from midwatch.workspace.names import shown, without_secret

if TYPE_CHECKING:
    import httpcore2

_AT_ONCE = 4
_BATCH = 100
_LARGEST_ANSWER = 8 << 20
_REDIRECTS = 3
_TIMES = {"connect": 10.0, "read": 60.0, "write": 60.0, "pool": 600.0}
_JSON = "application/vnd.git-lfs+json"
_LEAVE = "or leave the files of LFS out: take `lfs = true` out of .midwatch/environment.toml"

Headers = dict[bytes | str, bytes | str]


@dataclass(slots=True)
class Transfer:
    """Downloads from one server. For one use."""

    endpoint: str
    lent: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What git's environment has in addition: a token that a connection gives."""
    _login: str = ""
    """The value of the Authorization header; only ever sent to the endpoint's own host."""
    _asked: bytes = b""
    _pool: httpcore2.AsyncConnectionPool | None = None
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def download(self, wanted: Mapping[str, int], folder: Path) -> None:
        """Bring the objects (size by SHA-256) into a folder of objects. An object is there whole and checked, or not at
        all. Blocks on the network. Raises OperationError that names the first that cannot be had, OSError."""
        import httpcore2

        try:
            async with await self._connected() as pool:
                self._pool = pool
                names = sorted(wanted)
                for start in range(0, len(names), _BATCH):
                    await self._some({oid: wanted[oid] for oid in names[start : start + _BATCH]}, folder)
        except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise self._failed(str(error) or type(error).__name__) from None

    async def _some(self, wanted: Mapping[str, int], folder: Path) -> None:
        actions = await self._locate(wanted)
        try:
            async with asyncio.TaskGroup() as group:
                for oid, size in wanted.items():
                    group.create_task(self._one(oid, size, actions[oid], folder))
        except BaseExceptionGroup as failed:
            raise _first(failed) from None

    async def _locate(self, wanted: Mapping[str, int]) -> dict[str, tuple[str, Headers]]:
        """Address and headers by object."""
        body = json.dumps({
            "operation": "download", "transfers": ["basic"], "hash_algo": "sha256",
            "objects": [{"oid": oid, "size": size} for oid, size in wanted.items()],
        }).encode()  # fmt: skip
        status, answer = await self._ask_for_places(body)
        if status == 401 and await self._log_in():
            status, answer = await self._ask_for_places(body)
            if not self.lent:  # else it is not theirs to keep
                await self._credential("approve" if status == 200 else "reject", self._asked)
        if status != 200:
            raise self._failed(f"it answered {status}" + (", so it wants to know who asks" if status == 401 else ""))
        try:
            return _places(json.loads(answer), wanted)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._failed("its answer cannot be read") from None

    async def _ask_for_places(self, body: bytes) -> tuple[int, bytes]:
        headers: Headers = {"Accept": _JSON, "Content-Type": _JSON, "User-Agent": "midwatch"}
        if self._login:
            headers["Authorization"] = self._login
        assert self._pool is not None
        async with self._pool.stream(
            "POST", f"{self.endpoint}/objects/batch", headers=headers, content=body, extensions={"timeout": _TIMES}
        ) as response:
            answer = bytearray()
            async for chunk in response.aiter_stream():
                answer += chunk
                if len(answer) > _LARGEST_ANSWER:
                    raise self._failed("its answer does not end")
            return response.status, bytes(answer)

    async def _one(self, oid: str, size: int, action: tuple[str, Headers], folder: Path) -> None:
        target = folder / oid[:2] / oid[2:4] / oid
        async with self._slots:
            handle, name = await asyncio.to_thread(_begin, target)
            try:
                digest, left = hashlib.sha256(), size
                async with aclosing(self._bytes_of(oid, *action)) as pieces:
                    async for piece in pieces:
                        left -= len(piece)
                        if left < 0:
                            break
                        digest.update(piece)
                        await asyncio.to_thread(_write, handle, piece)
                if left or digest.hexdigest() != oid:
                    raise self._failed(f"object {oid[:12]} came with other bytes than its name says")
                name.chmod(0o644)
                name.replace(target)
            finally:
                os.close(handle)
                name.unlink(missing_ok=True)

    async def _bytes_of(self, oid: str, address: str, headers: Headers) -> AsyncGenerator[bytes]:
        assert self._pool is not None
        own = urlsplit(self.endpoint)
        for _ in range(_REDIRECTS + 1):
            parts = urlsplit(address)
            same = parts[:2] == own[:2]
            if not same and parts.scheme != "https":
                raise self._failed(f"object {oid[:12]} is said to be at {without_secret(address)}, without encryption")
            sent = dict(headers)
            if same and self._login and not any(str(name).lower() == "authorization" for name in sent):
                sent["Authorization"] = self._login
            async with self._pool.stream("GET", address, headers=sent, extensions={"timeout": _TIMES}) as response:
                if response.status in (301, 302, 303, 307, 308):
                    to = {k.lower(): v for k, v in response.headers}.get(b"location", b"").decode("latin1")
                    address = urljoin(address, to)
                    if urlsplit(address)[:2] != parts[:2]:
                        headers = {}  # they were for the server before
                    continue
                if response.status != 200:
                    raise self._failed(f"object {oid[:12]}: {parts.netloc} answered {response.status}")
                async for piece in response.aiter_stream():
                    yield piece
                return
        raise self._failed(f"object {oid[:12]} is led from address to address")

    async def _log_in(self) -> bool:
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

    async def _connected(self) -> httpcore2.AsyncConnectionPool:
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

    def _failed(self, words: str) -> OperationError:
        return OperationError(
            f"the LFS server {without_secret(self.endpoint)} did not give what was asked for: {shown(words)}",
            f"check it with `git lfs fetch` in a clone, {_LEAVE}",
        )


def _places(answer: Any, wanted: Mapping[str, int]) -> dict[str, tuple[str, Headers]]:
    found: dict[str, tuple[str, Headers]] = {}
    for one in answer["objects"]:
        oid = str(one["oid"])
        if oid not in wanted:
            continue
        if "error" in one:
            raise OperationError(
                f"the LFS server does not have object {oid[:12]}: {shown(str(one['error'].get('message', '')))[:200]}",
                f"push it from a clone that has it: `git lfs push --all origin`, {_LEAVE}",
            )
        action = one["actions"]["download"]
        said = {str(k): str(v) for k, v in (action.get("header") or {}).items()}
        if any(c in k + v for k, v in said.items() for c in "\r\n\0"):
            raise ValueError("a header that is two")
        headers: Headers = {}
        headers.update((name, value) for name, value in said.items())
        found[oid] = (str(action["href"]), headers)
    if found.keys() != wanted.keys():
        raise ValueError("an object without an answer")
    return found


def _begin(target: Path) -> tuple[int, Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix="tmp-", dir=target.parent)
    return handle, Path(name)


def _write(handle: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(handle, view) :]


def _first(failed: BaseException) -> BaseException:
    while isinstance(failed, BaseExceptionGroup):
        failed = failed.exceptions[0]
    return failed


def _proxy_for(url: str) -> str:
    """The environment's HTTP proxy for an address; empty when there is none, or NO_PROXY names the host."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return ""
    import urllib.request  # takes 20 ms, so only where there may be a proxy

    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme, "")
    return "" if not proxy or urllib.request.proxy_bypass(parts.netloc) else proxy
