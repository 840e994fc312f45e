"""Who a container's commands are, inside and outside."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from midwatch.domain.errors import OperationError
from midwatch.sandbox.oci_bundle import Identity

_INSIDE = 1000


def identity(owner: tuple[int, int] | None) -> Identity:
    """Of a box that belongs to `owner`, or to the caller. Runtimes need a uid 0 inside to set a box up; outside it is
    one without rights: the next to the owner's, or, for a caller who is a normal user and so starts the runtime by
    `prefix`, the first of those that the caller may give away."""
    if owner is not None:
        uid, gid = owner
        return Identity(_INSIDE, _INSIDE, ((0, uid + 1), (_INSIDE, uid)), ((0, gid + 1), (_INSIDE, gid)))
    return Identity(_INSIDE, _INSIDE, ((0, 1), (_INSIDE, 0)), ((0, 1), (_INSIDE, 0)))


def prefix(owner: tuple[int, int] | None) -> list[str]:
    """What comes before the runtime's own arguments: a normal user has it started as the root of a user namespace, in
    which 0 is the caller and 1 an id that the caller may give away. Raises OperationError when there are none."""
    if owner is not None:
        return []
    users, groups = _first_of("/etc/subuid"), _first_of("/etc/subgid")
    maps = ("--map-root-user", f"--map-users={users},1,1", f"--map-groups={groups},1,1")
    return ["/usr/bin/unshare", "--user", "--mount", *maps, "--"]


def _first_of(path: str) -> int:
    """The first id that the file lets the caller give away."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        fields = line.strip().split(":")
        if len(fields) == 3 and fields[0] in (name, str(uid)) and fields[1].isdecimal() and fields[2] != "0":
            return int(fields[1])
    raise OperationError(
        f"{path} gives {name} no ids for containers",
        f"`sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}`, and install newuidmap "
        "(Debian: `apt install uidmap`)",
    )
