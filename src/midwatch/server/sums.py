"""What tasks have come to in numbers, for lists: lines changed, cost, the verdict, the pull request.

A task's log must be read for that, so it is done away from the requests, kept as long as the log is the same, and told
when it is there. Pull requests are read anew when the forge's book has changed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch import wiring
from midwatch.domain.errors import MidwatchError
from midwatch.server.answers import SumAnswer
from midwatch.server.views import text

if TYPE_CHECKING:
    from midwatch.domain.pull_request import PullRequest
    from midwatch.engine.store.base import TaskRow
    from midwatch.server.aside import Aside
    from midwatch.wiring import Home
    from midwatch.workflows.report import Report

MOST = 5000
"""Tasks whose numbers are kept."""
AFTER_TROUBLE = 60.0
"""Seconds after which what could not be read is tried again."""
REST = 20
"""What changes all the time is not read again before so many times as long as its reading took have passed."""

Heads = tuple[int, ...]

log = logging.getLogger("midwatch.server")


@dataclass(frozen=True, slots=True)
class Sum:
    """The numbers of a task, as they were when its attempts had so many events."""

    heads: Heads
    """Empty for what could not be read."""
    added: int | None
    removed: int | None
    files: int
    cost_microusd: int | None
    tokens: int
    verdict: str
    again: float = field(compare=False)
    """By the monotonic clock: not read again before."""


class Sums:
    """Of one process. Used from the loop that serves; `close` is called on it."""

    def __init__(self, home: Home, aside: Aside, told: Callable[[str], None] = lambda _: None) -> None:
        """`told`: of the task whose numbers have become others, or its pull request."""
        self._home, self._aside, self.told = home, aside, told
        self._known: OrderedDict[str, Sum] = OrderedDict()
        self._wanted: dict[str, Heads] = {}
        self._reader: asyncio.Task[None] | None = None
        self._requests: Mapping[str, PullRequest] = {}
        self._stamp: tuple[int, ...] = ()
        self._again = 0.0

    def of(self, row: TaskRow) -> SumAnswer | None:
        """What is known, perhaps of a moment ago; what is not known yet is read from now on."""
        heads, found = tuple(state.seq for state in row.attempts), self._known.get(row.task.id)
        request = self._requests.get(row.task.id)
        if any(heads) and (found is None or found.heads != heads) and row.task.kind != "conversation":
            self._wanted[row.task.id] = heads
            if self._reader is None or self._reader.done():
                self._reader = asyncio.create_task(self._read())
        if found is None and request is None:
            return None
        return _answer(found, request)

    async def look(self) -> None:
        """Read the pull requests where they have changed, and tell of the tasks whose one did. A forge that cannot be
        read has none that are new."""
        if (began := time.monotonic()) < self._again:
            return
        stamp = await asyncio.to_thread(_stamp, self._home.state / "forge.db")
        if stamp == self._stamp:
            return
        try:
            found = await self._aside.do(self._home.forge.list())
        except MidwatchError as error:
            log.warning("the pull requests cannot be read: %s", error.message)
            self._again = began + AFTER_TROUBLE
            return
        self._again = time.monotonic() + REST * (time.monotonic() - began)
        newest: dict[str, PullRequest] = {}
        for one in reversed(found):
            newest[one.proposal.task_id] = one
        before, self._requests, self._stamp = self._requests, newest, stamp
        for name, one in newest.items():
            if before.get(name) != one:
                self.told(name)

    async def close(self) -> None:
        """Read nothing more."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        while self._wanted:
            now = time.monotonic()
            due = [name for name in self._wanted if name not in self._known or self._known[name].again <= now]
            if not due:
                await asyncio.sleep(0.5)
                continue
            heads = self._wanted.pop(due[0])
            try:
                report = await self._aside.do(wiring.report(self._home, due[0]))
            except MidwatchError as error:  # a damaged log, a repository that is gone: it has no numbers
                log.debug("task %s cannot be summed up: %s", due[0], error.message)
                self._keep(due[0], Sum((), None, None, 0, None, 0, "none", now + AFTER_TROUBLE))
                continue
            self._keep(due[0], _sum(heads, report, time.monotonic() - now))

    def _keep(self, name: str, found: Sum) -> None:
        before = self._known.pop(name, None)
        self._known[name] = found
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        if before != found:
            self.told(name)


def _sum(heads: Heads, report: Report, took: float) -> Sum:
    costs = [one.cost_microusd for one in report.attempts]
    evidence = report.chosen.evidence
    return Sum(
        heads=heads,
        added=_total(change.added for change in report.changes),
        removed=_total(change.removed for change in report.changes),
        files=len(report.changes),
        cost_microusd=None if None in costs else _total(costs),
        tokens=sum(one.usage.input_tokens + one.usage.output_tokens for one in report.attempts),
        verdict=evidence.verdict if evidence else "none",
        again=time.monotonic() + REST * took,
    )


def _total(found: Iterable[int | None]) -> int:
    return sum(one or 0 for one in found)


def _answer(found: Sum | None, request: PullRequest | None) -> SumAnswer:
    state = "" if request is None else "draft" if request.state == "open" and request.proposal.draft else request.state
    return SumAnswer(
        added=found.added if found else None,
        removed=found.removed if found else None,
        files=found.files if found else 0,
        cost_microusd=found.cost_microusd if found else None,
        tokens=found.tokens if found else 0,
        verdict=found.verdict if found else "none",
        pull_request=request.number if request else None,
        pull_request_state=state,
        pull_request_url=text(request.url) if request else "",
    )


def _stamp(path: Path) -> tuple[int, ...]:
    """Changes with the file: SQLite writes beside it first."""
    found: list[int] = []
    for part in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-journal")):
        try:
            status = part.stat()
            found += [status.st_mtime_ns, status.st_size, status.st_ino]
        except OSError:
            found.append(0)
    return tuple(found)
