"""Rows of tasks as they change, for all who look at lists.

One poller looks for what has changed anywhere: turns by when they last did, tasks that are worked on by how far they
are, new tasks, what was archived, pull requests. Each change is made into a row once and kept for a while; a client is
a place among them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from midwatch.domain.errors import MidwatchError
from midwatch.engine.database.base import Connection
from midwatch.engine.turns import Filter
from midwatch.engine.waits import Wait, waits
from midwatch.server import views

if TYPE_CHECKING:
    from midwatch.engine.accounts.repositories import Repositories
    from midwatch.engine.store.base import TaskRow
    from midwatch.engine.store.sql import SqlStore
    from midwatch.engine.turns import Turn, Turns
    from midwatch.server.accounts.caller import Caller
    from midwatch.server.sums import Sums

BATCH = 0.05
"""Seconds between two looks while something happens."""
QUIET = 0.5
"""The same when nothing has happened for a while."""
KEPT = 4000
"""Newest changes that are kept: a client that is further behind begins anew."""
MOVED = 5.0
"""Seconds after which a row is sent again for nothing but further events of its task: its numbers may be others."""
MOVED_A_SECOND = 20
"""Of such rows, over all tasks: what changes how a task stands waits for none of them."""
MOST_WAITING = 200
"""Newest tasks that wait of which it is looked again what for."""
SLACK = 10.0
"""Seconds that a transaction may take between the time it writes down and its end."""
_AT_ONCE = 500
MOST_AT_ONCE = 1000
"""Changes of one look of which rows are made: with more all begin anew, which asks for a page of them."""

log = logging.getLogger("midwatch.server")
_Mark = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A change, as it is sent."""

    number: int
    repository: str
    """The id; empty for one that only administrators see."""
    owner: str
    data: str
    """JSON of the message's own fields, for its owner and administrators."""
    others: str
    """The same for others, who are not told numbers of the owner's limits."""
    name: str = "task"


