"""The tool `shell`: one command in the box, its whole output kept, a cut of it for the model."""

from __future__ import annotations

import asyncio
import posixpath
import re
import shlex
from dataclasses import dataclass, replace
from typing import Any

from midwatch.domain.conversation import ToolSpec
from midwatch.engine.blobs import Blob
from midwatch.sandbox.base import SHELL, ExecResult
from midwatch.tools import arguments as given
from midwatch.tools.base import Bench, Tool, ToolResult
from midwatch.tools.cut import CAP, fit, harmless, one_line
from midwatch.tools.only_reads import only_reads
from midwatch.tools.patch.tool import READ_ONLY, patch_summary, run_patch
from midwatch.tools.permission import Wish, permission
from midwatch.tools.rules import Rules
from midwatch.tools.session import shown, wait_seconds, waiting
from midwatch.tools.sessions import Start, TooMany

DEFAULT_SECONDS = 120
_LONGEST_ARGUMENT = 100_000
"""Bytes; the kernel takes up to 128 KiB for one argument."""

_DESCRIPTION = f"""\
Run a command with bash in the sandbox, from the working folder. There is no network; each call is a new shell, \
and processes left in the background are ended with it. stdout and stderr come back together; of a long output you \
see the head and the tail. The default time limit is {DEFAULT_SECONDS} s. Edit with apply_patch. For a server or an \
interactive program set `background`: it goes on as a session."""

_SCHEMA = {
    "type": "object",
    "properties": {
        "command": {"type": "string"},
        "workdir": {"type": "string", "description": "Folder to run in, relative to the working folder."},
        "timeout_seconds": {"type": "integer", "description": "Raise it for long builds and test suites."},
        "background": {"type": "boolean", "description": "Go on as a session; use the tool session on it."},
        "tty": {"type": "boolean", "description": "As background, on a terminal of its own."},
        "wait_seconds": {"type": "number", "description": "Of a session: how long to wait for output. Default 1."},
        "max_output_tokens": {"type": "integer"},
    },
    "required": ["command"],
    "additionalProperties": False,
}

_FORM = '{"command": "ls -la", "workdir": "optional/folder", "timeout_seconds": 120}'

# To change the folder a shell is needed that every system has; bash is taken when the box has it. `$1` is the folder,
# `$2` the command; a command too long for an argument comes on standard input.
_START = 'cd -- "$1" || exit 1; if command -v bash >/dev/null 2>&1; then exec bash -c "$2"; fi; exec sh -c "$2"'
_FROM_INPUT = 'eval "$(cat)"'

_PATCH = re.compile(
    r"""\s*(?:cd\s+(?P<folder>"[^"$`\\\n]+"|'[^'\n]+'|[\w./@+-]+)\s*(?:&&|;)\s*)?
    apply_?patch\s*<<-?\s*(?P<quote>['"]?)(?P<end>\w+)(?P=quote)[ \t]*\n
    (?P<patch>.*?\n)[ \t]*(?P=end)\s*""",
    re.VERBOSE | re.DOTALL,
)
_PATCH_INSIDE = re.compile(r"(?:^|[\n;&|])[^\S\n]*apply_?patch\s*<<")


@dataclass(frozen=True, slots=True)
class _Request:
    command: str
    folder: str
    """Relative to the workspace; `.` for its top."""
    seconds: float | None
    session: bool
    """It goes on in the background."""
    tty: bool
    wait: float
    cap: int
    """Bytes of output that the model is shown."""


