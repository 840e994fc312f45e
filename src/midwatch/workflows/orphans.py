"""What no live attempt owns any more: processes, control groups, mounts, folders, locks, half-written files and refs.

An attempt lives while its lock is held (`engine.lease`), or while a worker has claimed it. Everything else has a rule
of its own by which it is told whose it is: the name of a worker, a lock, an open file. Each is looked at again, under
the lock where it has one, before it is removed, so what begins meanwhile is not harmed. Only what lies in this state
folder and belongs to this user is looked at; processes and control groups carry the name of a worker, and are this
user's.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from midwatch.domain.errors import InputError, MidwatchError
from midwatch.engine import lease
from midwatch.engine.blobs import Blobs
from midwatch.engine.store.base import Store
from midwatch.sandbox import leftovers, workers
from midwatch.workflows import stray_refs
from midwatch.workspace import base_checkout, fused
from midwatch.workspace import leftovers as git_leftovers
from midwatch.workspace.deletion import delete, set_aside
from midwatch.workspace.layers.cache import Cache

_A_DAY = 86400.0
_SCRATCH = ("repos/new-*", "repos/*.git/visible/new-*", "repos/*.git/index-*", "repos/*.git/lfs-*", "roots/new-*")
"""Folders without a lock, in which something is made within minutes."""


async def _nothing() -> frozenset[str]:
    return frozenset()


@dataclass(frozen=True, slots=True)
class Orphan:
    """One thing that was left."""

    kind: str
    """`process`, `group`, `mount`, `folder`, `lock`, `file` or `ref`."""
    place: str
    """Its number, path, or store and ref."""
    why: str
    """Why nobody owns it."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep came to."""

    found: tuple[Orphan, ...]
    left: tuple[Orphan, ...]
    """What is still there."""
    troubles: tuple[str, ...] = ()
    """Why, a sentence each, as far as it is known."""


@dataclass(frozen=True, slots=True)
class _Claims:
    """What live workers own."""

    known: frozenset[str]
    """When the look began."""
    now: Callable[[], frozenset[str]]
    """Asks again, on another thread than the event loop's. Raises StoreError."""


