"""The kept layers of all environments: made by one builder at a time, shared while in use, deleted when old.

state/environments/<key>/{workspace,home,root}  the layers     record.json  what they are     log  how they came about
state/environments/<key>.lock                   held shared by those who use it, alone by who makes or deletes it
state/environments/building-<key>-*             a builder's folder; left by one that was killed, removed by the next
state/environments/failed/<key>.{log,json}      the last failure
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from midwatch.domain.codec import from_json, to_json
from midwatch.domain.errors import InputError, OperationError, StoreError
from midwatch.engine.disk import full_or_broken
from midwatch.workspace.deletion import delete

_LOOK_EVERY = 0.1
"""Seconds between two tries to get a lock that others hold."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a kept environment is."""

    key: str
    repository: str
    commit: str
    """The commit that it was made for; it fits all that have the same key."""
    created: str
    seconds: float
    """How long the making took."""
    size: int
    """Bytes on disk."""
    files: int
    commands: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    """What the commands wrote and the layers do not have, in sentences."""
    parent: str = ""
    """The key of the layers below, where these were made by maintenance on them."""
    whole: bool = False
    """Holds what the layers below hold as well, and is used without them."""
    failure: str = ""
    """Why maintenance failed; the layers below are used without it then."""


@dataclass(frozen=True, slots=True)
class Layers:
    """A kept environment. The folders are never written to."""

    folder: Path
    record: Record

    @property
    def log(self) -> Path:
        """The output of all commands."""
        return self.folder / "log"

    def part(self, name: str) -> tuple[Path, ...]:
        """The layer `workspace`, `home` or `root`; empty where nothing was left."""
        return (self.folder / name,) if (self.folder / name).is_dir() else ()


@dataclass(frozen=True, slots=True)
class Removed:
    """What was deleted, and why."""

    key: str
    size: int
    """Bytes on disk."""
    why: str


Build = Callable[[Path], Awaitable[Record]]
"""Makes the layers in an empty folder that is given, with `log`; raises what went wrong."""