class Shell(Tool):
    """Runs commands, and applies patches that are written as an `apply_patch` here-document."""

    spec = ToolSpec("shell", _DESCRIPTION, _SCHEMA)

    def __init__(self, rules: Rules | None = None) -> None:
        """`rules`: the person's, on commands; none by default."""
        self._rules = rules or Rules()

    def summary(self, arguments: str) -> str:
        """The command's first line."""
        try:
            request = _request(arguments, "")
        except given.BadArguments:
            return _line(f"shell: {arguments}")
        patch = _PATCH.fullmatch(request.command)
        if patch:
            return patch_summary(patch["patch"])
        return _line(request.command if request.folder == "." else f"({request.folder}) {request.command}")

    def reads_only(self, arguments: str) -> bool:
        """When it is a pipe of programs that are known to do nothing but read."""
        try:
            request = _request(arguments, "")
        except given.BadArguments:
            return True  # and so nothing is run
        asked_about = self._rules.decide(request.command).decision != "allow"
        return not request.session and not asked_about and only_reads(request.command)

    async def run(self, arguments: str, bench: Bench) -> ToolResult:
        """Run it to its end, or to its limit."""
        try:
            request = _request(arguments, bench.box.workdir, bench.folder)
        except given.BadArguments as error:
            return given.refused(
                "shell", error, f"Nothing was run. The arguments are {_FORM}; only the command is required."
            )
        patch = _PATCH.fullmatch(request.command)
        if patch and bench.mode == "read-only":
            return READ_ONLY
        if patch:
            folder = posixpath.normpath(posixpath.join(request.folder, _unquoted(patch["folder"] or ".")))
            return await run_patch(patch["patch"], bench.box, "" if folder == "." else folder)
        if _PATCH_INSIDE.search(request.command):
            output = "apply_patch is a tool, not a program: call it by itself, then run the rest. Nothing was run."
            return ToolResult(ok=False, output=output, ended="bad arguments")
        subject = request.command if request.folder == "." else f"({request.folder}) {request.command}"
        given_word = await permission(self._rules, Wish("shell", request.command, subject), bench)
        result = given_word.refusal or await (_begin if request.session else _run)(request, bench)
        return replace(result, events=(*given_word.events, *result.events))


async def _run(request: _Request, bench: Bench) -> ToolResult:
    writer = bench.blobs.writer()

    def sink(chunk: bytes) -> None:
        writer.write(chunk)
        bench.output(chunk)

    cap = max(0.1, min(bench.limits.command_seconds, bench.seconds_left()))
    wanted = request.seconds or DEFAULT_SECONDS
    long = len(request.command.encode()) > _LONGEST_ARGUMENT
    command = _FROM_INPUT if long else request.command
    try:
        result = await bench.box.exec(
            _argv(request.folder, command),
            timeout=min(wanted, cap),
            output_bytes=bench.limits.output_bytes,
            stdin=request.command.encode() if long else b"",
            sink=sink,
        )
    except BaseException:
        writer.discard()
        raise
    blob = await asyncio.to_thread(writer.finish)  # it waits for the disk
    shortened = f"; {wanted:g} s were asked for, {cap:.0f} s is the most" if wanted > cap else ""
    return _result(request, result, blob, shortened, bench)


def _argv(folder: str, command: str) -> list[str]:
    if folder == ".":  # a box begins there
        return [SHELL, "-c", command]
    return ["sh", "-c", _START, "sh", folder if folder.startswith("/") else f"./{folder}", command]


async def _begin(request: _Request, bench: Bench) -> ToolResult:
    """Start it as a session, and look once; what ends in that time is a command like others."""
    argv = _argv(request.folder, request.command)
    start = Start(request.command, argv, request.tty, bench.limits.output_bytes)
    try:
        running = await bench.sessions.start(bench.command_number, start, bench.box, bench.blobs)
    except TooMany as error:
        output = f"{error}. Nothing was run. End one with the tool session (signal: kill), or look at those that ended."
        return ToolResult(ok=False, output=output, ended="too many sessions")
    look = await running.look(waiting(request.wait, bench), bench.output)
    if look.ended is not None:
        bench.sessions.drop(running)
        return _result(request, look.ended, look.log or bench.blobs.put(b""), "", bench)
    text = shown(look, bench, request.cap)
    return ToolResult(
        ok=True,
        output=f"session {running.number} runs; the tool session looks at it\n{text.text or '(no output yet)'}",
        ended="running",
        duration_ms=look.duration_ms,
        command=request.command,
        digest=text.digest,
        bytes=text.bytes,
        lines=text.lines,
        truncated=text.truncated,
    )


