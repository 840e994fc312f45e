"""Which tasks a page shows: looked up in indexes, and never in more than so many tasks at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from midwatch.domain.task import Task
from midwatch.engine.database.base import Connection
from midwatch.engine.database.migrations.places import LONGEST

MOST_LOOKED_AT = 1000
"""Tasks of one look, where not every one is wanted."""
_BODIES = 25
"""Records in memory at once: one may have megabytes."""
AFTER_ALL = "~"
"""Comes after every id."""
_NEWEST = "LEFT JOIN turn t ON t.task = k.id AND t.number = (SELECT max(n.number) FROM turn n WHERE n.task = k.id)"

_ARCHIVED = "EXISTS (SELECT 1 FROM archived WHERE archived.task = task.id)"
_AMONG = {True: _ARCHIVED, False: f"NOT {_ARCHIVED}"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whole tasks, no parts of others, the newest first."""

    before: str = ""
    """Only those with ids below this one; empty for all."""
    among: Sequence[str] | None = None
    """Only those of these repositories; None for all."""
    turn: str = ""
    """Only those whose newest turn stands so, and those without turns; empty for all."""
    archived: bool = False
    """Those that are archived, else those that are not."""
    owner: str = ""
    """Only those whose newest turn this user wanted; empty for all."""
    text: str = ""
    """Only those with this in their id or their prompt, whatever the case of its letters; empty for all."""

    @property
    def narrow(self) -> bool:
        """Whether it must be looked into tasks to know which ones."""
        return bool(self.turn or self.owner or self.text)


def found(db: Connection, wanted: Wanted, limit: int) -> tuple[list[str], str]:
    """At most `limit` ids, and the id before which it goes on; empty at the end. There may be fewer where a look came
    to its end before. Among them may be tasks of other repositories and parts: a program of the release before that
    works on beside this one says nothing of either."""
    looked = MOST_LOOKED_AT if wanted.narrow else limit
    ids = f"SELECT id FROM task WHERE part = 0 AND id < ? AND {_AMONG[wanted.archived]}"  # noqa: S608 - our own words
    values = [wanted.before or AFTER_ALL]
    if wanted.among is not None:
        ids += f" AND place IN ({', '.join('?' for _ in ('', *wanted.among))})"
        values += ["", *(place(repository) for repository in wanted.among)]
    if wanted.among is not None and not wanted.among:
        return [], ""
    ids += " ORDER BY id DESC LIMIT ?"
    if wanted.narrow:
        ids = f"SELECT k.id, t.status, t.owner FROM ({ids}) k {_NEWEST} ORDER BY k.id DESC"  # noqa: S608 - our own words
    rows = db.execute(ids, (*values, looked)).fetchall()
    matching = [row[0] for row in rows if not wanted.narrow or _fits(wanted, *row[1:])]
    if wanted.text:
        matching = _with(db, matching, wanted.text)
    if len(matching) >= limit:
        return matching[:limit], matching[limit - 1]
    return matching, rows[-1][0] if len(rows) == looked else ""


def _fits(wanted: Wanted, status: str | None, owner: str | None) -> bool:
    return (not wanted.turn or status in (wanted.turn, None)) and (not wanted.owner or owner == wanted.owner)


def _with(db: Connection, ids: Sequence[str], text: str) -> list[str]:
    """Those of the tasks that have the text in their id or prompt."""
    found: set[str] = set()
    low = text.casefold()
    for at in range(0, len(ids), _BODIES):
        part = ids[at : at + _BODIES]
        query = f"SELECT id, body FROM task WHERE id IN ({', '.join('?' for _ in part)})"  # noqa: S608 - our own words
        for name, body in db.execute(query, part):
            if low in name or low in _prompt(body).casefold():
                found.add(name)
    return [name for name in ids if name in found]


def _prompt(body: str) -> str:
    try:
        found = json.loads(body)
    except ValueError:  # damaged: it hides no other
        return ""
    return str(found.get("prompt", "")) if isinstance(found, dict) else ""


def beside(task: Task) -> tuple[str, int]:
    """What stands in a task's row besides its record, in columns `place` and `part`. What is done with an environment
    is listed with that."""
    part = task.kind in ("subtask", "environment") or (task.kind == "review" and task.parent != "")
    return place(task.repository), int(part)


def place(repository: str) -> str:
    """What stands in a task's row for its repository. Two long ones may have the same."""
    from midwatch.engine.store.records import canonical

    return canonical(repository)[1:-1][:LONGEST]
