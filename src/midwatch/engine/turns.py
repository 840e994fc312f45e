"""Turns: the pieces of a task's work that workers take. The row is the truth of how a turn stands; the engine only
says when it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from midwatch.domain.errors import InputError
from midwatch.domain.labels import joined, split
from midwatch.engine import letters
from midwatch.engine.budgets.ledger import forfeit
from midwatch.engine.database.base import Connection, Database
from midwatch.engine.store.sql import insert

if TYPE_CHECKING:
    from midwatch.domain.conversation import Image
    from midwatch.domain.task import Task

INTERACTIVE, BATCH = 1, 10
"""Priorities: the lower is taken first."""
OPEN = ("queued", "running", "paused")
ENDED = ("done", "failed", "cancelled")
WISHES = ("cancel", "pause")
FIELDS = (
    "id, task, number, kind, owner, repository, priority, status, worker, wish, wished_by, error, mend, round, handed, "
    "tries, losses, begin_at, created, changed, labels, admitted, started"
)
"""The columns of a `Turn`, in its order."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One piece of a task's work. Times are seconds since 1970 by the database's clock."""

    id: str
    """`TASK:N`."""
    task: str
    number: int
    """1 for the first."""
    kind: str
    """Why there is one: `submit`, `message`, `retry`, `resume`."""
    owner: str
    """Who wants it; empty where there are no users."""
    repository: str
    priority: int
    status: str
    """`queued`, `running`, `paused`, `done`, `failed`, `cancelled`."""
    worker: str
    """Who works on it; empty for nobody."""
    wish: str
    """What a person wants of a running one, and it has not come to yet: `cancel`, `pause`; empty for nothing."""
    wished_by: str
    error: str
    """Why it failed; empty when it did not."""
    mend: str
    round: int
    """Counts how often it was put into the queue."""
    handed: int
    """The round that the engine was last given."""
    tries: int
    """How often it could not go on since its task last got further."""
    losses: int
    """How many of its workers have died since its task last made a move."""
    begin_at: float
    """Not before; 0 for at once."""
    created: float
    changed: float
    """When its status became what it is."""
    labels: str
    """What it demands of its worker, as `domain.labels.joined` has it."""
    admitted: int
    """The round in which it was last given a place among those that limits let begin; see `engine.places`."""
    started: float
    """When it was first let begin, or begun; 0 for not yet."""

    @property
    def run(self) -> str:
        """The engine's name for this turn in this round: given to the engine twice it is run once."""
        return f"{self.id}/{self.round}"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which turns; empty fields take all."""

    status: str = ""
    owner: str = ""
    repository: str = ""
    task: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants a turn, and when."""

    owner: str = ""
    priority: int = INTERACTIVE
    begin_at: float = 0.0
    images: tuple[Image, ...] = ()
    """Pictures with a message; they are in the blob store."""


