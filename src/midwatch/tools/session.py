"""The tool `session`: looking at a command that goes on, writing to it, ending it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import Any

from midwatch.domain.conversation import ToolSpec
from midwatch.domain.interventions import SessionEnded
from midwatch.tools import arguments as given
from midwatch.tools.base import Bench, Tool, ToolResult
from midwatch.tools.cut import CAP, fit, harmless, one_line
from midwatch.tools.permission import Wish, permission
from midwatch.tools.rules import Rules
from midwatch.tools.sessions import Look, Running

WAIT_SECONDS = 1.0
_WRITE_SECONDS = 5.0
"""Input that is not taken in that time is not going to be read."""
_LONGEST_INPUT = 1 << 20
_SIGNALS = {"interrupt": 2, "kill": 9}
_CTRL_C = "\x03"
_TAKEN_BACK = re.compile(r"[^\r\n]*[\x03\x15]")
"""What of a line Ctrl-C and Ctrl-U take back; lines before it have been read."""

_DESCRIPTION = """\
Look at a session that `shell` started in the background: what it wrote since the last look. First `input` is written \
to it as it is (end lines with \\n) and `signal` is sent. Sessions end when you are done."""

_SCHEMA = {
    "type": "object",
    "properties": {
        "session": {"type": "integer"},
        "input": {"type": "string"},
        "signal": {"type": "string", "enum": list(_SIGNALS)},
        "wait_seconds": {"type": "number", "description": "Return after this, or when it ends. Default 1."},
    },
    "required": ["session"],
    "additionalProperties": False,
}

_FORM = '{"session": 7, "input": "optional\\n", "signal": "interrupt or kill, optional", "wait_seconds": 1}'


@dataclass(frozen=True, slots=True)
class _Request:
    session: int
    input: str
    signal: str
    seconds: float


class SessionTool(Tool):
    """Works on the sessions of `Bench.sessions`."""

    spec = ToolSpec("session", _DESCRIPTION, _SCHEMA)

    def __init__(self, rules: Rules | None = None) -> None:
        """`rules`: the person's, on commands; they hold for the lines that are typed. None by default."""
        self._rules = rules or Rules()

    def summary(self, arguments: str) -> str:
        """`session 7: input 'y\\n'`."""
        try:
            request = _request(arguments)
        except given.BadArguments:
            return "session"
        said = f": {request.signal}" if request.signal else f": input {request.input!r}" if request.input else ""
        return one_line(f"session {request.session}{said}")

    async def run(self, arguments: str, bench: Bench) -> ToolResult:
        """Write, signal, wait, look; in this order."""
        try:
            request = _request(arguments)
        except given.BadArguments as error:
            return given.refused(
                "session", error, f"Nothing was done. The arguments are {_FORM}; only the session is required."
            )
        running = bench.sessions.get(request.session)
        if running is None:
            return _missing(request.session, bench)
        said = _line_so_far(running.typed + request.input, running.pty)
        wish = Wish(
            "session", said, f"session {running.number} ({running.command}): {said.strip()}", "Nothing was written."
        )
        given_word = await permission(self._rules, wish, bench)
        if given_word.refusal is not None:
            return replace(given_word.refusal, events=given_word.events)
        running.typed = "" if request.signal else said.rpartition("\n")[2][:_LONGEST_INPUT]
        wait = waiting(request.seconds, bench)
        note = await _act(running, request)
        look = await running.look(wait, bench.output)
        result = seen(running, look, bench, note, signalled=bool(request.signal))
        return replace(result, events=(*given_word.events, *result.events))


def _line_so_far(typed: str, pty: bool) -> str:
    """The lines as a shell reads them, also where a line comes in pieces. On a terminal what Ctrl-C and Ctrl-U take
    back is gone."""
    return (_TAKEN_BACK.sub("", typed) if pty else typed).replace("\r", "\n")


