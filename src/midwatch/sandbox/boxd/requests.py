"""What the host asks of the workspace's files."""

from __future__ import annotations

import os

from .files import ConfinedFiles
from .receiving import whole


def answer(kind: bytes, name: bytes, fields: list[bytes], handles: list[int], workspace: str) -> list[bytes]:
    """Do it, and say how it went. The contents go through handles of the host's."""
    files = ConfinedFiles(workspace)
    try:
        if kind == b"read":
            _give(handles[0], files.read(fields[0], int(fields[1])))
        elif kind == b"write":
            executable = {b"": None, b"0": False, b"1": True}[fields[1]]
            files.write(fields[0], whole(handles[0]), executable)
        elif kind == b"remove":
            files.remove(fields[0])
        else:
            raise OSError(22, "no such request")
    except OSError as error:
        return [b"failed", name, str(error.errno or 0).encode(), (error.strerror or "").encode()]
    return [b"done", name]


def _give(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
