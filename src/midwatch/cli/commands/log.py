"""`midwatch log`: every event, or every line of one output."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from midwatch import wiring
from midwatch.cli import arguments, words
from midwatch.cli.jsonlines import event_json
from midwatch.cli.remote import address
from midwatch.cli.screen import Look, Screen
from midwatch.cli.steps import Steps, step_line
from midwatch.domain.errors import InputError, StoreError
from midwatch.domain.events import Checked, Event, ToolFinished
from midwatch.domain.interventions import HookRan, SessionEnded

USAGE = "midwatch log ID [--cmd N | --check N | --hook N] [--lines A-B] [--raw] [--server URL] [--json]"


@dataclass(frozen=True, slots=True)
class Output:
    """The full output of a command or a check."""

    name: str
    command: str
    ended: str
    digest: str
    lines: int


def add_arguments(parser: arguments.Parser) -> None:
    """Which task, and which output of it."""
    arguments.task_argument(parser, "the task's id; ID.2 is its second attempt")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--cmd", metavar="N", type=arguments.count(1), help="the full output of command N")
    which.add_argument(
        "--check", metavar="N", type=arguments.count(1), help="the full output of check N of the evidence"
    )
    which.add_argument("--hook", metavar="N", type=arguments.count(1), help="the full output of the hook of event N")
    parser.add_argument("--lines", metavar="A-B", type=arguments.line_range, help="only these lines: 12, 12-20, 12-")
    parser.add_argument("--raw", action="store_true", help="the output's bytes as they are, without line numbers")
    arguments.server_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Print the events, or an output with its lines numbered as citations count them."""
    all_events = options.cmd is options.check is options.hook is None
    if all_events and (options.raw or options.lines):
        raise InputError("--raw and --lines are for one output", "add --cmd N, --check N or --hook N")
    if where := address.chosen(options, screen.environ):
        return await _elsewhere(options, screen, where, all_events=all_events)
    async with wiring.home(screen.environ) as home:
        events = await home.store.read(await _attempt(home, options.id))
        if all_events:
            _print_events(events, screen)
            return 0
        output = _wanted(events, options)
        path = await asyncio.to_thread(_path, home, output)
    _print(_lines(path, *(options.lines or (1, None))), output, options, screen)
    return 0


async def _elsewhere(options: Namespace, screen: Screen, where: address.Address, *, all_events: bool) -> int:
    """The same for a task that a server has."""
    from midwatch.cli.remote import looking, tasks
    from midwatch.cli.remote.session import opened

    async with opened(options, screen, where) as session:
        attempt = await looking.attempt(session, options.id)
        if all_events:
            _print_events(await tasks.events(session.client, attempt), screen)
            return 0
        kinds = {"command": options.cmd, "check": options.check, "hook": options.hook}
        which = next((kind, number) for kind, number in kinds.items() if number is not None)
        page = await looking.output(session, attempt, which, options.lines or (1, None))
    name, command, ended, digest = (str(page[key]) for key in ("name", "command", "ended", "digest"))
    output = Output(name, command, ended, digest, int(page["total_lines"]))
    _print((line.encode() + b"\n" for line in page["lines"]), output, options, screen)
    return 0


def _print(lines: Iterable[bytes], output: Output, options: Namespace, screen: Screen) -> None:
    first, last = options.lines or (1, None)
    if screen.json:
        screen.emit(_json(output, first, [line.decode("utf-8", "surrogateescape") for line in lines]))
    elif options.raw:
        for line in lines:
            screen.raw(line)
    else:
        _print_output(lines, output, (first, last), screen)


async def _attempt(home: wiring.Home, name: str) -> str:
    row = await home.store.find(name)
    if "." in name:
        wanted = f"{row.task.id}.{name.partition('.')[2]}"
        if wanted not in [attempt.attempt for attempt in row.attempts]:
            known = ", ".join(attempt.attempt for attempt in row.attempts)
            raise InputError(f"there is no attempt {words.line(name)}", f"its attempts are: {known}")
        return wanted
    if len(row.attempts) == 1:
        return row.attempts[0].attempt
    return (await wiring.report(home, row.task.id)).chosen.attempt