class Turns:
    """What whoever submits and steers does with turns. Nothing here waits for a worker."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.limited = False
        """When it was last looked, there were limits; see `handing`."""

    async def submit(self, task: Task, begun: Sequence[Any] = (), asked: Asked | None = None) -> Turn:
        """Keep a task and its first turn in one transaction. Twice with the same task is the same as once."""
        wanted = asked or Asked()

        def work(db: Connection) -> Turn:
            insert(db, task, begun)
            return newest(db, task.id) or _open(db, task.id, "submit", task.repository, task.labels, wanted)

        return await self.database.write(work)

    async def again(self, task: Task, kind: str, asked: Asked | None = None) -> Turn:
        """Open the next turn (`retry`, `resume`, `choose`) of a task. A paused turn is queued itself, and one that
        waits for its time begins now when it is resumed. Raises InputError while another one is queued or running, for
        what is done already where only `choose` finds something to do, and for a task that was cancelled unless it is a
        `retry`."""
        wanted = asked or Asked()
        made: list[str] = []

        def work(db: Connection) -> Turn:
            last = newest(db, task.id, lock=True)
            if last is not None and last.run in made:
                return last  # only the answer to the commit was lost
            if last is not None and (last.status == "paused" or (kind == "resume" and _early(db, last))):
                _queue(db, last.id)
                return _noted(made, _found(db, last.id))
            if last is not None and last.status in OPEN:
                raise InputError(
                    f"task {task.id} is {last.status} already", f"`midwatch show {task.id}` shows how far it is"
                )
            if last is not None and last.status == "cancelled" and kind != "retry":
                raise InputError(
                    f"task {task.id} was cancelled",
                    f"`midwatch retry {task.id}` goes on with it after all, `midwatch fork` makes another of it",
                )
            if last is not None and last.status == "done" and kind in ("resume", "retry"):
                raise InputError(
                    f"task {task.id} is done, so there is nothing to go on with",
                    f"`midwatch tell {task.id}` goes on with what you say, `midwatch fork` makes another of it",
                )
            return _noted(made, _open(db, task.id, kind, task.repository, task.labels, wanted))

        return await self.database.write(work)

    async def say(self, task: Task, text: str, author: str, asked: Asked | None = None) -> Turn:
        """Give a task a person's message: its running attempts get it with their next model call; where none is open,
        the next turn is opened for it. Raises InputError for an empty one."""
        if not text.strip():
            raise InputError("the message is empty", "say what is to be done")
        wanted = asked or Asked()
        kept: list[tuple[int, float]] = []

        def work(db: Connection) -> Turn:
            last = newest(db, task.id, lock=True)
            if last is not None and kept and letters.stands(db, task.id, *kept[-1]):
                return last  # only the answer to the commit was lost
            kept.append(letters.write(db, task.id, author, text, wanted.images))
            if last is not None and last.status in OPEN:
                return last
            return _open(db, task.id, "message", task.repository, task.labels, wanted)

        return await self.database.write(work)

    async def wish(self, task_id: str, wish: str, by: str) -> Turn:
        """Cancel or pause a task's open turn: a running one when its worker sees it, a waiting one now. Raises
        InputError when there is none, or when it is paused already, or being cancelled."""
        if wish not in WISHES:
            raise InputError(f"there is no wish {wish!r}", f"choose one of {', '.join(WISHES)}")
        became: list[Turn] = []

        def work(db: Connection) -> Turn:
            last = newest(db, task_id, lock=True)
            if last is not None and last in became:
                return last  # only the answer to the commit was lost
            if last is None or last.status in ENDED or (last.status, wish) == ("paused", "pause"):
                status = "has no turn" if last is None else f"is {last.status} already"
                raise InputError(f"task {task_id} {status}", f"`midwatch show {task_id}` shows what came of it")
            if (last.wish, wish) == ("cancel", "pause"):
                raise InputError(f"task {task_id} is being cancelled", f"`midwatch show {task_id}` shows when it is")
            if last.status == "running":
                db.execute("UPDATE turn SET wish = ?, wished_by = ? WHERE id = ?", (wish, by, last.id))
            else:
                status = "cancelled" if wish == "cancel" else "paused"
                query = f"UPDATE turn SET status = ?, wished_by = ?, wish = '', unclosed = ?, changed = {db.clock} WHERE id = ?"  # noqa: S608, E501 - our own words
                db.execute(query, (status, by, int(status == "cancelled"), last.id))
                forfeit(db, task_id)
            became.append(_found(db, last.id))
            return became[-1]

        return await self.database.write(work)

    async def get(self, turn_id: str) -> Turn:
        """That turn. Raises InputError when there is none."""
        return await self.database.read(lambda db: _found(db, turn_id))

    async def newest(self, task_id: str) -> Turn | None:
        """The last turn of a task; None for one that was never handed to workers."""
        return await self.database.read(lambda db: newest(db, task_id))

    async def submitter(self, task_id: str) -> str:
        """Whose the first turn of a task is; empty for one that was never handed to workers."""
        query = "SELECT owner FROM turn WHERE task = ? ORDER BY number LIMIT 1"
        row = await self.database.read(lambda db: db.execute(query, (task_id,)).fetchone())
        return "" if row is None else str(row[0])

    async def of_tasks(self, tasks: Sequence[str]) -> dict[str, Turn]:
        """The last turn of each of these tasks that has one."""

        def work(db: Connection) -> dict[str, Turn]:
            found: dict[str, Turn] = {}
            for at in range(0, len(tasks), 500):
                part = tasks[at : at + 500]
                query = (
                    f"SELECT {FIELDS} FROM turn WHERE task IN ({', '.join('?' for _ in part)}) "  # noqa: S608 - ours
                    "AND number = (SELECT max(n.number) FROM turn n WHERE n.task = turn.task)"
                )
                found |= {row[1]: Turn(*row) for row in db.execute(query, part)}
            return found

        return await self.database.read(work)

    async def page(self, only: Filter, before: str = "", limit: int = 50) -> Sequence[Turn]:
        """Turns, the newest task's first; `before` is the id that the page before ended with."""
        wanted = {name: value for name in ("status", "owner", "repository", "task") if (value := getattr(only, name))}
        terms = [f"{name} = ?" for name in wanted] + (["id < ?"] if before else [])
        where = f"WHERE {' AND '.join(terms)}" if terms else ""
        query = f"SELECT {FIELDS} FROM turn {where} ORDER BY id DESC LIMIT ?"  # noqa: S608 - our own words
        values = (*wanted.values(), *([before] if before else []), limit)
        return await self.database.read(lambda db: [Turn(*row) for row in db.execute(query, values)])

    async def counts(self) -> dict[str, int]:
        """How many turns there are of each status."""
        query = "SELECT status, count(*) FROM turn GROUP BY status"
        return await self.database.read(lambda db: dict(db.execute(query).fetchall()))

    async def stale(self, seconds: float, after: str = "", limit: int = 500) -> Sequence[Turn]:
        """Turns that the engine was given and that are queued still after so many seconds and past their time, by
        their ids; those that come after that id."""

        def work(db: Connection) -> list[Turn]:
            query = (
                f"SELECT {FIELDS} FROM turn WHERE status = 'queued' AND handed = round "  # noqa: S608 - our own words
                f"AND changed < {db.clock} - ? AND begin_at < {db.clock} - ? AND id > ? ORDER BY id LIMIT ?"
            )
            return [Turn(*row) for row in db.execute(query, (seconds, seconds, after, limit))]

        return await self.database.read(work)

    async def handed(self, turn: Turn) -> None:
        """The engine has been given this turn in its round."""
        query = "UPDATE turn SET handed = ? WHERE id = ? AND handed < ?"
        values = (turn.round, turn.id, turn.round)
        await self.database.write(lambda db: db.execute(query, values).rowcount)

    async def lost(self, turn: Turn) -> None:
        """The engine knows nothing of this turn any more: it is handed over anew."""
        query = "UPDATE turn SET round = round + 1 WHERE id = ? AND round = ? AND status = 'queued'"
        await self.database.write(lambda db: db.execute(query, (turn.id, turn.round)).rowcount)


