"""The events of attempts as they come, for any number of clients at once.

One poller looks for all attempts that anybody follows, with one query for all of them. A client is a place in a log
and nothing else: what it has not seen is taken from the newest events, which are kept, or read from the store.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from midwatch.domain.errors import MidwatchError
from midwatch.domain.ids import task_of
from midwatch.server.standing import Standing, standings

if TYPE_CHECKING:
    from midwatch.engine.store.records import Record
    from midwatch.engine.store.sql import SqlStore

BATCH = 0.05
"""Seconds between two looks while something happens: what comes within them is sent together."""
QUIET = 0.5
"""Seconds between two looks when nothing has happened for a while."""
HEARTBEAT = 15.0
"""Seconds after which a silent stream sends a comment, so that nobody between takes it for dead."""
RIGHTS = 15.0
"""Seconds after which it is looked again whether a client may follow what it follows."""
KEPT = 100
"""Newest events of an attempt that are kept for those who follow it."""
PAGE = 100
"""Events that are read from the store at once."""

log = logging.getLogger("midwatch.server")


@dataclass(eq=False)
class Feed:
    """An attempt that is followed by somebody."""

    attempt: str
    head: int
    """Number of the newest event that is known."""
    newest: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=KEPT))
    ended: str = ""
    """How it stands, once nobody works on it and nothing is queued."""
    followers: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when something has changed, and replaced by a new one."""
    bells: set[asyncio.Event] = field(default_factory=set)
    """Of those who follow other things as well: set at the same time."""

    def tell(self) -> None:
        """Wake all who wait."""
        news, self.news = self.news, asyncio.Event()
        news.set()
        for bell in self.bells:
            bell.set()


class Streams:
    """All that are open. `close` lets every client go and must be called from the loop that serves them."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._feeds: dict[str, Feed] = {}
        self._poller: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._closing = False
        self.bells: set[asyncio.Event] = set()
        """Of those who are to be woken when all are let go."""

    async def follow(self, attempt: str, after: int, may: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
        """Events after number `after` in the form of `text/event-stream`, until the attempt has come to rest, or `may`
        says that the client is not to see them any more. The attempt must be there."""
        feed = self.join(attempt, after)
        at, looked = after, time.monotonic()
        try:
            yield b"retry: 1000\n\n"
            while not self._closing:
                if time.monotonic() >= looked + RIGHTS:
                    looked = time.monotonic()
                    if not await still(may):
                        return
                news, ended = feed.news, feed.ended
                frames, at = await self.after(feed, at)
                if frames:
                    yield b"".join(frames)
                elif ended:
                    yield frame("end", at, json.dumps({"attempt": attempt, "status": ended}))
                    return
                else:
                    try:
                        await asyncio.wait_for(news.wait(), HEARTBEAT)
                    except TimeoutError:
                        yield b": still here\n\n"
        finally:
            self.leave(feed)

    @property
    def closing(self) -> bool:
        """Whether every client is to go."""
        return self._closing

    async def close(self) -> None:
        """Let all clients go, in the middle of what they follow; they come again with `Last-Event-ID`."""
        self._closing = True
        for feed in self._feeds.values():
            feed.tell()
        for bell in self.bells:
            bell.set()
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)

    def join(self, attempt: str, after: int, bell: asyncio.Event | None = None) -> Feed:
        """Follow an attempt that is there, from event `after` on, until `leave`. `bell` is set when there is news."""
        feed = self._feeds.get(attempt)
        if feed is None:
            feed = self._feeds[attempt] = Feed(attempt, after)
        feed.ended = ""  # what has ended may have been taken up again: the next look says
        feed.followers += 1
        if bell is not None:
            feed.bells.add(bell)
        self._wake.set()
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        return feed

    def leave(self, feed: Feed, bell: asyncio.Event | None = None) -> None:
        """Once for each `join`."""
        if bell is not None:
            feed.bells.discard(bell)
        feed.followers -= 1
        if not feed.followers and self._feeds.get(feed.attempt) is feed:
            del self._feeds[feed.attempt]

    async def after(self, feed: Feed, at: int) -> tuple[list[bytes], int]:
        """What comes after event `at`, as messages, and the number of the last of them; some at a time."""
        if at >= feed.head:
            return [], at
        if feed.newest and feed.newest[0][0] <= at + 1:
            return [frame for seq, frame in feed.newest if seq > at], feed.newest[-1][0]
        records = await self._store.page(feed.attempt, at, PAGE)
        return [event_frame(record) for record in records], records[-1].seq if records else at

    async def _poll(self) -> None:
        """Look for what is new, more often while there is something."""
        pause = BATCH
        while self._feeds:
            self._wake.clear()
            try:
                busy = await self._look(list(self._feeds.values()))
            except MidwatchError as error:  # a database that is gone for a while
                log.warning("the events that are followed cannot be read: %s", error.message)
                busy = False
            pause = BATCH if busy else min(QUIET, pause * 1.5)
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
                pause = BATCH
                await asyncio.sleep(BATCH)  # whoever comes in a crowd is looked for together
            except TimeoutError:
                pass

    async def _look(self, feeds: Sequence[Feed]) -> bool:
        found = await standings(self._store.database, [feed.attempt for feed in feeds])
        busy = False
        for feed in feeds:
            standing = found.get(feed.attempt, Standing(feed.head, "gone"))
            if (standing.seq, standing.ended) == (feed.head, feed.ended):
                continue
            busy = True
            await self._bring(feed, standing.seq)
            feed.ended = standing.ended
            feed.tell()
        return busy

    async def _bring(self, feed: Feed, seq: int) -> None:
        """Keep the newest events up to `seq`."""
        first = max(feed.head, seq - KEPT)
        if feed.newest and first > feed.newest[-1][0]:
            feed.newest.clear()  # what is kept has no gap
        while first < seq:
            records = await self._store.page(feed.attempt, first, PAGE)
            if not records:
                break
            feed.newest.extend((record.seq, event_frame(record)) for record in records)
            first = records[-1].seq
        feed.head = max(seq, first)


async def still(may: Callable[[], Awaitable[bool]]) -> bool:
    """Whether the client may; also where the database does not say."""
    try:
        return await may()
    except MidwatchError:  # a database that is gone has no events to show either
        return True


def event_json(record: Record) -> str:
    """An event as JSON: the body as it is stored, not read and written once more."""
    head = {
        "type": "event", "attempt": record.attempt, "task": task_of(record.attempt), "seq": record.seq,
        "time": record.time, "kind": record.kind, "version": record.version, "epoch": record.epoch, "hash": record.hash,
    }  # fmt: skip
    return f'{json.dumps(head)[:-1]}, "body": {record.body}}}'


def event_frame(record: Record) -> bytes:
    """The same as a message of a stream; its id is what `Last-Event-ID` takes. JSON here has no line break."""
    return frame("event", record.seq, event_json(record))


def frame(name: str, seq: int, data: str) -> bytes:
    """A message of a stream with that number as its id; `data` is JSON without a line break."""
    return f"id: {seq}\nevent: {name}\ndata: {data}\n\n".encode()
