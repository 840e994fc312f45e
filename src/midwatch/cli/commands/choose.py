"""`midwatch choose`: another attempt than the one that is offered."""

from __future__ import annotations

from argparse import Namespace

from midwatch import revising, wiring
from midwatch.cli import arguments, following
from midwatch.cli.jsonlines import task_json
from midwatch.cli.remote import address
from midwatch.cli.screen import Screen

USAGE = "midwatch choose ID.N [--server URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which attempt."""
    arguments.task_argument(parser, "the attempt's id: ID.2 is the task's second attempt")
    arguments.server_option(parser)
    arguments.follow_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Choose it and go on as `resume` does, which brings the pull request up to date."""
    if where := address.chosen(options, screen.environ):
        from midwatch.cli.remote import steering

        return await steering.choose(options, screen, where)
    async with wiring.home(screen.environ) as home:
        task = await revising.choose(home, options.id)
        if screen.json:
            screen.emit(task_json(task))
        return await following.follow(home, task, screen)