@dataclass(eq=False)
class Rows:
    """Of one process. Used from the loop that serves; `close` ends it."""

    store: SqlStore
    turns: Turns
    repositories: Repositories
    sums: Sums
    bells: set[asyncio.Event] = field(default_factory=set)
    process: str = field(default_factory=lambda: secrets.token_hex(4))
    number: int = 0
    """Of the newest change."""

    def __post_init__(self) -> None:
        self._kept: deque[Row] = deque(maxlen=KEPT)
        self._poller: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()
        self._lost = True
        """Something may have been seen that nobody was told: all begin anew with the next look."""
        self._seen: dict[str, _Mark] = {}
        self._archived: frozenset[str] = frozenset()
        self._stamp: _Mark = ()
        self._newest = ""
        self._since = 0.0
        self._summed: set[str] = set()
        self._moved: dict[str, tuple[int, float]] = {}
        self._waits: dict[str, str] = {}
        self._waited = 0.0
        self.sums.told = self._summed.add

    async def join(self, bell: asyncio.Event) -> None:
        """Have the bell rung when there is news, until `leave`. What changes after this returns is a change."""
        self.bells.add(bell)
        if self._poller is None or self._poller.done():
            self._begun, self._lost = asyncio.Event(), True
            self._poller = asyncio.create_task(self._poll())
        await self._begun.wait()

    def leave(self, bell: asyncio.Event) -> None:
        """No longer."""
        self.bells.discard(bell)

    async def close(self) -> None:
        """End the poller."""
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)

    @property
    def cursor(self) -> str:
        """The place after the newest change."""
        return self.place(self.number)

    def place(self, number: int) -> str:
        """The place after a change."""
        return f"{self.process}.{number}"

    def number_of(self, cursor: str) -> int | None:
        """Of a place; None where what came after it is not known any more, or was never."""
        process, _, number = cursor.partition(".")
        if process != self.process or not number.isdigit() or int(number) > self.number:
            return None
        oldest = self._kept[0].number if self._kept else self.number + 1
        return int(number) if int(number) >= oldest - 1 else None

    def after(self, number: int, who: Caller) -> list[Row]:
        """The changes after a number that the caller may see."""
        first = max(0, len(self._kept) - (self.number - number))
        found = [self._kept[at] for at in range(first, len(self._kept))]
        return [row for row in found if who.everywhere or (row.repository and row.repository in who.roles)]

    async def _poll(self) -> None:
        pause = BATCH
        while self.bells:
            try:
                news = await self._told()
            except MidwatchError as error:  # a database that is gone for a while
                log.warning("the tasks that are followed cannot be read: %s", error.message)
                news, self._lost = False, True
                self._begun.set()  # who waits for it begins anew with all others
            if news:
                pause = BATCH
                for bell in self.bells:
                    bell.set()
            else:
                pause = min(QUIET, pause * 1.5)
            await asyncio.sleep(pause)
        self._anew()  # nobody looks meanwhile

    async def _told(self) -> bool:
        """Keep what has changed since the last look; whether there was anything."""
        changed, away = await self._changed()
        lost = self._lost
        if lost or len(changed) + len(away) > MOST_AT_ONCE:
            self._anew()
        else:
            await self._add(changed, away)
        self._lost = False
        self._begun.set()
        return bool(lost or changed or away)

    def _anew(self) -> None:
        """What came before any place is not known any more."""
        self.process, self.number = secrets.token_hex(4), 0
        self._kept.clear()

    async def _changed(self) -> tuple[set[str], Sequence[str]]:
        """Tasks that have changed since the last look, and those that are not listed any more."""
        looked = await self.store.database.read(self._look)
        changed = {name for name, mark in looked.marks.items() if self._seen.get(name) != mark}
        self._seen = looked.marks
        changed |= looked.new | self._further(looked) | await self._waiting(looked.now)
        self._newest = looked.newest
        self._since = looked.now - SLACK
        away: list[str] = []
        if looked.archived is not None:
            away = sorted(looked.archived - self._archived)
            changed |= self._archived - looked.archived
            self._archived, self._stamp = looked.archived, looked.stamp
        await self.sums.look()
        changed |= self._summed
        self._summed.clear()
        return changed - self._archived, away

    def _further(self, looked: _Looked) -> set[str]:
        """Tasks that are worked on and have got further, each now and then."""
        rest = max(MOVED, len(looked.heads) / MOVED_A_SECOND)
        found, moved = set(), {}
        for task, heads in looked.heads.items():
            before, when = self._moved.get(task, (heads, looked.now))
            if heads != before and looked.now >= when + rest:
                found.add(task)
                before, when = heads, looked.now
            moved[task] = (before, when)
        self._moved = moved
        return found

    async def _waiting(self, now: float) -> set[str]:
        """Tasks that wait for something else than they did: a limit, a worker with a label; looked at now and then."""
        if now < self._waited + MOVED:
            return set()
        queued = await self.turns.page(Filter(status="queued"), limit=MOST_WAITING)
        told = await waits(self.store.database, queued)
        found = {turn.task: told[turn.id].why if turn.id in told else "" for turn in queued}
        before, self._waits, self._waited = self._waits, found, now
        return {task for task, why in found.items() if before.get(task, why) != why}

    def _look(self, db: Connection) -> _Looked:
        now = float(db.execute(f"SELECT {db.clock}").fetchone()[0])
        query = (
            "SELECT task, number, status, wish, round, begin_at FROM turn WHERE status = 'running' "
            "UNION SELECT task, number, status, wish, round, begin_at FROM turn WHERE changed >= ?"
        )
        marks: dict[str, _Mark] = {}
        for task, *mark in db.execute(query, (self._since or now - SLACK,)):
            if task not in marks or int(str(marks[task][0])) <= mark[0]:
                marks[task] = tuple(mark)
        names = [name for name, mark in marks.items() if mark[1] == "running"]
        moves: dict[str, int] = {}
        for at in range(0, len(names), _AT_ONCE):
            part = names[at : at + _AT_ONCE]
            query = f"SELECT task, sum(seq) FROM attempt WHERE task IN ({', '.join('?' for _ in part)}) GROUP BY task"  # noqa: S608
            moves |= {task: int(heads) for task, heads in db.execute(query, part)}
        newest = db.execute("SELECT max(id) FROM task WHERE part = 0").fetchone()[0] or ""
        new = set()
        if self._newest and newest > self._newest:
            new = {row[0] for row in db.execute("SELECT id FROM task WHERE part = 0 AND id > ?", (self._newest,))}
        stamp: _Mark = tuple(db.execute("SELECT count(*), max(time) FROM archived").fetchone())
        archived = None
        if stamp != self._stamp:
            archived = frozenset(row[0] for row in db.execute("SELECT task FROM archived"))
        return _Looked(now, marks, moves, newest, new, stamp, archived)

    async def _add(self, changed: Collection[str], away: Iterable[str]) -> None:
        """Keep what has changed as rows."""
        found = await self.store.of_ids(sorted({*changed, *away}))
        if not found:
            return
        turns = await self.turns.of_tasks([row.task.id for row in found])
        told = await waits(self.store.database, list(turns.values()))
        ids = {one.location: one.id for one in await self.repositories.everything()}
        gone = set(away)
        for row in found:
            self.number += 1
            turn = turns.get(row.task.id)
            if row.task.id in gone:
                data = json.dumps({"id": row.task.id})
                self._kept.append(Row(self.number, ids.get(row.task.repository, ""), "", data, data, "away"))
            else:
                self._kept.append(self._row(row, turn, ids, told))

    def _row(self, row: TaskRow, turn: Turn | None, ids: Mapping[str, str], told: Mapping[str, Wait]) -> Row:
        def line(shown: Mapping[str, Wait]) -> str:
            found = views.task_line(row, turn, ids, shown).model_copy(update={"sum": numbers})
            return f'{{"task": {found.model_dump_json()}}}'

        numbers = self.sums.of(row)
        data = others = line(told)
        if turn is not None and turn.id in told:
            others = line({turn.id: told[turn.id].to_others()})
        return Row(self.number, ids.get(row.task.repository, ""), turn.owner if turn else "", data, others)


@dataclass(frozen=True, slots=True)
class _Looked:
    now: float
    marks: dict[str, _Mark]
    heads: dict[str, int]
    """Events of those that are worked on."""
    newest: str
    new: set[str]
    stamp: _Mark
    archived: frozenset[str] | None
    """None where nothing was archived or brought back."""
