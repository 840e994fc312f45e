"""Trees of git: how two of them differ, and one being changed.

Only the folders on the way to a change are read and written. As by `git fast-import`, what becomes empty is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

FOLDER = b"40000"

Entry = tuple[bytes, str]
"""Mode and id."""


@dataclass(slots=True)
class Edited:
    """A folder: what git calls a tree."""

    read: Callable[[str], bytes]
    """The bytes of a tree by its id."""
    name: str = ""
    """Its id as long as nothing has changed in it; empty for a new one."""
    _entries: dict[bytes, Entry] | None = None
    _open: dict[bytes, Edited] = field(default_factory=dict)
    """The folders in it that were looked into."""

    def put(self, path: bytes, mode: bytes, blob: str) -> None:
        """Have a file there; what was in its way is gone."""
        first, slash, rest = path.partition(b"/")
        if slash:
            folder = self._folder(first)
            if folder is None:
                folder = self._open[first] = Edited(self.read, "", {})
                self._there()[first] = (FOLDER, "")
            folder.put(rest, mode, blob)
        else:
            self._open.pop(first, None)
            self._there()[first] = (mode, blob)
        self.name = ""

    def delete(self, path: bytes) -> None:
        """Have nothing there."""
        first, slash, rest = path.partition(b"/")
        if first not in self._there():
            return
        if slash:
            folder = self._folder(first)
            if folder is None:
                return
            folder.delete(rest)
            if folder.name:
                return  # there was no such thing
            if folder._there():
                self.name = ""
                return
        self._open.pop(first, None)
        del self._there()[first]
        self.name = ""

    def written(self, write: Callable[[bytes], str]) -> str:
        """Its id, after what has changed was given to `write`, which answers with the id of a tree of these bytes."""
        if not self.name:
            entries = self._there()
            for first, folder in self._open.items():
                entries[first] = (FOLDER, folder.written(write))
            order = sorted(entries.items(), key=lambda entry: entry[0] + (b"/" if entry[1][0] == FOLDER else b""))
            self.name = write(
                b"".join(b"%s %s\0%s" % (mode, first, bytes.fromhex(name)) for first, (mode, name) in order)
            )
        return self.name

    def _folder(self, first: bytes) -> Edited | None:
        """The folder of that name; None where there is none."""
        if first not in self._open:
            mode, name = self._there().get(first, (b"", ""))
            if mode != FOLDER:
                return None
            self._open[first] = Edited(self.read, name)
        return self._open[first]

    def _there(self) -> dict[bytes, Entry]:
        if self._entries is None:
            self._entries = dict(entries(self.read(self.name), len(self.name) // 2))
        return self._entries


def entries(tree: bytes, width: int) -> list[tuple[bytes, Entry]]:
    """Name, mode and id of all that is in a tree; an id has `width` bytes."""
    found, place = [], 0
    while place < len(tree):
        end = tree.index(b"\0", place)
        mode, _, first = tree[place:end].partition(b" ")
        place = end + 1 + width
        found.append((first, (mode, tree[end + 1 : place].hex())))
    return found


def changes(read: Callable[[str], bytes], old: str, new: str) -> Iterator[tuple[bytes, Entry | None, Entry | None]]:
    """Path, entry before and entry after of each file, link or submodule that differs between two trees; None where
    there is none. Costs what differs."""
    if old == new:
        return
    before, after = (dict(entries(read(tree), len(tree) // 2)) if tree else {} for tree in (old, new))
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        folders = [entry[1] if entry and entry[0] == FOLDER else "" for entry in (was, now)]
        files = [entry if entry and entry[0] != FOLDER else None for entry in (was, now)]
        if any(files):
            yield name, files[0], files[1]
        for path, one, other in changes(read, *folders):
            yield name + b"/" + path, one, other
