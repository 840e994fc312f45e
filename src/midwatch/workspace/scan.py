"""Walking a tree that the box has written: by folder handles, following no link, reading only ordinary files."""

from __future__ import annotations

import heapq
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from midwatch.workspace.ignore import Rules, shortened, top_rules
from midwatch.workspace.names import refused, shown

DEEPEST = 250
"""Folders below each other; each is one open handle."""
LONGEST = 3500
"""Bytes of a path, so that it can be made again inside any state folder (the system's limit is 4096)."""
LARGEST = 2 << 30
"""Bytes of a file that is kept: what no forge would take must not fill the disk of the state folder."""
MOST_SKIPPED = 100
"""Sentences on what was not kept; the rest are only counted."""
RULES_PER_FILE, RULES = 5000, 10_000
"""Ignore rules that count, in one file and in all; a long one counts for several. Each is matched with each file."""
_IGNORE_FILE_BYTES = 1 << 20

_MORE = "…".encode()

FILE, EXECUTABLE, LINK = b"100644", b"100755", b"120000"


class Stamp(NamedTuple):
    """What tells a changed file without reading it. A box cannot set ctime."""

    mode: bytes
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class Kept(NamedTuple):
    """A file of the last checkpoint: how it lay there, and its blob."""

    stamp: Stamp | None
    """None when it must be read again, whatever it looks like."""
    mode: bytes
    blob: str


@dataclass(slots=True)
class Scan:
    """What a walk found."""

    files: dict[bytes, Stamp] = field(default_factory=dict)
    skipped: list[tuple[bytes, str]] = field(default_factory=list)
    """Path and reason. Words are only made of those that are said: a box can make very many."""
    hidden: set[bytes] = field(default_factory=set)
    """Paths and folders (with a slash at the end) that could not be looked at: what was known of them stands."""
    rules_left: int = field(default_factory=lambda: RULES)

    def hides(self, path: bytes) -> bool:
        """Whether the path or a folder above it could not be looked at."""
        if not self.hidden or path in self.hidden:
            return bool(self.hidden)
        slash = path.find(b"/")
        while slash >= 0:
            if path[: slash + 1] in self.hidden:
                return True
            slash = path.find(b"/", slash + 1)
        return False

    def sentences(self) -> tuple[str, ...]:
        """What was not kept and why, by path: MOST_SKIPPED of them, and how many more there are."""
        said = [f"{shown(path)}: {why}" for path, why in heapq.nsmallest(MOST_SKIPPED, self.skipped)]
        more = len(self.skipped) - len(said)
        return (*said, f"and {more} more") if more else tuple(said)


@dataclass(frozen=True, slots=True)
class Known:
    """What the walk must know beforehand."""

    tracked: frozenset[bytes]
    """Files of the base: never ignored."""
    folders: frozenset[bytes]
    """All folders that hold a tracked file."""
    gitlinks: frozenset[bytes]
    outside: bytes
    """The user's ignore rules outside the tree."""