class Cache:
    """See the module. Holds no state in memory: several objects and processes may use one folder."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "environments"

    @asynccontextmanager
    async def obtain(self, key: str, build: Build, waiting: Callable[[], None] = lambda: None) -> AsyncIterator[Layers]:
        """The layers of a key, which stay while the context lasts; built when there are none. When several ask at once,
        one builds and the others wait (`waiting` is called once), and its failure is everybody's. Raises what `build`
        raises, OperationError for the failure of another builder, StoreError for the disk."""
        began = time.time()
        while True:
            async with self._locked(key, exclusive=False, waiting=waiting):
                found = self.look(key)
                if found is not None:
                    with contextlib.suppress(OSError):
                        os.utime(found.folder / "record.json")  # gc goes by this time
                    yield found
                    return
            async with self._locked(key, exclusive=True, waiting=waiting):
                if self.look(key) is None:
                    self._raise_failure(key, began)
                    await self._build(key, build)

    def look(self, key: str) -> Layers | None:
        """The layers as they are now, without holding them."""
        folder = self.folder / key
        try:
            return Layers(folder, from_json(Record, json.loads((folder / "record.json").read_bytes())))
        except (OSError, ValueError):
            return None

    async def drop(self, key: str) -> int:
        """Delete the layers of a key so that they are built again; the bytes that they took. Raises InputError while
        somebody uses them."""
        found = self.look(key)
        handle = self._try(key, exclusive=True)
        if handle is None:
            raise InputError(
                f"the environment {key[:12]} is in use or being built", "wait until the tasks that use it are finished"
            )
        try:
            await asyncio.to_thread(self._delete, key)
        finally:
            os.close(handle)
        return found.record.size if found else 0

    def kept(self) -> list[tuple[Layers, float]]:
        """Every kept environment and when it was last used (seconds since the epoch), the oldest first."""
        found = []
        with contextlib.suppress(OSError):
            for folder in self.folder.iterdir():
                layers = self.look(folder.name)
                if layers is not None:
                    found.append((layers, (folder / "record.json").stat().st_mtime))
        return sorted(found, key=lambda entry: entry[1])

    async def collect(self, keep_bytes: float, keep_seconds: float) -> list[Removed]:
        """Delete what was not used for `keep_seconds`, then the oldest until the rest takes at most `keep_bytes`; also
        what killed builders left. Never what is in use."""
        kept = await asyncio.to_thread(self.kept)
        keys = {layers.record.key for layers, _ in kept}
        total = sum(layers.record.size for layers, _ in kept)
        removed: list[Removed] = []
        for layers, used in kept:
            record = layers.record
            why = ""
            if record.parent and record.parent not in keys:
                why = "what it stands on is gone"
            elif time.time() - used > keep_seconds:
                why = "not used for long"
            elif total > keep_bytes:
                why = "more than may be kept"
            gone = bool(why) and await asyncio.to_thread(self._delete_unused, record.key)
            if gone:
                removed.append(Removed(record.key, record.size, why))
                keys.discard(record.key)
                total -= record.size
        await asyncio.to_thread(self.sweep)
        return removed

    async def _build(self, key: str, build: Build) -> None:
        """The lock is held: nobody else makes or uses these layers."""
        try:
            await asyncio.to_thread(self._delete, key)
            new = Path(tempfile.mkdtemp(prefix=f"building-{key}-", dir=self.folder))
            try:
                record = await build(new)
                self._finish(new, record, key)
            except BaseException as error:
                self._note_failure(key, new, error)
                await asyncio.to_thread(delete, new)
                raise
        except OSError as error:
            raise full_or_broken(self.folder, error) from error

    def _finish(self, new: Path, record: Record, key: str) -> None:
        (new / "record.json").write_text(json.dumps(to_json(record), indent=1), "utf-8")
        new.rename(self.folder / key)
        if self.look(key) is None:  # whoever waits would build it again and again
            raise StoreError(f"{self.folder / key} cannot be read back", "look at its mode and at the disk")
        for left in self._failures(key):
            left.unlink(missing_ok=True)

    def _failures(self, key: str) -> tuple[Path, Path]:
        return self.folder / "failed" / f"{key}.log", self.folder / "failed" / f"{key}.json"

    def failed_log(self, key: str) -> Path:
        """Where the log of a build is when it has failed."""
        return self._failures(key)[0]

    def _note_failure(self, key: str, new: Path, error: BaseException) -> None:
        """Those who wait need not try the same again; the log stays for the person."""
        log, note = self._failures(key)
        with contextlib.suppress(OSError):
            log.parent.mkdir(exist_ok=True)
            (new / "log").rename(log)
        if isinstance(error, OperationError) and not isinstance(error, asyncio.CancelledError):
            words = {"when": time.time(), "message": error.message, "mend": error.mend, "detail": error.detail}
            with contextlib.suppress(OSError):
                note.write_text(json.dumps(words), "utf-8")

    def _raise_failure(self, key: str, began: float) -> None:
        try:
            words = json.loads(self._failures(key)[1].read_bytes())
            failed_while_waiting = float(words["when"]) >= began
        except (OSError, ValueError, KeyError, TypeError):
            return
        if failed_while_waiting:
            raise OperationError(str(words["message"]), str(words["mend"]), detail=str(words.get("detail", "")))

    @asynccontextmanager
    async def _locked(self, key: str, *, exclusive: bool, waiting: Callable[[], None]) -> AsyncIterator[None]:
        said = False
        while (handle := self._try(key, exclusive=exclusive)) is None:
            if not said:
                waiting()
                said = True
            await asyncio.sleep(_LOOK_EVERY)
        try:
            yield
        finally:
            os.close(handle)

    def _try(self, key: str, *, exclusive: bool) -> int | None:
        """The lock of a key as an open file, or None while others hold it."""
        path = self.folder / f"{key}.lock"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise full_or_broken(self.folder, error) from error
        try:
            fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), os.stat(path)):  # noqa: PTH116 - else it was deleted meanwhile
                return handle
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                os.close(handle)
                raise full_or_broken(self.folder, error) from error
        os.close(handle)
        return None

    def _delete_unused(self, key: str) -> bool:
        handle = self._try(key, exclusive=True)
        if handle is None:
            return False
        try:
            self._delete(key)
            (self.folder / f"{key}.lock").unlink(missing_ok=True)
        finally:
            os.close(handle)
        return True

    def _delete(self, key: str) -> None:
        """Delete the layers and what killed builders left of them. The lock is held."""
        if (self.folder / key).is_dir():
            aside = Path(tempfile.mkdtemp(prefix=f"building-{key}-", dir=self.folder))
            (self.folder / key).rename(aside / "old")  # at once, so that no half of it is ever used
        for left in self._building(key):
            delete(left)

    def left(self) -> list[Path]:
        """The folders that builders which were killed have left, and what was set aside to be deleted."""
        return [*self.folder.glob("old-*"), *(left for key in self._begun() for left in self._building(key))]

    def _begun(self) -> list[str]:
        """The keys that somebody has begun to build and nobody builds."""
        keys = {left.name.split("-")[1] for left in self.folder.glob("building-*-*")}
        return [key for key in sorted(keys) if self._is_unused(key)]

    def _building(self, key: str) -> list[Path]:
        return list(self.folder.glob(f"building-{key}-*"))

    def _is_unused(self, key: str) -> bool:
        handle = self._try(key, exclusive=True)
        if handle is not None:
            os.close(handle)
        return handle is not None

    def sweep(self) -> None:
        """Delete those. Blocks; raises OperationError, StoreError. May be called at any time."""
        for left in self.folder.glob("old-*"):  # set aside, to be deleted in the background
            delete(left)
        for key in self._begun():
            handle = self._try(key, exclusive=True)
            if handle is not None:
                try:
                    for left in self._building(key):
                        delete(left)
                finally:
                    os.close(handle)
