"""One connection to a server, over which the protocol's library talks: a program's pipes, or streamable HTTP.

This module and those that import it load the library; that takes about a second, so only tasks with servers come here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import anyio
import httpx2
import mcp_types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from midwatch.domain.errors import InputError, OperationError
from midwatch.tools.mcp.config import ServerSettings
from midwatch.tools.mcp.inbox import MESSAGE_BYTES, PARTS, Inbox, moderate
from midwatch.tools.mcp.process import Server

for _name in ("mcp", "client"):
    # The library logs what servers send, which would reach the terminal as it is.
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False

Incoming = SessionMessage | Exception
Launch = Callable[[Inbox], Awaitable[Server]]


class Line(Protocol):
    """One connection, used once: `streams` is entered, and `why` may be asked then."""

    @property
    def over(self) -> bool:
        """Whether the other end is known to be gone."""

    def streams(self) -> contextlib.AbstractAsyncContextManager[TransportStreams]:
        """Connect; the messages in and out."""

    async def why(self) -> str:
        """What is known about its end, in words; empty for nothing."""


class ProcessLine:
    """To a program."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._inbox = Inbox()
        self._server: Server | None = None

    @property
    def over(self) -> bool:
        """As `Line.over`."""
        return self._inbox.over

    async def why(self) -> str:
        """As `Line.why`."""
        # Not before somebody asks: looking at them opens a box that has been parked.
        words = await self._server.last_words() if self._server else ""
        return "; ".join(filter(None, [self._inbox.fault, words]))

    @asynccontextmanager
    async def streams(self) -> AsyncIterator[TransportStreams]:
        """As `Line.streams`. Raises SandboxLost, or OperationError for a program that cannot be started."""
        try:
            server = self._server = await self._launch(self._inbox)
        except OSError as error:
            raise OperationError(f"it cannot be started: {error.strerror}") from error
        writing, incoming = anyio.create_memory_object_stream[Incoming](0)
        outgoing, reading = anyio.create_memory_object_stream[SessionMessage](0)
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._receive(writing)), loop.create_task(_send(reading, server))]
        try:
            yield incoming, outgoing
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for stream in (writing, incoming, outgoing, reading):
                stream.close()
            await asyncio.shield(loop.create_task(server.stop()))

    async def _receive(self, stream: MemoryObjectSendStream[Incoming]) -> None:
        with stream, contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async for line in self._inbox.lines():
                if not moderate(line):
                    self._inbox.end(f"a message had more than {PARTS} parts")
                    return
                with contextlib.suppress(ValueError):  # noise; a server that only makes noise runs into a time limit
                    message = mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False)
                    await stream.send(SessionMessage(message))


async def _send(stream: MemoryObjectReceiveStream[SessionMessage], server: Server) -> None:
    async for sent in stream:
        await server.write(sent.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")


class HttpLine:
    """To a server that is reached over HTTP."""

    def __init__(self, name: str, settings: ServerSettings, headers: dict[str, str], auth: httpx2.Auth | None) -> None:
        self._name = name
        self._url = settings.url
        self._refused = ""
        context = ssl.create_default_context() if self._url.startswith("https:") else True
        timeout = httpx2.Timeout(30.0, read=settings.call_seconds)
        self._client = httpx2.AsyncClient(
            headers={"Accept-Encoding": "identity", **headers},
            auth=auth,
            timeout=timeout,
            verify=context,
            event_hooks={"response": [_cap, self._look]},
        )

    @property
    def over(self) -> bool:
        """As `Line.over`: that is seen only when something is asked."""
        return False

    async def why(self) -> str:
        """As `Line.why`."""
        return self._refused

    async def _look(self, response: httpx2.Response) -> None:
        if response.request.method == "POST" and str(response.request.url) == self._url:
            refused = response.status_code in (401, 403) or response.status_code >= 500
            self._refused = f"it answers HTTP {response.status_code}" if refused else ""
            if response.status_code == 401:
                self._refused += f"; does it need a login? `midwatch login {self._name}`"

    @asynccontextmanager
    async def streams(self) -> AsyncIterator[TransportStreams]:
        """As `Line.streams`."""
        async with self._client:
            async with streamable_http_client(
                self._url, http_client=self._client, max_sse_event_size=MESSAGE_BYTES
            ) as streams:
                yield streams


class TooLong(httpx2.StreamError):
    """An answer that is read no further."""


async def _cap(response: httpx2.Response) -> None:
    """Let no answer be longer than a message may be; streams of events have a cap for each of them."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise TooLong("the answer is compressed, though that was not asked for")
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Capped(response.stream)


class _Capped(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        whole = bytearray()
        async for chunk in self._stream:
            whole += chunk
            if len(whole) > MESSAGE_BYTES:
                raise TooLong(f"the answer is longer than {MESSAGE_BYTES >> 20} MiB")
        if not moderate(bytes(whole)):
            raise TooLong(f"the answer has more than {PARTS} parts")
        yield bytes(whole)

    async def aclose(self) -> None:
        await self._stream.aclose()


def said(error: BaseException) -> str:
    """The innermost reason of what a connection ended with; tasks wrap it in groups."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    if isinstance(error, ValidationError):  # its text has a paragraph for each of its errors, which may be thousands
        return "an answer that cannot be read"
    return str(error) or type(error).__name__


def bearer(name: str, variable: str, environ: Any) -> str:
    """The value of the `Authorization` header. Raises InputError when the variable is not set."""
    token = str(environ.get(variable, "")).strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise InputError(
            f"the MCP server {name} needs a token and {variable} is not set"
            if not token
            else f"the token in {variable} holds characters that no token has",
            f"export {variable}=…",
        )
    return f"Bearer {token}"
