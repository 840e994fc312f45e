"""Ended tasks, out of the database into files, and back."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from midwatch.domain.codec import from_json
from midwatch.domain.errors import InputError, MidwatchError
from midwatch.domain.task import Task
from midwatch.engine.disk import full_or_broken
from midwatch.engine.lease import hold
from midwatch.engine.retention import outputs, rows
from midwatch.engine.retention.ended import ended
from midwatch.engine.retention.rows import Retired, Rows
from midwatch.workflows.archives import commits, reading, writing
from midwatch.workspace.repository import store_of

if TYPE_CHECKING:
    from midwatch.wiring import Home

_A_DAY = 86400.0
SETTLED = 3600.0
"""Seconds after its rows went until what only they named is deleted: a fork that was being made then is there."""

log = logging.getLogger("midwatch.reconciler")


@dataclass(frozen=True, slots=True)
class Kept:
    """A task that lies in a file now, or would."""

    task: str
    path: Path
    bytes: int = 0


@dataclass
class Done:
    """What came of it."""

    kept: list[Kept] = field(default_factory=list)
    swept: int = 0
    """Tasks of which nothing but the file is left now."""
    troubles: list[str] = field(default_factory=list)


def folder_of(home: Home) -> Path:
    """Where the files lie."""
    given = home.settings.retention.folder
    return Path(given).expanduser().absolute() if given else home.state / "archive"


async def retain(home: Home, days: float, *, dry_run: bool = False, settled: float = SETTLED) -> Done:
    """Take every task that ended so many days ago out of the database, each into a file first. May be cut off at any
    time, and be called by several processes at once. Raises StoreError when the database cannot be used."""
    done, folder = Done(), folder_of(home)
    for name in await ended(home.store.database, days * _A_DAY):
        if dry_run:
            done.kept.append(Kept(name, folder / f"{name}.tar.gz"))
            continue
        try:
            kept = await _retire(home, name, folder)
        except MidwatchError as error:
            done.troubles.append(f"task {name}: {error.message}")
        else:
            done.kept += [kept] if kept is not None else []
    if not dry_run:
        await asyncio.to_thread(_clear, folder)
        await _sweep(home, done, settled)
    return done


async def _retire(home: Home, name: str, folder: Path) -> Kept | None:
    """None when somebody works on it again."""
    database = home.store.database
    with ExitStack() as leases:
        found = await rows.read(database, name)
        for attempt in found.names:
            leases.enter_context(hold(home.state / "locks", attempt))
        if await rows.read(database, name) != found or rows.open_turns(found):
            return None
        task = from_json(Task, json.loads(found.tasks[0][2]))
        store = store_of(home.state, task.repository)
        with tempfile.TemporaryDirectory(prefix=writing.NEW, dir=_made(folder)) as scratch:
            written, digests = await _written(home, found, task, store, Path(scratch))
            await _require_whole(written.path, Path(scratch))
        digests |= await rows.pictured(database, found)
        parts = json.dumps({"blobs": sorted(digests), "attempts": found.names})
        retired = Retired(name, task.repository, str(written.path), written.digest, parts)
        if await rows.delete(database, found, retired):
            log.info("took an ended task out of the database", extra={"task": name, "place": str(written.path)})
            return Kept(name, written.path, written.bytes)
    if not await rows.is_retired(database, name):  # else another process did it, into this very file
        written.path.unlink(missing_ok=True)
    return None


async def _written(home: Home, found: Rows, task: Task, store: Path, scratch: Path) -> tuple[writing.Written, set[str]]:
    """The archive of a task, and the blobs that it has."""
    digests, saved = await writing.events(home.store, found, scratch / "events.jsonl")
    files: dict[str, Path | bytes] = {**writing.lines(found), "events.jsonl": scratch / "events.jsonl"}
    names = commits.refs(home.state, found.names)
    kept = await commits.held(store, names) if await asyncio.to_thread(store.is_dir) else {}
    pack = scratch / reading.PACK
    wanted = {*saved, *kept.values()} - {task.base.commit}
    if await asyncio.to_thread(store.is_dir) and await commits.pack(store, wanted, task.base.commit, pack):
        files[reading.PACK] = pack
    with suppress(MidwatchError):  # for those who look into the file: the commits hold it too
        from midwatch.workflows import read

        files["change.diff"] = await read.difference(home.store, home.state, home.forge, task.id)
    blobs, missing = await asyncio.to_thread(writing.outputs, home.blobs, digests)
    about = {
        "task": task.id, "repository": task.repository, "base": task.base.commit, "prompt": task.prompt,
        "attempts": writing.attempts_of(found), "commits": kept, "missing": missing,
    }  # fmt: skip
    folder, name = scratch.parent, f"{task.id}.tar.gz"
    return await asyncio.to_thread(writing.write, folder, name, {**files, **blobs}, about), digests


async def _require_whole(path: Path, scratch: Path) -> None:
    """Nothing is deleted that could not be brought back: a log or an output may be damaged already. Raises
    InputError, and the file is gone then."""
    place = scratch / "read-back"
    try:
        await asyncio.to_thread(place.mkdir)
        await asyncio.to_thread(reading.unpack, path, place)
    except InputError as error:
        await asyncio.to_thread(path.unlink)
        raise InputError(f"it stays in the database, because {error.message}", "see `midwatch verify`") from error


async def _sweep(home: Home, done: Done, settled: float) -> None:
    """Delete what only tasks named that are in files now."""
    database = home.store.database
    left = await rows.unswept(database, settled)
    parts = {retired.task: json.loads(retired.parts) for retired in left}
    every = {digest for part in parts.values() for digest in part["blobs"]}
    named = await outputs.still_named(database, every) if every else set()
    for retired in left:
        part = parts[retired.task]
        try:
            with ExitStack() as leases:
                for attempt in part["attempts"]:
                    leases.enter_context(hold(home.state / "locks", attempt))
                if not await rows.is_retired(database, retired.task):  # it was brought back
                    continue
                store = store_of(home.state, retired.repository)
                if await asyncio.to_thread(store.is_dir):
                    await commits.forget(store, commits.refs(home.state, part["attempts"]))
                await asyncio.to_thread(outputs.remove, home.blobs, set(part["blobs"]) - named)
                await rows.swept(database, retired.task)
        except MidwatchError as error:
            done.troubles.append(f"task {retired.task}: {error.message}")
        except OSError as error:
            done.troubles.append(full_or_broken(home.state, error).message)
        else:
            done.swept += 1


async def restore(home: Home, path: Path) -> tuple[str, str]:
    """Bring a task back from its file; its id, and why its commits could not be brought back (empty: they were).
    Raises InputError for a file that is not as it was written, and for a task that is there."""
    made = await asyncio.to_thread(_made, home.state / "archive")
    with tempfile.TemporaryDirectory(prefix=writing.NEW, dir=made) as scratch, ExitStack() as leases:
        found = await asyncio.to_thread(reading.unpack, path, Path(scratch))
        for attempt in found.rows.names:
            leases.enter_context(hold(home.state / "locks", attempt))
        await asyncio.to_thread(_put, home, found)
        trouble = ""
        try:
            plain = found.task.kind == "conversation"
            repository = await home.repository(found.task.repository, found.task.base.commit, plain=plain)
            names = commits.refs(home.state, found.rows.names)
            known = {name: commit for name, commit in found.commits.items() if commits.place_of(names, name)}
            await commits.unpack(repository.git_dir, found.pack, names, known)
        except MidwatchError as error:
            trouble = error.message
        await rows.restore(home.store.database, found.rows, found.records())
    return found.rows.task, trouble


def _put(home: Home, found: reading.Unpacked) -> None:
    for digest in found.digests:
        writer = home.blobs.writer()
        with found.blob(digest).open("rb") as file:
            while chunk := file.read(1 << 20):
                writer.write(chunk)
        writer.finish()


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise full_or_broken(folder, error) from error
    return folder


def _clear(folder: Path) -> None:
    """Remove what was being written a day ago by processes that were killed."""
    for path in folder.glob(f"{writing.NEW}*"):
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > _A_DAY:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
