"""What a person says to a task while workers have it: one row for each attempt that is to hear it.

Whether an attempt has heard it is what its log says: the message stands there after event `after`. `delivered` only
spares a look at it, so a crash between the log and the row neither loses a message nor says it twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from midwatch.domain.codec import from_json, to_json
from midwatch.domain.conversation import Image
from midwatch.engine.database.base import Connection
from midwatch.engine.store.records import canonical

_SELECT = "SELECT attempt, number, author, text, after, delivered, images FROM message"
_WAITING, _STANDS, _NOT_FOR_IT = 0, 1, 2
"""How a message is `delivered`: not yet as far as is known, it stands in the log, the attempt is not to hear it."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message for one attempt."""

    attempt: str
    number: int
    """Counts the task's messages."""
    author: str
    text: str
    after: int
    """How many events the attempt had when it was written."""
    delivered: int = _WAITING
    images: tuple[Image, ...] = ()
    """Pictures that are shown with it; they are in the blob store."""

    @property
    def waits(self) -> bool:
        """It has not been seen in the attempt's log."""
        return self.delivered == _WAITING

    @property
    def key(self) -> tuple[str, int]:
        """Its name."""
        return self.attempt, self.number


def write(db: Connection, task_id: str, author: str, text: str, images: Sequence[Image] = ()) -> tuple[int, float]:
    """Keep a message for every attempt of the task; its number and when that was, by the database's clock. The caller
    has the task's row, and the pictures are kept already."""
    query = "SELECT coalesce(max(number), 0) + 1 FROM message WHERE task = ?"
    number = int(db.execute(query, (task_id,)).fetchone()[0])
    now = float(db.execute(f"SELECT {db.clock}").fetchone()[0])
    db.execute(
        "INSERT INTO message (attempt, number, task, author, text, after, created, images) "
        "SELECT id, ?, task, ?, ?, seq, CAST(? AS DOUBLE PRECISION), ? FROM attempt WHERE task = ?",
        (number, author, text, now, _written(images), task_id),
    )
    return number, now


def stands(db: Connection, task_id: str, number: int, created: float) -> bool:
    """Whether the message of that number is the one that was written then, and no other's."""
    query = "SELECT 1 FROM message WHERE task = ? AND number = ? AND created = ?"
    return db.execute(query, (task_id, number, created)).fetchone() is not None


def undelivered(db: Connection, task_id: str) -> list[Letter]:
    """What attempts of the task have not been seen to hear, in the order it was said."""
    query = f"{_SELECT} WHERE task = ? AND delivered = {_WAITING} ORDER BY attempt, number"
    return [_letter(row) for row in db.execute(query, (task_id,))]


def first_said(db: Connection, task_id: str) -> float:
    """When the first of these was said, by the database's clock; there is one."""
    query = f"SELECT min(created) FROM message WHERE task = ? AND delivered = {_WAITING}"  # noqa: S608 - our own words
    return float(db.execute(query, (task_id,)).fetchone()[0])


def to_find(db: Connection, task_id: str) -> list[Letter]:
    """The same, with what they have heard already in the same words: in the log, that is told from this only by the
    order in which it was said."""
    query = (
        f"{_SELECT} WHERE task = ? AND (delivered = {_WAITING} OR (delivered = {_STANDS} AND EXISTS ("  # noqa: S608
        "SELECT 1 FROM message waiting WHERE waiting.task = message.task AND waiting.attempt = message.attempt "
        f"AND waiting.text = message.text AND waiting.delivered = {_WAITING}))) ORDER BY attempt, number"
    )
    return [_letter(row) for row in db.execute(query, (task_id,))]


def addressed(db: Connection, attempt: str) -> list[Letter]:
    """What that attempt was to hear, in the order it was said, heard or not yet."""
    query = f"{_SELECT} WHERE attempt = ? AND delivered <> {_NOT_FOR_IT} ORDER BY number"
    return [_letter(row) for row in db.execute(query, (attempt,))]


def undelivered_to(db: Connection, worker: str) -> list[Letter]:
    """The same, of all tasks whose turns that worker has."""
    query = (
        f"{_SELECT} WHERE delivered = {_WAITING} AND EXISTS (SELECT 1 FROM turn WHERE turn.task = message.task "  # noqa: S608
        "AND turn.status = 'running' AND turn.worker = ?) ORDER BY attempt, number"
    )
    return [_letter(row) for row in db.execute(query, (worker,))]


def delivered(db: Connection, keys: Sequence[tuple[str, int]]) -> None:
    """These stand in their attempts' logs."""
    db.executemany(f"UPDATE message SET delivered = {_STANDS} WHERE attempt = ? AND number = ?", keys)  # noqa: S608


def settle(db: Connection, task_id: str, but: str) -> None:
    """No attempt of the task, but that one, waits for a message any more."""
    query = f"UPDATE message SET delivered = {_NOT_FOR_IT} WHERE task = ? AND attempt <> ? AND delivered = {_WAITING}"  # noqa: S608
    db.execute(query, (task_id, but))


def _written(images: Sequence[Image]) -> str:
    """As a row has them: whoever looks for the names of blobs finds them as in events. Empty for none."""
    return canonical([to_json(image) for image in images]) if images else ""


def _letter(row: Sequence[Any]) -> Letter:
    attempt, number, author, text, after, delivered, images = row
    shown = tuple(from_json(Image, one) for one in json.loads(images or "[]"))
    return Letter(attempt, number, author, text, after, delivered, shown)
