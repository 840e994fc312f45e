"""How attempts stand, by the turns of their tasks: one query for all that are asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from midwatch.engine.database.base import Connection, Database

_AT_ONCE = 500
"""Ids in one statement."""
_NEWEST = "LEFT JOIN turn t ON t.task = a.task AND t.number = (SELECT max(n.number) FROM turn n WHERE n.task = a.task)"
_GOING = ("queued", "running")
_FINISHED = ("proposed", "stopped", "reviewed")
"""Last events of an attempt that nobody goes on with by itself."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An attempt."""

    seq: int
    """Number of events."""
    ended: str
    """How its task stands when nobody works on it and nothing is queued: `done`, `failed`, `cancelled`, `paused`; else
    empty."""


async def standings(database: Database, attempts: Sequence[str]) -> Mapping[str, Standing]:
    """By the attempt's id. Those that there are not are left out."""

    def work(db: Connection) -> dict[str, Standing]:
        found: dict[str, Standing] = {}
        for part in _parts(attempts):
            query = f"SELECT a.id, a.seq, a.last_kind, t.status FROM attempt a {_NEWEST} WHERE a.id IN ({_marks(part)})"  # noqa: S608
            for name, seq, kind, status in db.execute(query, part):
                found[name] = Standing(seq, _ended(kind, status))
        return found

    return await database.read(work)


def _ended(kind: str, status: str | None) -> str:
    if status is None:
        return "done" if kind in _FINISHED else ""
    return "" if status in _GOING else status


def _parts(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[at : at + _AT_ONCE] for at in range(0, len(names), _AT_ONCE)]


def _marks(part: Sequence[str]) -> str:
    return ", ".join("?" for _ in part)
