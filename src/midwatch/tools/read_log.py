"""The tool `log`: lines of an earlier command's full output, numbered as they are cited."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from midwatch.domain.conversation import ToolSpec
from midwatch.tools import arguments as given
from midwatch.tools.base import Bench, Tool, ToolResult
from midwatch.tools.cut import CAP, harmless, one_line

_LONGEST_LINE = 2000
"""Characters of a line that are shown."""
_SEARCH_SECONDS = 30.0
_FOUND_BYTES = 4 << 20

_DESCRIPTION = """\
Read lines of an earlier command's full output, which you saw cut; each with its number, so that you can cite "cmd 7, \
lines 12-20"."""

_SCHEMA = {
    "type": "object",
    "properties": {
        "command": {"type": "integer", "description": "The command's number."},
        "from_line": {"type": "integer"},
        "to_line": {"type": "integer"},
        "grep": {"type": "string", "description": "Only lines that match this, as by grep -E."},
    },
    "required": ["command"],
    "additionalProperties": False,
}

_FORM = '{"command": 7, "from_line": 1, "to_line": 200, "grep": "ERROR|FAILED"}'


@dataclass(frozen=True, slots=True)
class _Request:
    command: int
    first: int
    last: int | None
    grep: str


class ReadLog(Tool):
    """Reads the logs of `Bench.commands`."""

    spec = ToolSpec("log", _DESCRIPTION, _SCHEMA)

    def summary(self, arguments: str) -> str:
        """`log: command 7, lines 12-20`."""
        try:
            request = _request(arguments)
        except given.BadArguments:
            return "log"
        lines = f", lines {request.first}-{request.last or ''}" if request.first > 1 or request.last else ""
        found = f", grep {request.grep}" if request.grep else ""
        return one_line(f"log: command {request.command}{lines}{found}")

    def reads_only(self, arguments: str) -> bool:
        """Yes."""
        return True

    async def run(self, arguments: str, bench: Bench) -> ToolResult:
        """Read them from the blob store; a pattern is looked for in the box, since it can be made to take for ever."""
        try:
            request = _request(arguments)
        except given.BadArguments as error:
            return given.refused("log", error, f"The arguments are {_FORM}; only the command is required.")
        command = next((one for one in bench.commands if one.number == request.command), None)
        if command is None:
            return ToolResult(ok=False, output=_unknown(request.command, bench), ended="no such command")
        head = f"command {command.number}: {_first(command.command)} · {command.ended} · {command.lines:,} lines"
        if not command.bytes:
            return ToolResult(ok=True, output=f"{head}\n(no output)", ended="read")
        try:
            path = bench.blobs.path(command.digest)
        except FileNotFoundError:
            return ToolResult(ok=False, output=f"{head}\nThe log is lost.", ended="lost")
        lines: Iterable[tuple[int, bytes]] = _lines(path, request)
        if request.grep:
            found = await _found(path, request, bench)
            if isinstance(found, str):
                return ToolResult(ok=False, output=f"log: {found}", ended="not searched")
            lines = found
        text, truncated = await asyncio.to_thread(_shown, lines, request.grep != "")
        return ToolResult(ok=True, output=f"{head}\n{text}", ended="read", truncated=truncated)


def _lines(path: Path, request: _Request) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        yield from enumerate(islice(file, request.first - 1, request.last), request.first)


async def _found(path: Path, request: _Request, bench: Bench) -> list[tuple[int, bytes]] | str:
    """The lines that match, or what is wrong with the pattern."""
    said = bytearray()
    ended = await bench.box.exec(
        ["grep", "-anE", "-e", request.grep],
        timeout=min(_SEARCH_SECONDS, max(0.1, bench.seconds_left())),
        output_bytes=_FOUND_BYTES,
        stdin=await asyncio.to_thread(path.read_bytes),
        sink=said.extend,
    )
    if ended.exit_code not in (0, 1) and not ended.ended.startswith("output limit"):
        words = harmless(bytes(said[-500:]).decode("utf-8", "replace"), newlines=False)
        return f"grep did not end well: {ended.ended}: {words}"
    rows = [row.partition(b":") for row in bytes(said).split(b"\n")]
    numbered = [(int(number), line) for number, colon, line in rows if colon and number.isdigit()]
    return [row for row in numbered if request.first <= row[0] <= (request.last or row[0])]


def _shown(lines: Iterable[tuple[int, bytes]], searched: bool) -> tuple[str, bool]:
    """The lines within the cap, and whether some were left out."""
    shown: list[str] = []
    size = 0
    for number, line in lines:
        text = harmless(line.rstrip(b"\r\n").decode("utf-8", "replace"), newlines=False)
        row = f"{number}: {text if len(text) <= _LONGEST_LINE else text[:_LONGEST_LINE] + '…'}"
        size += len(row.encode()) + 1
        if size > CAP:
            return "\n".join([*shown, f"… more from line {number} on (from_line={number})"]), True
        shown.append(row)
    return "\n".join(shown) or ("(no line matches)" if searched else "(no such lines)"), False


def _unknown(number: int, bench: Bench) -> str:
    last = max((one.number for one in bench.commands), default=0)
    known = f"the last one is {last}" if last else "none was run yet"
    return f"There is no command {number}: {known}."


def _first(command: str) -> str:
    line = harmless(command.strip().split("\n")[0], newlines=False)
    return line if len(line) <= 160 else line[:159] + "…"


def _request(arguments: str) -> _Request:
    values = given.read(arguments)
    if "command" not in values:
        raise given.BadArguments('"command" is missing')
    first = given.whole(values, "from_line", 1)
    last = given.whole(values, "to_line", 0) if values.get("to_line") is not None else None
    if last is not None and last < first:
        raise given.BadArguments('"to_line" is before "from_line"')
    grep = given.text(values, "grep", "")
    if "\0" in grep or "\n" in grep:
        raise given.BadArguments('"grep" must be one line')
    return _Request(given.whole(values, "command", 0), first, last, grep)
