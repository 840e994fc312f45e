"""The contract of a database: transactions in plain SQL that both SQLite and PostgreSQL understand.

A piece of work is a plain function that is given a connection. It may be called again when the transaction could not
be committed, so it has no effect but on the database; it runs on another thread than the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Rows(Protocol):
    """What a statement has found."""

    @property
    def rowcount(self) -> int:
        """How many rows it has changed."""

    def fetchone(self) -> Any:
        """The next row as a tuple; None when there is none."""

    def fetchall(self) -> list[Any]:
        """All rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """Row after row."""


class Connection(Protocol):
    """Inside a transaction. Placeholders are `?`; a percent sign or a question mark stands in no literal."""

    for_update: str
    """Ends a SELECT whose rows nobody else may change before this transaction ends; empty where no word is needed."""
    clock: str
    """An expression: seconds since 1970 by the database's own clock, the one clock that all machines share."""

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Rows:
        """Run one statement."""

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]], /) -> object:
        """Run one statement for each of the rows."""

    def alone(self, what: str, /) -> None:
        """Whoever else calls this with the same word goes on when this transaction has ended, and sees what it has
        done. For what is counted before one more is added, where there is no row that all of them could lock. May be
        called twice; takes as long as the others need."""


class Database(Protocol):
    """Safe to use from any number of tasks, threads' loops and processes. Nothing is opened before the first call."""

    @property
    def place(self) -> str:
        """What a person calls it: a path, or a URL without its password."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run it in a transaction that changes nothing. Raises StoreError when the database cannot be used."""

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run it in a transaction, durable when this returns; nothing of it stays when it raises. A cancelled caller
        does not leave one half way. Raises StoreError as `read`."""

    async def migrate(self) -> int:
        """Bring the schema up to date; how many steps that took. A schema that is newer than this program is left as it
        is. May be called again, by many at once."""

    async def close(self) -> None:
        """Let go of it. May be called twice."""
