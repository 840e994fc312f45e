"""Lines of what commands, checks and hooks have printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from midwatch.domain.errors import StoreError
from midwatch.engine.store.records import load
from midwatch.server.answers import Output
from midwatch.server.problems import Problem
from midwatch.workflows.verify import digests

if TYPE_CHECKING:
    from midwatch.engine.store.records import Record
    from midwatch.wiring import Home

MOST_LINES = 2000
"""Of one answer."""
MOST_BYTES = 1 << 20
"""Of one answer, all lines together."""
_CHUNK = 1 << 16

Of = Literal["command", "check", "hook"]
_KINDS: dict[Of, tuple[str, ...]] = {
    "command": ("tool_finished", "session_ended"), "check": ("checked",), "hook": ("hook_ran",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which output, and which of its lines (counted from 1, both included; `last` None for as many as fit)."""

    of: Of
    number: int
    first: int
    last: int | None


async def output(home: Home, attempt: str, wanted: Wanted) -> Output:
    """The lines. Raises Problem 404 when there is no such output, StoreError when its file is gone. Reads the file to
    the last of the lines and keeps no more of it in memory than is answered."""
    records = await home.store.of_kinds(attempt, _KINDS[wanted.of])
    found = _found(records, wanted)
    if found is None:
        raise Problem(404, f"there is no {wanted.of} {wanted.number} in attempt {attempt}", "its log has their numbers")
    digest, total = str(found.get("digest", "")), int(found.get("lines", 0))
    first = wanted.first
    count = min(MOST_LINES, wanted.last - first + 1 if wanted.last is not None else MOST_LINES)
    lines = read_lines(_path(home, digest), first, count) if digest else []
    return Output(
        name=f"{wanted.of} {wanted.number}",
        command=str(found.get("command", "")),
        ended=str(found.get("ended", "")),
        digest=digest,
        total_lines=total,
        first_line=first,
        lines=lines,
        more=first - 1 + len(lines) < total,
    )


NAMING = ("task_started", "environment_ready", "message", "tool_finished", "session_ended", "hook_ran", "checked")
"""The kinds of events that name outputs and pictures."""


async def whole(home: Home, attempt: str, digest: str) -> Path:
    """The file of an output or a picture that the attempt's log names. Raises Problem 404 when it names none such, so
    that nobody reads what another attempt has left, and StoreError as `output`. A text that holds a digest names
    nothing: a model may have written it."""
    records = [record for record in await home.store.of_kinds(attempt, NAMING) if digest in record.body]
    if digest not in digests([load(record) for record in records]):
        raise Problem(404, "the attempt's log names no such output", "an event's `digest` is what can be asked for")
    return _path(home, digest)


def _found(records: Sequence[Record], wanted: Wanted) -> dict[str, Any] | None:
    if wanted.of == "check":
        runs = json.loads(records[-1].body)["evidence"]["checks"] if records else []
        return dict(runs[wanted.number - 1]) if wanted.number <= len(runs) else None
    for record in records:
        body = json.loads(record.body)
        if (record.seq if wanted.of == "hook" else body.get("number", 0)) == wanted.number:
            return dict(body)
    return None


def _path(home: Home, digest: str) -> Path:
    try:
        return home.blobs.path(digest)
    except FileNotFoundError:
        raise StoreError(
            f"the output ({digest[:12]}) is missing from the state folder",
            "`midwatch verify` lists everything that is missing or changed",
        ) from None


def read_lines(path: Path, first: int, count: int) -> list[str]:
    """So many lines from line `first` on, without their ends, as long as all together fit; what is no UTF-8 is
    replaced. A line that is longer than an answer may be is cut."""
    found: list[str] = []
    left = MOST_BYTES
    with path.open("rb") as file:
        for _ in range(first - 1):
            if not _skip(file):
                return []
        while len(found) < count and left > 0:
            line = file.readline(left + 1)
            if not line:
                break
            whole = line.endswith(b"\n") or len(line) <= left
            if len(line) > left and found:
                break
            if not whole:
                line = line[:left] + b" [cut]"
                _skip(file)
            found.append(line.rstrip(b"\r\n").decode("utf-8", "replace"))
            left -= len(line)
    return found


def _skip(file: Any) -> bool:
    """Go past one line, however long; False at the end."""
    any_of_it = False
    while piece := file.readline(_CHUNK):
        any_of_it = True
        if piece.endswith(b"\n"):
            break
    return any_of_it