def waiting(seconds: float, bench: Bench) -> float:
    """How long a look may wait, within the limits of the attempt."""
    return max(0.0, min(seconds, bench.limits.command_seconds, bench.seconds_left()))


def seen(running: Running, look: Look, bench: Bench, note: str = "", *, signalled: bool = False) -> ToolResult:
    """A look as a result. A session that has ended is gone afterwards. Raises StoreError."""
    ended = look.ended
    events: tuple[SessionEnded, ...] = ()
    if ended is None:
        status = f"session {running.number} runs"
    else:
        status = f"session {running.number} has ended: {ended.ended}"
        bench.sessions.drop(running)
        code = ended.exit_code
        events = (SessionEnded(running.number, running.command, code, ended.ended, 0, "", 0, 0),)
    text = shown(look, bench)
    return ToolResult(
        ok=ended is None or signalled or ended.exit_code == 0,
        output=f"{status}{note}\n{text.text or '(no new output)'}",
        ended="running" if ended is None else ended.ended,
        duration_ms=look.duration_ms,
        command=f"session {running.number}: {running.command}" if look.log is not None else "",
        exit_code=None if ended is None else ended.exit_code,
        digest=text.digest,
        bytes=text.bytes,
        lines=text.lines,
        truncated=text.truncated,
        events=events,
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """What a look wrote, for the model, and where all of it is."""

    text: str = ""
    digest: str = ""
    bytes: int = 0
    lines: int = 0
    truncated: bool = False


def shown(look: Look, bench: Bench, cap: int = CAP) -> Shown:
    """The log of a look within `cap` bytes, cited by the number of the call. Raises StoreError, OSError."""
    log = look.log
    if log is None:
        return Shown()
    cut = fit(bench.blobs.path(log.digest), log.lines, bench.command_number, cap)
    return Shown(cut.text, log.digest, log.bytes, log.lines, cut.truncated)


async def _act(running: Running, request: _Request) -> str:
    """Give it the input and the signal; what went wrong, for the model."""
    signal, note = request.signal, ""
    if request.input == _CTRL_C and not running.pty:
        signal = signal or "interrupt"
    elif request.input:
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                await running.session.write(request.input.encode("utf-8", "replace"))
        except TimeoutError:
            note = "; it does not read its input: not all of it was taken"
    if signal:
        await running.session.kill(_SIGNALS[signal])
    return note


def _missing(number: int, bench: Bench) -> ToolResult:
    begun = next((one for one in bench.commands if one.number == number and one.tool == "shell"), None)
    known = bench.sessions.listed()
    what = f"There is no session {number}"
    if begun is not None and begun.ended == "running":
        command = harmless(begun.command, newlines=False)[:100]
        what = (
            f"Session {number} ({command}) is gone: it has ended, or it was ended with the turn or with the sandbox. "
            "Start the command again if you need it"
        )
    output = f"{what}. {f'The sessions are: {known}' if known else 'No session runs'}."
    return ToolResult(ok=False, output=output, ended="no such session")


def _request(arguments: str) -> _Request:
    values = given.read(arguments)
    number = values.get("session", values.get("session_id"))
    if isinstance(number, str) and number.isdecimal():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool):
        raise given.BadArguments('"session" must be the number of a session')
    said = given.text(values, "input", given.text(values, "chars", ""))
    if len(said) > _LONGEST_INPUT:
        raise given.BadArguments('"input" is longer than 1 MiB; write it to a file')
    signal = given.text(values, "signal", "")
    if signal not in ("", *_SIGNALS):
        raise given.BadArguments(f'"signal" must be one of {", ".join(_SIGNALS)}')
    return _Request(number, said, signal, wait_seconds(values))


def wait_seconds(values: dict[str, Any]) -> float:
    """How long to wait for output, as the model asks. Raises BadArguments."""
    seconds = given.number(values, "wait_seconds", WAIT_SECONDS)
    if seconds < 0:
        raise given.BadArguments('"wait_seconds" must not be below 0')
    return seconds