def _print_events(events: Sequence[Event], screen: Screen) -> None:
    if screen.json:
        for event in events:
            screen.emit(event_json(event))
    else:
        screen.say(event_lines(events, screen.look()) or "nothing has been done yet")


def event_lines(events: Sequence[Event], look: Look) -> list[str]:
    """A line for each event: number, time of day (UTC), what happened."""
    steps, lines = Steps(), []
    width = len(str(events[-1].seq)) if events else 1
    for event in events:
        head = f"{event.seq:>{width}} {event.time[11:19]} "
        line = step_line(steps.every(event.body), look, look.width - len(head) - 1)
        lines.append(look.dim(head) + line)
    return lines


def _wanted(events: Sequence[Event], options: Namespace) -> Output:
    if options.cmd is not None:
        return _command(events, options.cmd)
    return _check(events, options.check) if options.check is not None else _hook(events, options.hook)


def _command(events: Sequence[Event], number: int) -> Output:
    bodies = [e.body for e in events if isinstance(e.body, ToolFinished | SessionEnded) and e.body.number]
    body = next((b for b in bodies if b.number == number), None)
    if body is None:
        raise InputError(f"there is no command {number}", f"this attempt has {words.count(len(bodies), 'command')}")
    command = f"session {body.session}: {body.command}" if isinstance(body, SessionEnded) else body.command
    return Output(f"command {number}", command, body.ended, body.digest, body.lines)


def _check(events: Sequence[Event], number: int) -> Output:
    checked = next((e.body for e in reversed(events) if isinstance(e.body, Checked)), None)
    runs = checked.evidence.checks if checked else ()
    if not 1 <= number <= len(runs):
        raise InputError(f"there is no check {number}", f"the evidence has {words.count(len(runs), 'check')}")
    run = runs[number - 1]
    return Output(f"check {number}", run.command, run.ended, run.digest, run.lines)


def _hook(events: Sequence[Event], seq: int) -> Output:
    body = events[seq - 1].body if seq <= len(events) else None
    if not isinstance(body, HookRan):
        ran = ", ".join(str(event.seq) for event in events if isinstance(event.body, HookRan)) or "none"
        raise InputError(f"event {seq} is no run of a hook", f"the events that are: {ran}")
    return Output(f"{body.hook} of event {seq}", body.command, body.ended, body.digest, body.lines)


def _path(home: wiring.Home, output: Output) -> Path | None:
    if not output.digest:
        return None
    try:
        return home.blobs.path(output.digest)
    except FileNotFoundError:
        raise StoreError(
            f"the output of {output.name} ({output.digest[:12]}) is missing from {home.state}",
            "`midwatch verify` lists everything that is missing or changed",
        ) from None


def _lines(path: Path | None, first: int, last: int | None) -> Iterator[bytes]:
    if path is None:
        return
    with path.open("rb") as file:
        yield from islice(file, first - 1, last)


def _json(output: Output, first: int, text: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "output",
        "name": output.name,
        "command": output.command,
        "ended": output.ended,
        "digest": output.digest,
        "lines": output.lines,
        "first_line": first,
        "text": list(text),
    }


def _print_output(lines: Iterable[bytes], output: Output, wanted: tuple[int, int | None], screen: Screen) -> None:
    look = screen.look()
    facts = [words.line(output.ended), words.count(output.lines, "line"), f"sha256 {output.digest[:16]}"]
    screen.say(look.bold(f"{output.name}: $ {words.line(output.command)}"))
    screen.say(look.dim(look.dot.join(facts if output.digest else [*facts[:1], "no output"])))
    width = len(str(wanted[1] or output.lines))
    batch = []
    for number, line in enumerate(lines, wanted[0]):
        text = words.decode(line.rstrip(b"\r\n")).replace("\n", " ")
        batch.append(f"{look.dim(f'{number:>{width}}')}  {text}")
        if len(batch) >= 1000:
            screen.say(batch)
            batch = []
    if batch:
        screen.say(batch)
