"""Counts what a process makes durable, in order, writes it down, and kills the process at one of those steps.

A step is a transaction of our database (of the loop that does the work: leases beat on threads of their own), one of
the durable engine's that has changed something, a commit or a ref of a store, a branch of a repository, or a row of the
local forge's book. *before*: all of the step's statements have run and nothing is committed. *after*: it is, and nobody
has been told.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial, wraps
from pathlib import Path
from typing import Any

_CHANGES = re.compile(
    r"\b(INSERT INTO|DELETE FROM|UPDATE)\s+([\w.\"]+)(?=\s+(?:AS\s+\w+\s+)?(?:SET|\(|WHERE|USING))", re.I
)
_events: ContextVar[str] = ContextVar("events", default="")


@dataclass
class Death:
    """When to die: `when` (before, after) the `number`-th step, from 1, of those with the name `step`. Each step's name
    is a line of `journal`, written before it."""

    journal: Path
    step: str = ""
    number: int = 0
    when: str = ""
    _counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, name: str) -> tuple[str, int]:
        """A step that begins: its name and its number."""
        with self._lock, self.journal.open("a") as file:
            self._counts[name] += 1
            file.write(f"{name}\n")
            return name, self._counts[name]

    def come(self, step: tuple[str, int], when: str) -> None:
        """Returns only where this is not the moment."""
        if (*step, when) == (self.step, self.number, self.when):
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def around(self, name: str) -> Iterator[None]:
        """Around what makes a step durable in one go."""
        step = self.begin(name)
        self.come(step, "before")
        yield
        self.come(step, "after")

    def install(self) -> None:
        """From now on, and until the process ends. Must be called where its work is done."""
        from midwatch.engine.database.postgresql import PostgresqlDatabase
        from midwatch.engine.database.sqlite import SqliteDatabase

        self._name_appends()
        for kind in (SqliteDatabase, PostgresqlDatabase):
            self._around_database(kind)
        self._around_engine()
        self._around_effects()

    def _name_appends(self) -> None:
        from midwatch.engine.store.sql import SqlStore

        inner = SqlStore.append

        @wraps(inner)
        async def append(store: SqlStore, attempt: str, epoch: int, bodies: Sequence[Any]) -> Any:
            _events.set("+".join(re.sub(r"(?<!^)(?=[A-Z])", "_", type(body).__name__).lower() for body in bodies))
            return await inner(store, attempt, epoch, bodies)

        SqlStore.append = append  # type: ignore[method-assign, assignment]

    def _around_database(self, kind: Any) -> None:
        inner, mine = kind.write, threading.current_thread()

        @wraps(inner)
        async def write(database: Any, work: Callable[[Any], Any]) -> Any:
            if threading.current_thread() is not mine:
                return await inner(database, work)
            step = self.begin(_named(work))

            def counted(db: Any) -> Any:
                done = work(db)
                self.come(step, "before")
                return done

            done = await inner(database, counted)
            self.come(step, "after")
            return done

        kind.write = write

    def _around_engine(self) -> None:
        from sqlalchemy import Engine, event
        from sqlalchemy.engine.default import DefaultDialect

        changed: dict[int, str] = {}
        totals: dict[int, int] = {}
        inner: Any = DefaultDialect.do_commit
        alone = threading.local()

        def commits_itself(cursor: Any) -> bool:
            return getattr(cursor.connection, "autocommit", None) is True

        def before(_: Any, cursor: Any, statement: str, *__: Any) -> None:
            if commits_itself(cursor) and (found := _CHANGES.search(statement)):
                alone.step = self.begin(f"engine: {_words(found)}")
                self.come(alone.step, "before")

        def after(_: Any, cursor: Any, statement: str, *__: Any) -> None:
            if not (found := _CHANGES.search(statement)):
                return
            if commits_itself(cursor):
                self.come(alone.step, "after")
            elif cursor.rowcount or hasattr(cursor.connection, "total_changes"):  # which says it when it commits
                changed.setdefault(id(cursor.connection), _words(found))

        def commit(dialect: Any, connection: Any) -> None:
            real = getattr(connection, "dbapi_connection", connection)
            what, before = changed.pop(id(real), ""), totals.get(id(real), 0)
            totals[id(real)] = getattr(real, "total_changes", before + 1)
            if not what or totals[id(real)] == before:
                inner(dialect, connection)
                return
            with self.around(f"engine: {what}"):
                inner(dialect, connection)

        event.listen(Engine, "before_cursor_execute", before)
        event.listen(Engine, "after_cursor_execute", after)
        DefaultDialect.do_commit = commit  # type: ignore[method-assign]

    def _around_effects(self) -> None:
        from midwatch.forges.book import Book
        from midwatch.workspace import writing
        from midwatch.workspace.git import Git

        for owner, name, words in (
            (Book, "offer", "forge: the offer"),
            (Book, "put", "forge: the pull request"),
            (writing, "commit", "store: a commit"),
            (writing, "ref", "store: a ref"),
        ):
            setattr(owner, name, self._stepping(getattr(owner, name), words))
        inner = Git.ask

        @wraps(inner)
        async def ask(git: Git, *args: Any, **more: Any) -> Any:
            if args[:1] != ("update-ref",):
                return await inner(git, *args, **more)
            with self.around(f"git: update-ref {'of a branch' if 'refs/heads' in str(args) else 'of the store'}"):
                return await inner(git, *args, **more)

        Git.ask = ask  # type: ignore[method-assign, assignment]

    def _stepping(self, inner: Callable[..., Any], words: str) -> Callable[..., Any]:
        @wraps(inner)
        def stepping(*args: Any, **more: Any) -> Any:
            with self.around(words):
                return inner(*args, **more)

        return stepping


def _named(work: Callable[[Any], Any]) -> str:
    """`Shift.begin`, or what is appended."""
    inner = work.func if isinstance(work, partial) else work
    name = str(inner.__qualname__).replace(".<locals>", "").replace(".<lambda>", "").removesuffix(".work")
    return f"append {_events.get()}" if name == "SqlStore.append" else name


def _words(found: re.Match[str]) -> str:
    return f"{found[1].split()[0].lower()} {found[2].rpartition('.')[2].strip(chr(34))}"
