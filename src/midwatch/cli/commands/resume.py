"""`midwatch resume`: go on with a task."""

from __future__ import annotations

from argparse import Namespace

from midwatch import wiring
from midwatch.cli import arguments, following, reviews
from midwatch.cli.jsonlines import task_json
from midwatch.cli.remote import address
from midwatch.cli.screen import Screen

USAGE = "midwatch resume ID [--server URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which task."""
    arguments.task_argument(parser)
    arguments.server_option(parser)
    arguments.follow_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Go on from the last step in the log; a finished task answers at once."""
    if where := address.chosen(options, screen.environ):
        from midwatch.cli.remote import steering

        return await steering.steer(options, screen, where, "resume")
    async with wiring.home(screen.environ) as home:
        task = (await home.store.find(options.id)).task
        if screen.json:
            screen.emit(task_json(task))
        if task.kind == "review":
            return await reviews.follow(home, task, screen, reviews.Wanted())
        return await following.follow(home, task, screen)
