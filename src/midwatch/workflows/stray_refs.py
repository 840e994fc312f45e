"""Refs in the stores of repositories that hold on to files for forks which never came to be: only these are made before
their tasks are."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from midwatch.domain.errors import InputError
from midwatch.domain.ids import made_at, task_of
from midwatch.engine.store.base import Store
from midwatch.workspace.git import Git

_HOUR = 3600.0
_FORKS = "refs/midwatch/forks"


def stores(state: Path) -> list[Path]:
    """The stores of a state folder."""
    return sorted(path for kind in ("repos/*.git", "folders/*.git") for path in state.glob(kind) if path.is_dir())


async def find(state: Path, store: Store) -> list[tuple[Path, str, str]]:
    """Store, ref, and why it is nobody's. What is younger than an hour is left alone: its task may be being made.
    Raises StoreError."""
    found = []
    for place in await asyncio.to_thread(_with_forks, state):
        git = Git(git_dir=place, cwd=place)
        for ref in (await git.run("for-each-ref", "--format=%(refname)", _FORKS)).decode().split():
            task = task_of(ref.split("/")[3])
            if await _never_came_to_be(task, store):
                found.append((place, ref, f"there is no task {task}"))
    return found


async def remove(place: Path, ref: str) -> None:
    """Remove one; nothing happens when it has gone. Raises OperationError."""
    await Git(git_dir=place, cwd=place).run("update-ref", "-d", ref)


def _with_forks(state: Path) -> list[Path]:
    """Those stores that may have such a ref, found without asking git."""

    def may(store: Path) -> bool:
        packed = store / "packed-refs"
        return (store / _FORKS).is_dir() or (packed.is_file() and _FORKS.encode() in packed.read_bytes())

    return [store for store in stores(state) if may(store)]


async def _never_came_to_be(task: str, store: Store) -> bool:
    made = made_at(task)
    if made is None or time.time() - made < _HOUR:
        return False
    try:
        await store.find(task)
    except InputError:
        return True
    return False
