"""What commits hold, remembered: a commit never changes, and many tasks begin at the same one."""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from midwatch.workspace.git import Git

T = TypeVar("T")

_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
MOST_PATHS = 200_000
"""Of all remembered listings together: some 40 MiB."""


class Kept(Generic[T]):
    """What was used last, up to a weight. What is kept must be true for ever."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._kept: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._weight = 0

    def get(self, key: Hashable) -> T | None:
        """What was kept under that key, if it still is."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, value: T, weight: int = 1) -> None:
        """Keep it; what was not used for long makes room. Nothing happens for what weighs more than a quarter."""
        if weight > self._room // 4:
            return
        self._weight += weight - self._kept.pop(key, (value, 0))[1]
        self._kept[key] = (value, weight)
        while self._weight > self._room:
            self._weight -= self._kept.popitem(last=False)[1][1]


@dataclass(frozen=True)
class Listing:
    """All files and links of a commit."""

    paths: tuple[str, ...]
    """Bytes that are not UTF-8 are surrogate escapes."""
    links: bool
    """Whether any is a symbolic link."""

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.paths)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(path.rpartition("/")[2] for path in self.paths)

    def lacks(self, path: str, *, follow: bool) -> bool:
        """Whether there is surely nothing at that path, also at the end of links when these are followed: what a link
        leads to is a file of the commit, which has the path's last name unless the link itself has it."""
        if follow and self.links:
            return path.rpartition("/")[2] not in self._names
        return path not in self._known

    def below(self, *places: str) -> list[str]:
        """Those of these files and folders."""
        folders = tuple(f"{place}/" for place in places)
        return [path for path in self.paths if path in places or path.startswith(folders)]


def is_id(commit: str) -> bool:
    """Whether it names one object for ever."""
    return _ID.fullmatch(commit) is not None


_listings: Kept[Listing] = Kept(MOST_PATHS)


def known(git: Git, commit: str) -> Listing | None:
    """The listing of a commit, when somebody has asked for it lately. Starts no process."""
    return _listings.get((git.git_dir, commit))


async def listing(git: Git, commit: str) -> Listing:
    """The listing. Raises GitError when the store lacks a tree of it."""
    found = known(git, commit)
    if found is None:
        said = parsed(await git.run("ls-tree", "-r", "-z", commit))
        found = Listing(tuple(path for _, path in said), any(mode == b"120000" for mode, _ in said))
        if git.git_dir is not None and is_id(commit):
            _listings.put((git.git_dir, commit), found, len(found.paths))
    return found


def parsed(said: bytes) -> list[tuple[bytes, str]]:
    """Mode and path of what `ls-tree -r -z` lists; submodules left out."""
    entries = (entry.partition(b"\t") for entry in said.split(b"\0") if entry)
    return [(about[:6], os.fsdecode(path)) for about, _, path in entries if not about.startswith(b"160000")]
