"""Taking ended tasks from the lists of this machine or of a server, and putting them back."""

from __future__ import annotations

from argparse import Namespace
from typing import Literal

from midwatch import reading, wiring
from midwatch.cli import arguments
from midwatch.cli.remote import address, steering
from midwatch.cli.screen import Screen
from midwatch.engine.retention.archived import unarchive


def arguments_of_tasks(parser: arguments.Parser) -> None:
    """Which tasks."""
    parser.add_argument("ids", metavar="ID", nargs="+", help="a task's id, or the start of it")
    arguments.server_option(parser)


async def execute(options: Namespace, screen: Screen, verb: Literal["archive", "unarchive"]) -> int:
    """Do it to each of them."""
    if where := address.chosen(options, screen.environ):
        return await steering.archive(options, screen, where, verb)
    async with wiring.home(screen.environ) as home:
        for name in options.ids:
            task_id = (await home.store.find(name)).task.id
            if verb == "archive":
                await reading.archive(home, task_id)
            else:
                await unarchive(home.store.database, task_id)
            steering.say_archived(screen, task_id, verb)
    return 0
