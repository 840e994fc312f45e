"""What a walk finds: how the files of a workspace differ from the layers below them."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from midwatch.workspace.lfs import Pointers
from midwatch.workspace.names import shown
from midwatch.workspace.stamps import Stamp

MOST_SKIPPED = 100
"""Sentences on what was not kept; the rest are only counted."""
RULES = 10_000
"""Ignore rules that count in all; a long one counts for several. Each is matched with each file."""
MOST_FILES = 500_000
"""Files that differ from the layers below, and as many ignored ones, in one checkpoint."""


@dataclass(frozen=True, slots=True)
class Lower:
    """What lies below a workspace's own files, and what else a walk must know."""

    base: Path
    """The checkout of the base commit. What is a file there is tracked."""
    gitlinks: frozenset[bytes]
    """Submodules of the base."""
    outside: bytes
    """The user's ignore rules outside the tree."""
    layers: tuple[Path, ...] = ()
    """What a setup left, below the base: the lowest first."""
    untouched: Mapping[bytes, Stamp] | None = None
    """For a plain folder, which holds copies of all layers: the stamps of the copies. None for an upper folder."""
    pointers: Pointers = field(default_factory=dict)
    """Files of the base whose content stands for a pointer of Git LFS: unchanged, the pointer is kept."""
    fused: bool = False
    """The upper folder is fuse-overlayfs's, which writes down deletions in names that begin with `.wh.` too."""


@dataclass(slots=True)
class Found:
    """The difference. Paths are relative to the workspace."""

    files: dict[bytes, Stamp] = field(default_factory=dict)
    """New and changed files that count as work."""
    ignored: dict[bytes, Stamp] = field(default_factory=dict)
    """New and changed files that are ignored."""
    deleted: set[bytes] = field(default_factory=set)
    """Files and folders of the base that are gone; of a folder only itself is named."""
    gone: set[bytes] = field(default_factory=set)
    """The same of the layers below the base."""
    modes: dict[bytes, int] = field(default_factory=dict)
    """Permissions, where they are not the usual ones; the workspace itself is the empty path."""
    empty: set[bytes] = field(default_factory=set)
    """Folders that no kept file implies."""
    skipped: list[tuple[bytes, str]] = field(default_factory=list)
    """Path and reason. Words are only made of those that are said: a box can make very many."""
    hidden: set[bytes] = field(default_factory=set)
    """Paths and folders (with a slash at the end) that could not be looked at: what was known of them stands."""
    unseen: bool = False
    """Something of the work lies there that no checkpoint can have."""
    rules_left: int = field(default_factory=lambda: RULES)

    def hides(self, path: bytes) -> bool:
        """Whether the path or a folder above it could not be looked at."""
        if not self.hidden or path in self.hidden:
            return bool(self.hidden)
        return any(folder + b"/" in self.hidden for folder in above(path))

    def sentences(self) -> tuple[str, ...]:
        """What was not kept and why, by path: MOST_SKIPPED of them, and how many more there are."""
        said = [f"{shown(path)}: {why}" for path, why in heapq.nsmallest(MOST_SKIPPED, self.skipped)]
        more = len(self.skipped) - len(said)
        return (*said, f"and {more} more") if more else tuple(said)


def above(path: bytes) -> list[bytes]:
    """The folders that a path lies in, the highest first; without the workspace itself."""
    found = []
    slash = path.find(b"/")
    while slash >= 0:
        found.append(path[:slash])
        slash = path.find(b"/", slash + 1)
    return found
