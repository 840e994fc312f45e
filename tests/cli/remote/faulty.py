"""A server on loopback that does what servers do on bad days: one scripted answer for each request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass
class Faulty:
    """What it answers next, and what it was asked."""

    url: str = ""
    script: list[bytes] = field(default_factory=list)
    """The bytes of each answer, after which the connection is closed; the last one repeats."""
    asked: list[Asked] = field(default_factory=list)


def answers(status: int, value: Any = None, **headers: str) -> bytes:
    """A whole answer, in JSON; `problem` for what is no success."""
    kind = "application/json" if status < 400 else "application/problem+json"
    return _head(status, kind, **headers) + json.dumps(value).encode()


def streams(*messages: str, whole: bool = False) -> bytes:
    """A stream of events. Not `whole`: it breaks off in the middle of a chunk."""
    body = "".join(messages).encode()
    return (
        _head(200, "text/event-stream", **{"Transfer-Encoding": "chunked"})
        + b"%x\r\n%s" % (len(body) + (0 if whole else 7), body)
        + (b"\r\n0\r\n\r\n" if whole else b"")
    )


def page(text: str, status: int) -> bytes:
    """What is no Midwatch."""
    return _head(status, "text/html") + text.encode()


def _head(status: int, kind: str, **headers: str) -> bytes:
    given = {"Content-Type": kind, "Connection": "close", **headers}
    return (f"HTTP/1.1 {status} X\r\n" + "".join(f"{n}: {v}\r\n" for n, v in given.items()) + "\r\n").encode()


@asynccontextmanager
async def faulty() -> AsyncIterator[Faulty]:
    """Until the context ends."""
    found = Faulty()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1")
            first, *rest = head.split("\r\n")
            pairs = (line.partition(": ") for line in rest if line)
            headers = {name.lower(): value for name, _, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            method, path, _ = first.split(" ")
            found.asked.append(Asked(method, path, headers, body))
            writer.write(found.script.pop(0) if len(found.script) > 1 else found.script[0])
            await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield found
