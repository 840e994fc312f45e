"""Refs in the stores of repositories that hold on to files for tasks which never came to be, or for a step that a crash
has cut off."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.domain.ids import made_at, task_of
from midwatch.engine.store.base import Store
from midwatch.workspace.git import Git

_HOUR = 3600.0
_KEPT = ("forks", "before", "offered")
"""First parts of the names of refs that an attempt's id comes next in: they stay as long as their tasks."""
_PASSING = "propose"
"""Holds on to a commit for the moment in which it is brought to the person's repository."""


def stores(state: Path) -> list[Path]:
    """The stores of a state folder."""
    return sorted(path for kind in ("repos/*.git", "folders/*.git") for path in state.glob(kind) if path.is_dir())


async def find(state: Path, store: Store, is_live: Callable[[str], bool]) -> list[tuple[Path, str, str]]:
    """Store, ref, and why it is nobody's. What is younger than an hour is left alone: its task may be being made.
    Raises StoreError."""
    found = []
    for place in stores(state):
        git = Git(git_dir=place, cwd=place)
        names = [f"refs/midwatch/{name}" for name in (*_KEPT, _PASSING)]
        for ref in (await git.run("for-each-ref", "--format=%(refname)", *names)).decode().split():
            kind, name = ref.split("/")[2:4]
            why = await _reason(kind, name, store, is_live)
            if why:
                found.append((place, ref, why))
    return found


async def remove(place: Path, ref: str) -> None:
    """Remove one; nothing happens when it has gone. Raises OperationError."""
    await Git(git_dir=place, cwd=place).run("update-ref", "-d", ref)


async def _reason(kind: str, name: str, store: Store, is_live: Callable[[str], bool]) -> str:
    task = task_of(name)
    made = made_at(task)
    if made is None or time.time() - made < _HOUR:
        return ""
    try:
        row = await store.find(task)
    except InputError:
        return f"there is no task {task}"
    lives = row.task.id != task or any(is_live(attempt.attempt) for attempt in row.attempts)
    return "" if lives or kind != _PASSING else "nothing is being proposed for its task"
