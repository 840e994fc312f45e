"""The way to an endpoint and back: one streaming request at a time, asked again when a failure may pass."""

from __future__ import annotations

import asyncio
import importlib
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any, BinaryIO

from midwatch.domain.conversation import Delta, Reply
from midwatch.domain.errors import ModelError
from midwatch.models.connection import Answer, Connections
from midwatch.models.endpoint import Endpoint
from midwatch.models.outgoing import Outgoing
from midwatch.models.refusals import Asked, from_status
from midwatch.models.retry import Passing, pause
from midwatch.models.sse import Decoder

LONGEST_REFUSAL = 1 << 20
"""Bytes of an error answer that are read."""

DONE: Mapping[str, Any] = {"type": "[DONE]"}
"""The `[DONE]` that ends a stream, among its events."""

SHOWN_WAIT_SECONDS = 1.0

MOST_PINGS = 4
"""A stream that keeps the connection alive and says nothing is waited for this many times as long as a silent one."""

END_SECONDS = 0.2
"""How long the end of an answer is waited for once the reply is complete."""

Events = AsyncGenerator[Mapping[str, Any]]
Reader = Callable[[Events], AsyncGenerator[Delta | Reply]]
"""Turns the events of one answer into deltas and the reply; raises Passing when they end without one."""


def preload() -> None:
    """Import what the first request needs (0.1 s). For a thread, while something else is being waited for; may be
    called twice."""
    for name in ("httpcore2", "anyio._backends._asyncio"):
        importlib.import_module(name)


class Transport:
    """Requests to one endpoint, over one pool of connections that is made when first needed."""

    def __init__(self, asked: Asked, path: str, headers: Mapping[str, str]) -> None:
        self._asked = asked
        self._endpoint: Endpoint = asked.endpoint
        self._path = path
        self._connections = Connections(asked.endpoint, headers)

    async def converse(self, body: Outgoing, read: Reader) -> AsyncGenerator[Delta | Reply]:
        """Send the body, and yield what `read` makes of the answer, up to and with the Reply. Raises ModelError."""
        pace, tokens = self._endpoint.pace, body.size // 4
        tried = 0
        while True:
            tried += 1
            async with aclosing(self._turn(tokens)) as notices:
                async for notice in notices:
                    yield notice
            try:
                async with aclosing(self._events(body)) as events, aclosing(read(events)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Reply):
                            pace.settle(tokens, piece.usage.total)
                            await _to_the_end(events)
                            yield piece
                            return
                        yield piece
                raise Passing(f"{self._endpoint.shown} ended its answer without a reply")
            except Passing as failure:
                wait = pause(self._endpoint.retry, tried, failure)
                if wait is None:
                    raise self._given_up(failure, tried) from None
                if failure.wait is not None:
                    pace.pause(wait)
                yield Delta("notice", f"{failure.text}; trying again in {wait:.0f} s")
            await asyncio.sleep(wait)

    async def _turn(self, tokens: int) -> AsyncGenerator[Delta]:
        """Wait until the provider's pace allows a request of that many tokens; says so where it is long."""
        wait = self._endpoint.pace.reserve(tokens)
        if wait <= 0:
            return
        waited = False
        try:
            if wait >= SHOWN_WAIT_SECONDS:
                yield Delta("notice", f"waiting {wait:.0f} s for the rate limit of {self._endpoint.shown}")
            await asyncio.sleep(wait)
            waited = True
        finally:
            if not waited:
                self._endpoint.pace.release(tokens)

    async def close(self) -> None:
        """Release the connections; a later request makes new ones."""
        await self._connections.close()

    async def _events(self, body: Outgoing) -> Events:
        """The events of one answer. Closing this closes the connection, unless the answer was read to its end."""
        with self._endpoint.trace.answer(body.data if self._endpoint.trace.on else b"") as written:
            async with self._connections.post(self._path, body) as answer:
                chunks = _written(answer.chunks, written)
                async with aclosing(chunks), aclosing(self._read(answer, chunks)) as events:
                    async for event in events:
                        yield event

    async def _read(self, answer: Answer, chunks: AsyncGenerator[bytes]) -> Events:
        """What its body says."""
        if answer.status != 200:
            beginning = await _beginning(chunks)
            command = self._endpoint.key_command
            if answer.status == 401 and command is not None and command.forget():
                raise Passing(f"{self._endpoint.shown} no longer takes the key", wait=0.0)
            refused = from_status(self._asked, answer.status, answer.headers, beginning)
            refused.status = answer.status
            raise refused
        decoder, idle = Decoder(), self._endpoint.idle_seconds * MOST_PINGS
        heard = time.monotonic()
        try:
            async for chunk in chunks:
                for event in map(_event, decoder.feed(chunk)):
                    if event.get("type") != "ping":
                        heard = time.monotonic()
                    yield event
                if time.monotonic() - heard > idle:
                    text = f"{self._endpoint.shown} sent nothing but signs of life for {idle:.0f} s"
                    raise Passing(text, mend="raise idle_seconds of the provider if it is that slow", kind="idle")
            for data in decoder.finish():
                yield _event(data)
        except ValueError as error:
            raise Passing(f"{self._endpoint.shown} sent what cannot be read: {error}") from None

    def _given_up(self, failure: Passing, tried: int) -> ModelError:
        if failure.wait is not None and failure.wait > self._endpoint.retry.longest_asked_seconds:
            text = f"{failure.text}; it asks to wait {failure.wait:.0f} s"
            error = ModelError(text, "`midwatch resume` goes on when that time has passed", retryable=True)
        else:
            times = f" ({tried} attempts)" if tried > 1 else ""
            error = ModelError(failure.text + times, failure.mend or "`midwatch resume` tries again", retryable=True)
        error.status = failure.status
        return error


def _event(data: str) -> Mapping[str, Any]:
    """One event. Raises ValueError for what is no JSON object."""
    if data.strip() == "[DONE]":
        return DONE
    value = json.loads(data)
    if isinstance(value, list) and len(value) == 1:  # Google's form of an error
        value = value[0]
    if not isinstance(value, dict):
        raise ValueError("an event that is no object")
    return value


async def _to_the_end(events: Events) -> None:
    """Read what follows the reply, which is nothing but the end: then the connection can be used again."""
    try:
        async with asyncio.timeout(END_SECONDS):
            async for _ in events:
                pass
    except (TimeoutError, Passing):
        pass


async def _written(chunks: AsyncGenerator[bytes], file: BinaryIO | None) -> AsyncGenerator[bytes]:
    """The same bytes, written down as they come where there is a file for them."""
    async for chunk in chunks:
        if file is not None:
            with suppress(OSError):
                file.write(chunk)
        yield chunk


async def _beginning(chunks: AsyncGenerator[bytes]) -> bytes:
    """As much of an error answer as is worth reading."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > LONGEST_REFUSAL:
            break
    return bytes(body)
