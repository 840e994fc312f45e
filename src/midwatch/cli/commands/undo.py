"""`midwatch undo`: back to an earlier step."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from midwatch import revising, wiring
from midwatch.agent.course import steps
from midwatch.cli import arguments, words
from midwatch.cli.commands.log import event_lines
from midwatch.cli.remote import address
from midwatch.cli.render import diffstat_lines
from midwatch.cli.screen import Look, Screen
from midwatch.cli.steps import Steps
from midwatch.domain.codec import to_json
from midwatch.domain.events import Event
from midwatch.domain.task import Task
from midwatch.workflows.undoing import WentBack

USAGE = "midwatch undo ID [--to STEP] [--server URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which task, and how far back."""
    arguments.task_argument(parser, "the task's id; ID.2 is its second attempt")
    parser.add_argument(
        "--to",
        metavar="STEP",
        help="the step after which to be: an event's number, cmd:N or start; without it the steps are listed",
    )
    arguments.server_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Go back, and say what that changes; or list where one can go."""
    if where := address.chosen(options, screen.environ):
        from midwatch.cli.remote import undoing
        from midwatch.cli.remote.session import opened

        async with opened(options, screen, where) as session:
            if options.to is None:
                _list(*await undoing.choices(session, options.id), screen, session.at)
                return 0
            _print(await undoing.undo(session, options.id, options.to), screen, session.at)
        return 0
    async with wiring.home(screen.environ) as home:
        if options.to is None:
            _list(*await revising.choices(home, options.id), screen)
            return 0
        back = await revising.undo(home, options.id, options.to)
    _print(back, screen)
    return 0


def _print(back: WentBack, screen: Screen, at: str = "") -> None:
    if screen.json:
        screen.emit(_json(back))
    else:
        screen.say(undone_lines(back, screen.look(), at))


def _list(task: Task, attempt: str, events: Sequence[Event], screen: Screen, at: str = "") -> None:
    usable = {event.seq for event in steps(events)}
    if screen.json:
        lines = Steps()
        texts = [(event, lines.every(event.body).text) for event in events]
        found = [{"seq": e.seq, "time": e.time, "kind": e.kind, "text": text} for e, text in texts if e.seq in usable]
        screen.emit({"type": "steps", "id": task.id, "attempt": attempt, "steps": found}, indent=2)
        return
    look = screen.look()
    shown = [line for event, line in zip(events, event_lines(events, look), strict=True) if event.seq in usable]
    screen.say([*shown, "", f"go back with {look.command(f'midwatch undo {attempt} --to STEP{at}')}"])


def _json(back: WentBack) -> dict[str, object]:
    return {
        "type": "undone",
        "id": back.task.id,
        "attempt": back.attempt,
        "to": back.to,
        "checkpoint": to_json(back.checkpoint),
        "files": to_json(back.files),
        "commands": back.commands,
    }


def undone_lines(back: WentBack, look: Look, at: str = "") -> list[str]:
    """Where the task is now, what changed back, and how it goes on; `at`: what commands need behind them."""
    gone = f"; {words.count(back.commands, 'command')} no longer counted" if back.commands else ""
    lines = [f"{look.mark(True)} {look.bold(f'{back.attempt} is as it was after event {back.to}{gone}')}"]
    lines += diffstat_lines(back.files, look) if back.files else ["  no file changes back"]
    if back.task.kind == "conversation":
        return [*lines, "", f"  go on    {look.command(f'midwatch exec resume {back.task.id} MESSAGE')}"]
    lines += ["", f"  go on as it is        {look.command(f'midwatch resume {back.task.id}{at}')}"]
    return [*lines, f"  say what to do now    {look.command(f'midwatch tell {back.task.id} MESSAGE{at}')}"]
