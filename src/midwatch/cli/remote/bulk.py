"""Many tasks from a file of lines, each of which makes its task once, however often the file is imported."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter, deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from midwatch.cli.remote.client import Client
from midwatch.cli.remote.submission import of_line
from midwatch.domain.errors import InputError
from midwatch.models.endpoint import RetryPolicy

AT_ONCE = 4
"""Requests under way; the server makes each task in some ten milliseconds."""
POLICY = RetryPolicy(
    attempts=20, connect_attempts=6, base_seconds=1.0, longest_seconds=15.0, longest_asked_seconds=300.0
)
"""A server that asks for a slower pace is waited for."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file."""

    number: int
    body: dict[str, Any] | None
    error: InputError | None = None
    """Why it is no task."""


@dataclass(frozen=True, slots=True)
class Done:
    """What has become of a line."""

    line: Line
    id: str = ""
    """Of its task; empty when it was refused."""
    known: bool = False
    """It was imported before."""
    error: InputError | None = None


def lines_of(data: bytes) -> list[Line]:
    """The lines that hold something. Never raises: what is wrong with a line is kept with it."""
    found = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if line.strip():
            try:
                found.append(Line(number, of_line(line)))
            except InputError as error:
                found.append(Line(number, None, error))
    return found


def completed(lines: Sequence[Line], repository: str) -> list[Line]:
    """With the repository of those that name none, and a priority: nobody waits for so many."""
    defaults = {"repository": repository, "priority": "batch"}
    return [line if line.body is None else Line(line.number, {**defaults, **line.body}) for line in lines]


def keys(lines: Sequence[Line], batch: str) -> list[str]:
    """Each line's own key: what it asks for, and whether it is the first, the second … that asks for the same. So the
    same line has the same key after others were added, mended or taken out."""
    seen: Counter[str] = Counter()
    found = []
    for line in lines:
        text = json.dumps([batch, line.body], sort_keys=True)
        seen[text] += 1
        found.append("import-" + hashlib.sha256(f"{text}\0{seen[text]}".encode()).hexdigest())
    return found


async def submit(client: Client, lines: Sequence[Line], batch: str, at_once: int = AT_ONCE) -> AsyncGenerator[Done]:
    """Submit them, and yield what has become of each, in their order. Raises OperationError when the server cannot be
    reached any more; closing this ends what is under way."""
    waiting: deque[asyncio.Task[Done]] = deque()
    try:
        for line, key in zip(lines, keys(lines, batch), strict=True):
            waiting.append(asyncio.create_task(_one(client, line, key)))
            if len(waiting) >= at_once:
                yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _one(client: Client, line: Line, key: str) -> Done:
    if line.error is not None:
        return Done(line, error=line.error)
    try:
        posted = await client.post("tasks", line.body, key, policy=POLICY)
    except InputError as error:
        return Done(line, error=error)
    return Done(line, str(posted.value["id"]), posted.known)
