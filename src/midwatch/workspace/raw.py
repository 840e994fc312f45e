"""Commits and trees of the store as bytes, remembered, and read without a process where they lie in files of their own.

They never change, and many tasks begin at the same commit: what one of them has read, the next does not ask for.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from midwatch.workspace.git import Git
from midwatch.workspace.listing import Kept
from midwatch.workspace.stored import contents

MOST_BYTES = 16 << 20
"""Of all that is remembered together."""
_LARGEST = 4 << 20
"""Bytes of an object that is read at once; git streams a larger one."""

_kept: Kept[bytes] = Kept(MOST_BYTES)
_lock = threading.Lock()


@dataclass(slots=True)
class Raw:
    """One thread at a time. Made by `reading`."""

    git: Git
    store: Path
    _held: ExitStack = field(default_factory=ExitStack)

    def get(self, name: str) -> bytes:
        """What the commit or tree of that id holds. Blocks. Raises GitError when the store lacks it."""
        key = (self.store, name)
        with _lock:
            found = _kept.get(key)
        if found is None:
            found = loose(self.store, name)
            if found is None:
                asked = self._held.enter_context(contents(self.git))
                found = b"".join(asked.pieces(name))
            with _lock:
                _kept.put(key, found, len(found) + 200)
        return found


@contextmanager
def reading(git: Git, store: Path) -> Iterator[Raw]:
    """Objects are read within; `git` is asked for what lies in packs."""
    raw = Raw(git, store)
    with raw._held:  # noqa: SLF001 - its own
        yield raw


def loose(store: Path, name: str) -> bytes | None:
    """What an object holds that lies in a file of its own; None for any other, or one that is large. Blocks."""
    try:
        data = (store / "objects" / name[:2] / name[2:]).read_bytes()
        unpack = zlib.decompressobj()
        whole = unpack.decompress(data, _LARGEST)
    except (OSError, zlib.error):
        return None
    head, nul, body = whole.partition(b"\0")
    return body if nul and unpack.eof and head.split(b" ")[-1] == b"%d" % len(body) else None