def newest(db: Connection, task_id: str, *, lock: bool = False) -> Turn | None:
    """The last turn of a task; with `lock`, nobody else opens or changes one before this transaction ends."""
    if lock:  # also where there is no turn yet
        db.execute(f"SELECT id FROM task WHERE id = ?{db.for_update}", (task_id,)).fetchone()  # noqa: S608
    end = db.for_update if lock else ""
    query = f"SELECT {FIELDS} FROM turn WHERE task = ? ORDER BY number DESC LIMIT 1{end}"  # noqa: S608 - our own words
    row = db.execute(query, (task_id,)).fetchone()
    return None if row is None else Turn(*row)


def next_turn(db: Connection, last: Turn, kind: str, *, paused: bool = False) -> Turn:
    """The turn after that one, wanted by the same; `paused`: as whoever wished something of that one wants it."""
    asked = Asked(last.owner, last.priority)
    following = _open(db, last.task, kind, last.repository, split(last.labels), asked)
    if not paused:
        return following
    db.execute("UPDATE turn SET status = 'paused', wished_by = ? WHERE id = ?", (last.wished_by, following.id))
    return _found(db, following.id)


def _open(db: Connection, task_id: str, kind: str, repository: str, labels: Sequence[str], asked: Asked) -> Turn:
    query = "SELECT coalesce(max(number), 0) + 1 FROM turn WHERE task = ?"
    number = int(db.execute(query, (task_id,)).fetchone()[0])
    name = f"{task_id}:{number}"
    db.execute("DELETE FROM archived WHERE task = ?", (task_id,))
    db.execute(
        "INSERT INTO turn (id, task, number, kind, owner, repository, priority, status, begin_at, labels, created, "  # noqa: S608
        f"changed) VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, {db.clock}, {db.clock})",
        (name, task_id, number, kind, asked.owner, repository, asked.priority, asked.begin_at, joined(labels)),
    )
    return _found(db, name)


def _noted(made: list[str], turn: Turn) -> Turn:
    made.append(turn.run)
    return turn


def _early(db: Connection, turn: Turn) -> bool:
    """It waits for its time."""
    query = f"SELECT 1 FROM turn WHERE id = ? AND status = 'queued' AND begin_at > {db.clock}"  # noqa: S608 - our own words
    return db.execute(query, (turn.id,)).fetchone() is not None


def _queue(db: Connection, turn_id: str) -> None:
    query = (
        "UPDATE turn SET status = 'queued', round = round + 1, tries = 0, error = '', mend = '', wish = '', "  # noqa: S608
        f"begin_at = 0, changed = {db.clock} WHERE id = ?"
    )
    db.execute(query, (turn_id,))


def _found(db: Connection, turn_id: str) -> Turn:
    row = db.execute(f"SELECT {FIELDS} FROM turn WHERE id = ?", (turn_id,)).fetchone()  # noqa: S608 - our own words
    if row is None:
        raise InputError(f"there is no turn {turn_id!r}", "`midwatch list` shows the tasks")
    return Turn(*row)
