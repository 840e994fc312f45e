"""What is kept beside the work: ignored files, and what git cannot say of any file.

A checkpoint is a commit whose tree is what would be offered. Where there is something to keep beside, the commit has a
second parent: a commit without parents, with the ignored files below `files` and, in `list`, permissions, empty
folders, and what is gone of the layers that a setup left. Paths in `files` are written so that git takes any name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from midwatch.workspace.found import Found
from midwatch.workspace.names import refused

SUBJECT = b"ignored files"
FILES, LIST = b"files/", b"list"
_HEAD = b"midwatch 1"


@dataclass(frozen=True, slots=True)
class Aside:
    """A second parent: its commit and tree."""

    commit: str
    tree: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What git cannot say."""

    modes: Mapping[bytes, int] = field(default_factory=dict)
    empty: frozenset[bytes] = frozenset()
    gone: frozenset[bytes] = frozenset()

    @classmethod
    def of(cls, found: Found) -> Listing:
        """Of a walk. What lies in folders that were hidden from it is not in it."""
        return cls(found.modes, frozenset(found.empty), frozenset(found.gone))

    def __bool__(self) -> bool:
        return bool(self.modes or self.empty or self.gone)

    def encoded(self) -> bytes:
        """As the content of `list`: a letter, octal permissions, and a path, each entry ended by NUL."""
        entries = [b"m %o %s" % (mode, path) for path, mode in self.modes.items()]
        entries += [b"e 0 " + path for path in self.empty]
        entries += [b"g 0 " + path for path in self.gone]
        return b"\0".join([_HEAD, *sorted(entries), b""])


def decoded(content: bytes) -> Listing:
    """The listing that was encoded so. Raises ValueError for anything else."""
    head, *entries = content.split(b"\0")[:-1]
    if head != _HEAD:
        raise ValueError(f"a list of an unknown form: {head[:40]!r}")
    modes: dict[bytes, int] = {}
    paths: dict[bytes, set[bytes]] = {b"e": set(), b"g": set()}
    for entry in entries:
        kind, mode, path = entry.split(b" ", 2)
        if kind == b"m":
            modes[path] = int(mode, 8) & 0o7777
        else:
            paths[kind].add(path)
    return Listing(modes, frozenset(paths[b"e"]), frozenset(paths[b"g"]))


def plain(path: bytes) -> bytes:
    """A path in `files`: each component that git refuses, or that begins with `%`, gets a `%` before it."""
    return b"/".join(b"%" + part if part.startswith(b"%") or _odd(part) else part for part in path.split(b"/"))


def original(path: bytes) -> bytes:
    """The path that `plain` was given."""
    return b"/".join(part.removeprefix(b"%") for part in path.split(b"/"))


def _odd(part: bytes) -> bool:
    # what git reads by itself (.gitmodules, .gitattributes) is not to be judged when the store is checked either
    return part[:4].lower() == b".git" or refused(part, link=True)
