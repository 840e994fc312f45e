"""Which uid a box runs as. Bubblewrap started by real root is no sandbox: its user namespace would be root's own."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from midwatch.domain.errors import OperationError

_FIRST, _LAST = 61184, 65533
"""Above the system's and people's uids, below `nobody`; few systems give any of them to anybody."""


def box_owner(box_id: str) -> tuple[int, int] | None:
    """The uid and gid for a box: None for the caller's own, when the caller is not real root. The same id has the same
    owner. Raises OperationError for a root that has no other uid to change to."""
    if os.geteuid() != 0:
        return None
    uids, gids = _mapped("uid_map"), _mapped("gid_map")
    if uids is None or gids is None:
        return None
    low, high = max(uids[0], gids[0]), min(uids[1], gids[1])
    if low > high:
        raise OperationError(
            "running as root, with no unprivileged user id to start boxes as",
            "run midwatch as a normal user, or map more user ids into this container",
        )
    number = int.from_bytes(hashlib.sha256(box_id.encode("utf-8", "surrogateescape")).digest()[:8], "big")
    uid = low + number % (high - low + 1)
    return uid, uid


def mine(uid: int) -> bool:
    """Whether processes of that uid may be those of boxes that this user has started. Root does not take another
    user's for its own."""
    me = os.geteuid()
    if uid == me or me != 0:
        return uid == me
    uids = _mapped("uid_map")
    return uids is not None and uids[0] <= uid <= uids[1]


def _mapped(name: str) -> tuple[int, int] | None:
    """The ids that may be used, first and last. None when 0 here is only a name of an unprivileged outer id."""
    ranges = parse_map(Path("/proc/self", name).read_text(encoding="ascii"))
    good = [(max(start, _FIRST), min(start + count - 1, _LAST)) for start, _, count in ranges]
    good = [pair for pair in good if pair[0] <= pair[1]]
    if good:
        return good[0]
    others = [(max(start, 1), start + count - 1) for start, _, count in ranges if start + count > 1]
    if others:
        return others[-1]
    outer = next((outside for start, outside, _ in ranges if start == 0), 0)
    return None if outer != 0 else (1, 0)


def parse_map(text: str) -> list[tuple[int, int, int]]:
    """The lines of /proc/PID/uid_map: first id inside, first outside, how many."""
    rows = [tuple(map(int, line.split())) for line in text.splitlines()]
    return [(row[0], row[1], row[2]) for row in rows if len(row) == 3]
