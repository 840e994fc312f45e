"""The one stream of a browser's tab: rows of tasks and events of attempts on one connection."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from midwatch.domain.errors import MidwatchError
from midwatch.domain.ids import task_of
from midwatch.server.accounts.caller import may
from midwatch.server.problems import Problem
from midwatch.server.streams import BATCH, HEARTBEAT, RIGHTS, Feed

if TYPE_CHECKING:
    from midwatch.server.accounts.caller import Caller
    from midwatch.server.rows import Rows
    from midwatch.server.service import Service
    from midwatch.server.streams import Streams

TASKS = "tasks"
MOST = 20
"""Topics of one stream."""
_TOPIC = r"(tasks(@[0-9a-f]{1,16}\.[0-9]{1,15})?|attempt:[0-9a-z]{12}\.[1-9](@[0-9]{1,15})?)"
TOPICS = rf"^{_TOPIC}(,{_TOPIC}){{0,{MOST - 1}}}$"
_TOPICS = re.compile(TOPICS)


@dataclass
class Topic:
    """What a stream is about, and how far it is."""

    name: str
    at: str = ""
    """Of an attempt the number of the last event, of tasks a place of `Rows`; empty for the beginning."""
    feed: Feed | None = None
    repository: str = ""
    """The id of the attempt's."""
    told: tuple[str, int] = ("", 0)
    """The end that was last said, and after which event."""


def topics_of(asked: str, again: str = "") -> list[Topic]:
    """`tasks,attempt:ID@12`, which TOPICS fits; `again` is of the same form, and says where a stream broke off. What
    is not of that form is passed over."""
    further = dict(_parts(again)) if _TOPICS.fullmatch(again) else {}
    return [Topic(name, further.get(name, at)) for name, at in dict(_parts(asked)).items()][:MOST]


def _parts(asked: str) -> list[tuple[str, str]]:
    return [(name, at) for name, _, at in (part.partition("@") for part in asked.split(",")) if name]


@dataclass(eq=False)
class Tab:
    """One of them, while its client listens."""

    service: Service
    who: Caller
    again: Callable[[], Awaitable[Caller]]
    """Who it is by now; raises Problem when they would not be let in any more."""
    topics: Sequence[Topic]
    _bell: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def _streams(self) -> Streams:
        return self.service.streams

    @property
    def _rows(self) -> Rows:
        return self.service.rows

    async def follow(self) -> AsyncIterator[bytes]:
        """Messages in the form of `text/event-stream`, until the client goes, or is not let in any more, or the server
        ends. Each piece ends with the places of all topics as its id: what `Last-Event-ID` takes."""
        looked = time.monotonic()
        try:
            self._streams.bells.add(self._bell)
            yield b"retry: 1000\n\n"
            yield b"".join([await self._join(topic) for topic in self.topics]) + self._places()
            while not self._streams.closing:
                self._bell.clear()
                if time.monotonic() >= looked + RIGHTS:
                    looked = time.monotonic()
                    if not await self._still():
                        return
                if frames := [frame for topic in self.topics for frame in await self._news(topic)]:
                    yield b"".join(frames) + self._places()
                    await asyncio.sleep(BATCH)  # what comes within it is sent together
                    continue
                try:
                    await asyncio.wait_for(self._bell.wait(), HEARTBEAT)
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self._streams.bells.discard(self._bell)
            self._rows.leave(self._bell)
            for topic in self.topics:
                self._leave(topic)

    async def _join(self, topic: Topic) -> bytes:
        if topic.name == TASKS:
            await self._rows.join(self._bell)
            if self._rows.number_of(topic.at) is None:
                topic.at = self._rows.cursor
                return _frame("reset", topic, {})
            return b""
        store, attempt = self.service.home.store, topic.name.partition(":")[2]
        found = (await store.of_ids([task_of(attempt)]))[:1]
        heads = {state.attempt: state.seq for row in found for state in row.attempts}
        registered = await self.service.repositories.at(found[0].task.repository) if found else None
        topic.repository = registered.id if registered else ""
        if attempt not in heads or not may(self.who, topic.repository, "viewer"):
            return _frame("gone", topic, {"name": topic.name})
        topic.at = str(min(int(topic.at or 0), heads[attempt]))
        topic.feed = self._streams.join(attempt, int(topic.at), self._bell)
        return b""

    def _leave(self, topic: Topic) -> None:
        if topic.feed is not None:
            self._streams.leave(topic.feed, self._bell)
            topic.feed = None

    async def _still(self) -> bool:
        """Look again at what the caller may; False where that is nothing any more."""
        try:
            self.who = await self.again()
        except Problem:
            return False
        except MidwatchError:  # a database that is gone has nothing to show either
            return True
        for topic in self.topics:
            if topic.feed is not None and not may(self.who, topic.repository, "viewer"):
                self._leave(topic)
        return True

    async def _news(self, topic: Topic) -> list[bytes]:
        """What there is of a topic after its place."""
        if topic.name == TASKS:
            return self._of_tasks(topic)
        feed = topic.feed
        if feed is None:
            return []
        ended = feed.ended
        frames, at = await self._streams.after(feed, int(topic.at))
        first = int(topic.at) + 1
        found = []
        for number, frame in enumerate(frames, first):
            body = frame.split(b"data: ", 1)[1].rstrip(b"\n")
            head = json.dumps({"topic": topic.name, "at": str(number)})[:-1].encode()
            found.append(b"event: event\ndata: " + head + b', "event": ' + body + b"}\n\n")
        topic.at = str(at)
        if ended and at >= feed.head and topic.told != (ended, at):
            topic.told = (ended, at)
            found.append(_frame("end", topic, {"attempt": feed.attempt, "status": ended}))
        return found

    def _of_tasks(self, topic: Topic) -> list[bytes]:
        rows = self._rows
        if (number := rows.number_of(topic.at)) is None:
            topic.at = rows.cursor
            return [_frame("reset", topic, {})]
        found, topic.at = rows.after(number, self.who), rows.cursor
        head = {row.number: json.dumps({"topic": TASKS, "at": rows.place(row.number)})[:-1] for row in found}
        frames = []
        for row in found:
            known = self.who.everywhere or row.owner == self.who.name
            data = row.data if known else row.others
            frames.append(f"event: {row.name}\ndata: {head[row.number]}, {data[1:]}\n\n".encode())
        return frames

    def _places(self) -> bytes:
        places = ",".join(f"{topic.name}@{topic.at}" if topic.at else topic.name for topic in self.topics)
        return f"id: {places}\n\n".encode()


def _frame(name: str, topic: Topic, more: dict[str, str]) -> bytes:
    data = json.dumps({"topic": topic.name, "at": topic.at, **more})
    return f"event: {name}\ndata: {data}\n\n".encode()
