"""`midwatch fork`: a new task from a step of another one."""

from __future__ import annotations

from argparse import Namespace

from midwatch import revising, wiring
from midwatch.cli import arguments, following, render
from midwatch.cli.jsonlines import task_json
from midwatch.cli.remote import address
from midwatch.cli.screen import Screen

USAGE = 'midwatch fork ID [--from STEP] ["MESSAGE"] [--server URL] [--json]'


def add_arguments(parser: arguments.Parser) -> None:
    """Which task, from where, and what the new one is told."""
    parser.mixed = True
    arguments.task_argument(parser, "the task's id; ID.2 is its second attempt")
    parser.add_argument(
        "message", metavar="MESSAGE", nargs="?", default="", help="what the new task is told; `-` reads standard input"
    )
    parser.add_argument(
        "--from-step",
        "--from",
        metavar="STEP",
        dest="at",
        default="",
        help="an event's number, cmd:N or start, as `midwatch undo ID` lists them (default: where it is now)",
    )
    arguments.server_option(parser)
    arguments.follow_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Make the task, say what it is, do it."""
    if where := address.chosen(options, screen.environ):
        from midwatch.cli.remote import steering

        return await steering.fork(options, screen, where, arguments.prompt(options.message))
    async with wiring.home(screen.environ) as home:
        task = await revising.fork(home, options.id, options.at, arguments.prompt(options.message))
        if screen.json:
            screen.emit(task_json(task))
        else:
            screen.say([*render.task_lines(task, screen.look()), ""])
        if task.kind == "conversation":
            screen.say(f"go on with {screen.look().command(f'midwatch exec resume {task.id} MESSAGE')}")
            return 0
        return await following.follow(home, task, screen)