@dataclass(frozen=True)
class Sweeper:
    """Looks through one state folder. Holds no state; any number of processes may do so at once."""

    state: Path
    store: Store
    claimed: Callable[[], Awaitable[frozenset[str]]] = _nothing
    """Asked for the attempts that a live worker owns though their locks may not show it: those of other machines. Once
    for each look, and again before anything of an attempt is removed."""

    async def find(self) -> tuple[Orphan, ...]:
        """Look, and change nothing. Takes some milliseconds, and more with many attempts."""
        claims = await self._claims()
        found = await asyncio.to_thread(lambda: [orphan for orphan, _ in self._things(claims)])
        return (*found, *[Orphan("ref", f"{store} {ref}", why) for store, ref, why in await self._refs()])

    async def remove(self) -> Swept:
        """Remove what there is. May be called at any time; whatever lives goes on untouched."""
        found, troubles = await self.find(), []
        troubles += await asyncio.to_thread(self._remove, await self._claims())
        for store, ref, _ in await self._refs():
            try:
                await stray_refs.remove(store, ref)
            except MidwatchError as error:
                troubles.append(error.message)
        return Swept(found, await self.find() if found else (), tuple(troubles))

    async def _refs(self) -> list[tuple[Path, str, str]]:
        return await stray_refs.find(self.state, self.store)

    async def _claims(self) -> _Claims:
        loop = asyncio.get_running_loop()

        async def ask() -> frozenset[str]:
            return await self.claimed()

        return _Claims(await ask(), lambda: asyncio.run_coroutine_threadsafe(ask(), loop).result())

    def _remove(self, claims: _Claims) -> list[str]:
        troubles = []
        for orphan, undo in self._things(claims):
            try:
                undo()
            except MidwatchError as error:
                troubles.append(error.message)
            except OSError as error:
                troubles.append(f"{orphan.place} cannot be removed: {error.strerror}")
        return troubles

    def _things(self, claims: _Claims) -> Iterator[tuple[Orphan, Callable[[], object]]]:
        """Everything, each with what removes it. Processes come first, so that nothing writes where is deleted."""
        left = leftovers.find()
        for pid in left.processes:
            yield Orphan("process", str(pid), "it is of a box whose worker is dead"), leftovers.remove
        for group in left.groups:
            yield Orphan("group", str(group), "its worker is dead"), leftovers.remove
        yield from self._attempts(claims)
        yield from self._shells()
        yield from self._locks(claims)
        yield from self._checkouts()
        yield from self._files()

    def _is_live(self, attempt: str, claims: _Claims) -> bool:
        return self._is_claimed(attempt, claims.known) or lease.holder(self.state / "locks", attempt) is not None

    def _is_claimed(self, attempt: str, claimed: frozenset[str]) -> bool:
        return attempt in claimed or _held_as_before(self.state / "locks" / f"{attempt}.lock")

    def _attempts(self, claims: _Claims) -> Iterator[tuple[Orphan, Callable[[], object]]]:
        for folder in _mine(self.state.glob("attempts/*")):
            if folder.name.startswith("old-"):
                yield Orphan("folder", str(folder), "it was set aside to be deleted"), partial(delete, folder)
            elif not self._is_live(folder.name, claims):
                why = f"no process works on attempt {folder.name}"
                for place in fused.mounts_below(folder):
                    yield Orphan("mount", str(place), why), partial(self._take_away, folder, claims)
                yield Orphan("folder", str(folder), why), partial(self._take_away, folder, claims)

    def _take_away(self, folder: Path, claims: _Claims) -> None:
        """Delete an attempt's folder, unless the attempt has begun to live. Its lock is held only as long as it takes
        to move the folder aside: an attempt that begins waits longer than that for it."""
        locks, aside = self.state / "locks", None
        try:
            with lease.hold(locks, folder.name):
                if not self._is_claimed(folder.name, claims.now()):
                    aside = set_aside(folder)
        except InputError:
            return
        if aside is not None:
            fused.unmount_below(aside)
            delete(aside)

    def _shells(self) -> Iterator[tuple[Orphan, Callable[[], object]]]:
        for folder in _mine(self.state.glob("shells/*")):
            named = re.fullmatch(rf"shell-({workers.NAME})-.*", folder.name)
            if named and not workers.alive(named[1]):
                why = "the process of this `env shell` is dead"
                for place in fused.mounts_below(folder):
                    yield Orphan("mount", str(place), why), partial(fused.unmount_below, folder)
                yield Orphan("folder", str(folder), why), partial(delete, folder)

    def _locks(self, claims: _Claims) -> Iterator[tuple[Orphan, Callable[[], object]]]:
        locks = self.state / "locks"
        for name in lease.left(locks):
            if not self._is_claimed(name, claims.known):
                where = str(locks / f"{name}.lock")
                yield Orphan("lock", where, "its process is dead"), partial(self._let_go, name, claims)

    def _let_go(self, attempt: str, claims: _Claims) -> None:
        if self._is_claimed(attempt, claims.now()):
            return
        with suppress(InputError), lease.hold(self.state / "locks", attempt):  # else it lives again
            pass

    def _checkouts(self) -> Iterator[tuple[Orphan, Callable[[], object]]]:
        for folder in base_checkout.left(self.state):
            why = "whoever made this shared checkout is dead"
            yield Orphan("folder", str(folder), why), partial(base_checkout.sweep, self.state)
        cache = Cache(self.state)
        for folder in cache.left():
            yield Orphan("folder", str(folder), "whoever built this environment is dead"), cache.sweep
        for folder in _mine(path for kind in _SCRATCH for path in self.state.glob(kind)):
            if _is_old(folder):
                why = "nobody has finished what was being made here, for a day"
                yield Orphan("folder", str(folder), why), partial(delete, folder)

    def _files(self) -> Iterator[tuple[Orphan, Callable[[], object]]]:
        blobs = Blobs(self.state / "blobs")
        for file in _mine(blobs.left()):
            yield Orphan("file", str(file), "whoever wrote this output is dead"), blobs.sweep
        for store in stray_refs.stores(self.state):
            for file in _mine(git_leftovers.left(store)):
                why = "the git that wrote it is dead"
                yield Orphan("file", str(file), why), partial(git_leftovers.sweep, store)


def _held_as_before(path: Path) -> bool:
    """Whether a process of the release before holds an attempt, as these did: by a lock on the whole file."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _is_old(folder: Path) -> bool:
    try:
        return time.time() - folder.lstat().st_mtime > _A_DAY
    except FileNotFoundError:
        return False


def _mine(paths: Iterable[Path]) -> Iterator[Path]:
    """Those that are there and this user's."""
    for path in paths:
        try:
            if path.lstat().st_uid == os.geteuid():
                yield path
        except FileNotFoundError:
            pass