def _result(request: _Request, result: ExecResult, blob: Blob, shortened: str, bench: Bench) -> ToolResult:
    cut = fit(bench.blobs.path(blob.digest), blob.lines, bench.command_number, request.cap)
    seconds = f"{result.duration_ms / 1000:.2f} s"
    if result.exit_code is not None:
        status = f"exit {result.exit_code} · {seconds}"
    elif result.ended.startswith("time limit"):
        status = f"ended by the {result.ended}{shortened}"
    elif "limit" in result.ended:
        status = f"ended by the {result.ended} · {seconds}"
    else:
        status = f"{result.ended} · {seconds}"
    return ToolResult(
        ok=result.exit_code == 0,
        output=f"{status}\n{cut.text or '(no output)'}{_left(result)}",
        ended=result.ended,
        duration_ms=result.duration_ms,
        command=request.command,
        exit_code=result.exit_code,
        digest=blob.digest,
        bytes=blob.bytes,
        lines=blob.lines,
        truncated=cut.truncated,
    )


def _left(result: ExecResult) -> str:
    """What was still running in the background, in a line: the model may have meant it to go on. And what the box has
    lost meanwhile."""
    lost = f"\n[{result.lost}]" if result.lost else ""
    if not result.left:
        return lost
    lines = [harmless(line, newlines=False)[:100] for line in result.left[:5]]
    more = len(result.left) - len(lines)
    return "\n[ended with the command: " + "; ".join(lines) + (f" and {more} more]" if more else "]") + lost


def _request(arguments: str, root: str, start: str = "") -> _Request:
    """The call's arguments in our form; `start` is the folder that relative ones are in. Raises BadArguments."""
    values = given.read(arguments)
    command = _command(values.get("command", values.get("cmd")))
    if not command.strip():
        raise given.BadArguments('"command" is missing or empty')
    if "\0" in command:
        raise given.BadArguments('"command" holds a NUL character')
    try:
        command.encode()
    except UnicodeEncodeError:
        raise given.BadArguments('"command" holds half of a surrogate pair') from None
    tty = given.flag(values, "tty")
    session = tty or given.flag(values, "background")
    if session and len(command.encode()) > _LONGEST_ARGUMENT:
        raise given.BadArguments('"command" is too long for a session; write it to a file and run that')
    folder = _folder(given.text(values, "workdir", "."), root, start)
    cap = min(CAP, 4 * given.whole(values, "max_output_tokens", CAP // 4))
    return _Request(command, folder, _seconds(values), session, tty, wait_seconds(values), cap)


def _command(value: Any) -> str:
    """A command line from a string, an argument list, or `["bash", "-lc", "…"]`."""
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        name = posixpath.basename(value[0])
        if len(value) == 3 and name in ("bash", "sh", "zsh") and value[1] in ("-c", "-lc", "-cl"):
            return str(value[2])
        if len(value) == 2 and name in ("apply_patch", "applypatch") and "MIDWATCH_END" not in value[1]:
            return f"apply_patch <<'MIDWATCH_END'\n{value[1]}\nMIDWATCH_END"
        return shlex.join(value)
    if value is None or isinstance(value, str):
        return value or ""
    raise given.BadArguments('"command" must be a string')


def _folder(workdir: str, root: str, start: str) -> str:
    absolute = workdir.startswith("/") and root
    folder = posixpath.relpath(workdir, root) if absolute else posixpath.normpath(posixpath.join(start, workdir or "."))
    if "\0" in folder or folder == ".." or folder.startswith("../"):
        raise given.BadArguments(
            f'"workdir" {workdir!r} is outside the workspace; give it relative to the working folder'
        )
    return folder


def _seconds(values: dict[str, Any]) -> float | None:
    for name, unit in (("timeout_seconds", 1.0), ("timeout", 1.0), ("timeout_ms", 0.001)):
        value = values.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * unit
        except (TypeError, ValueError, OverflowError):
            seconds = -1.0
        if isinstance(value, bool) or not 0 < seconds < float("inf"):
            raise given.BadArguments(f'"{name}" must be a number above 0')
        return seconds
    return None


def _unquoted(word: str) -> str:
    return word[1:-1] if word[:1] in ("'", '"') else word


def _line(text: str) -> str:
    lines = text.strip().split("\n")
    return one_line(lines[0] + (" …" if len(lines) > 1 else ""))
