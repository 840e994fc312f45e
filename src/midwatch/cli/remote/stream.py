"""Live events: `text/event-stream` read as it comes, taken up again where it broke off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from midwatch.cli.remote.client import PATIENT, Client, trying
from midwatch.domain.errors import OperationError
from midwatch.models.retry import Passing, pause

SILENCE = 60.0
"""Seconds; a server that has nothing to say sends a comment every 15 s."""
LARGEST = 64 << 20
"""Bytes of one message."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of a stream."""

    id: str
    name: str
    data: str


class Decoder:
    """Turns bytes into messages, by the rules of HTML's "server-sent events" but for lone carriage returns, which no
    server of ours sends. Raises ValueError for what is not UTF-8 or too large."""

    def __init__(self, last: str = "") -> None:
        self.last = last
        """The id of the last message that was whole; what `Last-Event-ID` says."""
        self._id = last
        self._rest = b""
        self._name = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[Sent]:
        """The messages that this chunk completes. What has no empty line behind it when the stream ends is none."""
        self._size += len(chunk)
        if self._size > LARGEST:
            raise ValueError(f"more than {LARGEST >> 20} MiB in one message")
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [sent for line in lines if (sent := self._line(line.removesuffix(b"\r"))) is not None]

    def _line(self, line: bytes) -> Sent | None:
        if not line:
            sent = Sent(self._id, self._name or "message", "\n".join(self._data)) if self._data else None
            self.last, self._name, self._data, self._size = self._id, "", [], 0
            return sent
        name, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode()
        if name == b"data":
            self._data.append(text)
        elif name == b"event":
            self._name = text
        elif name == b"id" and "\0" not in text:
            self._id = text
        return None


async def follow(client: Client, path: str, notice: Callable[[str], None]) -> AsyncGenerator[Sent]:
    """The messages of a stream from its first on, each once, up to and with the one named `end`. A connection that
    breaks is made again, for as long as it takes; `notice` is told. Raises InputError when the server refuses."""
    decoder, tried = Decoder(), 0

    def back() -> None:
        if tried > 1:
            notice(f"connected again to {client.address.url}")

    while True:
        try:
            async with aclosing(_messages(client, path, decoder, back)) as messages:
                async for sent in messages:
                    tried = 0
                    yield sent
                    if sent.name == "end":
                        return
            failure = Passing(f"{client.address.url} ended the stream")
        except Passing as error:
            failure = error
        except OperationError as error:  # the server is in trouble; the task may not be
            failure = Passing(error.message, mend=error.mend)
        tried += 1
        wait = pause(PATIENT, min(tried, 20), failure)
        wait = PATIENT.longest_seconds if wait is None else wait
        if tried > 1:  # a server that is replaced by another is no news
            notice(trying(failure, wait))
        await asyncio.sleep(wait)


async def _messages(client: Client, path: str, decoder: Decoder, back: Callable[[], None]) -> AsyncGenerator[Sent]:
    """Those of one connection; `back` is called when it stands."""
    again = Decoder(decoder.last)  # what a broken connection left half is sent anew
    headers: dict[str, Any] = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    headers |= {"Last-Event-ID": decoder.last} if decoder.last else {}
    async with client.exchange("GET", path, b"", headers, read=SILENCE) as (response, chunks):
        kinds = [value for name, value in response.headers if name.lower() == b"content-type"]
        if not kinds or not kinds[0].startswith(b"text/event-stream"):
            raise OperationError(f"{client.address.url} sends no stream of events", "is the address right?")
        back()
        try:
            async for chunk in chunks:
                for sent in again.feed(chunk):
                    decoder.last = sent.id
                    yield sent
        except ValueError as error:
            raise Passing(f"{client.address.url} sent what cannot be read: {error}") from None