def folders_of(paths: Mapping[bytes, object] | frozenset[bytes]) -> frozenset[bytes]:
    """Every folder above one of the paths."""
    found: set[bytes] = set()
    for path in paths:
        folder = path.rpartition(b"/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition(b"/")[0]
    return frozenset(found)


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp of an ordinary file or a link."""
    mode = LINK if stat.S_ISLNK(status.st_mode) else EXECUTABLE if status.st_mode & 0o100 else FILE
    return Stamp(mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def scan(top: int, known: Known) -> Scan:
    """Walk the tree below the folder handle `top`. Blocks for about 5 µs per file."""
    result = Scan()
    rules = top_rules(known.outside, _ignore_file(top, b"", result))
    _walk(_Folder(top, b"", rules, False, 0), known, result)
    return result


class _Folder(NamedTuple):
    handle: int
    prefix: bytes
    rules: Rules
    ignored: bool
    """Inside an ignored folder only tracked files count."""
    depth: int


def _walk(folder: _Folder, known: Known, result: Scan) -> None:
    folders: list[bytes] = []
    with os.scandir(folder.handle) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            path = folder.prefix + name
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError as error:
                result.hidden.add(path)
                result.skipped.append((path, str(error.strerror)))
                continue
            if stat.S_ISDIR(status.st_mode):
                if name != b".git":  # the box's own, or that of a nested repository, whose files are ordinary files
                    folders.append(name)
            elif not (name == b".git" and stat.S_ISREG(status.st_mode)):
                _consider(folder, name, status, known, result)
    for name in sorted(folders):  # in one order, so that the same ignore files count each time
        _enter(folder, name, known, result)


def _consider(folder: _Folder, name: bytes, status: os.stat_result, known: Known, result: Scan) -> None:
    path = folder.prefix + name
    link = stat.S_ISLNK(status.st_mode)
    if path in known.gitlinks:
        return
    if path not in known.tracked and (folder.ignored or folder.rules.ignores(name, folder=False)):
        return
    if not link and not stat.S_ISREG(status.st_mode):
        result.skipped.append((path, "neither a file nor a link"))
    elif refused(name, link=link):
        result.skipped.append((path, "git refuses this name"))
    elif len(path) > LONGEST:
        result.skipped.append((path[:80] + _MORE, f"the path is longer than {LONGEST} bytes"))
    elif status.st_size > LARGEST:
        result.hidden.add(path)
        result.skipped.append((path, f"larger than {LARGEST >> 30} GiB"))
    else:
        result.files[path] = stamp_of(status)


def _enter(folder: _Folder, name: bytes, known: Known, result: Scan) -> None:
    path = folder.prefix + name
    inner = path + b"/"
    if path in known.gitlinks:
        return
    holds_tracked = path in known.folders
    ignored = folder.ignored or folder.rules.ignores(name, folder=True)
    if ignored and not holds_tracked:
        return
    if refused(name):
        result.skipped.append((inner, "git refuses this name"))
        return
    if folder.depth >= DEEPEST or len(inner) > LONGEST:
        why = f"more than {DEEPEST} folders deep or {LONGEST} bytes long"
        result.skipped.append((inner[:80] + _MORE, why))
        return
    try:
        with opened(folder.handle, name, os.O_DIRECTORY) as handle:
            rules = folder.rules.inside(name, _ignore_file(handle, inner, result))
            _walk(_Folder(handle, inner, rules, ignored, folder.depth + 1), known, result)
    except OSError as error:
        result.hidden.add(inner)
        result.skipped.append((inner, str(error.strerror)))


@contextmanager
def opened(folder: int, name: bytes, flags: int = 0) -> Iterator[int]:
    """A handle to read an ordinary file or a folder, never through a link and never waiting for a pipe. What its mode
    forbids its owner to read is made readable for that long. Raises OSError."""
    flags |= os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    restore: Callable[[], None] | None = None
    try:
        handle = os.open(name, flags, dir_fd=folder)
    except PermissionError:
        restore = _made_readable(folder, name)
        try:
            handle = os.open(name, flags, dir_fd=folder)
        except OSError:
            restore()
            raise
    try:
        yield handle
    finally:
        os.close(handle)
        if restore is not None:
            restore()


def _made_readable(folder: int, name: bytes) -> Callable[[], None]:
    path = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    mode = stat.S_IMODE(os.fstat(path).st_mode)
    itself = f"/proc/self/fd/{path}"  # the only way to change the mode of what may not be opened
    try:
        os.chmod(itself, mode | 0o500)  # noqa: PTH101
    except OSError:
        os.close(path)
        raise

    def restore() -> None:
        os.chmod(itself, mode)  # noqa: PTH101
        os.close(path)

    return restore


def _ignore_file(folder: int, prefix: bytes, result: Scan) -> bytes | None:
    path = prefix + b".gitignore"
    try:
        with opened(folder, b".gitignore") as handle:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                return None
            if status.st_size > _IGNORE_FILE_BYTES:
                result.skipped.append((path, f"larger than {_IGNORE_FILE_BYTES >> 20} MiB, so its rules do not count"))
                return None
            content = os.read(handle, _IGNORE_FILE_BYTES)
    except OSError:
        return None  # none, a link, or unreadable: no rules
    rules, cost = shortened(content, min(RULES_PER_FILE, result.rules_left))
    result.rules_left -= cost
    if len(rules) < len(content):
        result.skipped.append((path, "so many rules that only the first count"))
    return rules
