"""Fetching objects from an LFS server, each checked before it is kept."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from midwatch.domain.errors import OperationError
from midwatch.workspace.lfs_server import Endless, Headers, Server, action
from midwatch.workspace.names import shown, without_secret

_AT_ONCE = 4
_BATCH = 100
_REDIRECTS = 3
_LEAVE = "or leave the files of LFS out: take `lfs = true` out of .midwatch/environment.toml"


@dataclass(slots=True)
class Transfer:
    """Downloads from one server. For one use."""

    server: Server
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def download(self, wanted: Mapping[str, int], folder: Path) -> None:
        """Bring the objects (size by SHA-256) into a folder of objects. An object is there whole and checked, or not at
        all. Blocks on the network. Raises OperationError that names the first that cannot be had, OSError."""
        import httpcore2

        try:
            async with self.server.connected():
                names = sorted(wanted)
                for start in range(0, len(names), _BATCH):
                    await self._some({oid: wanted[oid] for oid in names[start : start + _BATCH]}, folder)
        except Endless:
            raise self._failed("its answer does not end") from None
        except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise self._failed(str(error) or type(error).__name__) from None

    async def _some(self, wanted: Mapping[str, int], folder: Path) -> None:
        actions = await self._locate(wanted)
        try:
            async with asyncio.TaskGroup() as group:
                for oid, size in wanted.items():
                    group.create_task(self._one(oid, size, actions[oid], folder))
        except BaseExceptionGroup as failed:
            raise first(failed) from None

    async def _locate(self, wanted: Mapping[str, int]) -> dict[str, tuple[str, Headers]]:
        """Address and headers by object."""
        status, answer = await self.server.batch("download", list(wanted.items()))
        if status != 200:
            raise self._failed(f"it answered {status}" + (", so it wants to know who asks" if status == 401 else ""))
        try:
            return _places(json.loads(answer), wanted)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._failed("its answer cannot be read") from None

    async def _one(self, oid: str, size: int, action: tuple[str, Headers], folder: Path) -> None:
        target = folder / oid[:2] / oid[2:4] / oid
        async with self._slots:
            handle, name = await asyncio.to_thread(begin, target)
            try:
                digest, left = hashlib.sha256(), size
                async with aclosing(self._bytes_of(oid, *action)) as pieces:
                    async for piece in pieces:
                        left -= len(piece)
                        if left < 0:
                            break
                        digest.update(piece)
                        await asyncio.to_thread(write, handle, piece)
                if left or digest.hexdigest() != oid:
                    raise self._failed(f"object {oid[:12]} came with other bytes than its name says")
                name.chmod(0o644)
                name.replace(target)
            finally:
                os.close(handle)
                name.unlink(missing_ok=True)

    async def _bytes_of(self, oid: str, address: str, headers: Headers) -> AsyncGenerator[bytes]:
        for _ in range(_REDIRECTS + 1):
            parts = urlsplit(address)
            if not self.server.safe(address):
                raise self._failed(f"object {oid[:12]} is said to be at {without_secret(address)}, without encryption")
            async with self.server.stream("GET", address, headers) as response:
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

    def _failed(self, words: str) -> OperationError:
        return OperationError(
            f"the LFS server {without_secret(self.server.endpoint)} did not give what was asked for: {shown(words)}",
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
        found[oid] = action(one["actions"]["download"])
    if found.keys() != wanted.keys():
        raise ValueError("an object without an answer")
    return found


def begin(target: Path) -> tuple[int, Path]:
    """A new file beside where an object is to lie: its handle and name. Blocks. Raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix="tmp-", dir=target.parent)
    return handle, Path(name)


def write(handle: int, piece: bytes) -> None:
    """Write all of it. Blocks. Raises OSError."""
    view = memoryview(piece)
    while view:
        view = view[os.write(handle, view) :]


def first(failed: BaseException) -> BaseException:
    """The one that a group of exceptions began with."""
    while isinstance(failed, BaseExceptionGroup):
        failed = failed.exceptions[0]
    return failed
