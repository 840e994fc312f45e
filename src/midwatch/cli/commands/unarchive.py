"""`midwatch unarchive`: puts archived tasks back into the lists."""

from __future__ import annotations

from argparse import Namespace

from midwatch import wiring
from midwatch.cli import arguments
from midwatch.cli.remote import address, steering
from midwatch.cli.screen import Screen
from midwatch.engine.retention.archived import unarchive

USAGE = "midwatch unarchive ID... [--server URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which tasks."""
    parser.add_argument("ids", metavar="ID", nargs="+", help="a task's id, or the start of it")
    arguments.server_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Put them back."""
    if where := address.chosen(options, screen.environ):
        return await steering.archive(options, screen, where, "unarchive")
    async with wiring.home(screen.environ) as home:
        for name in options.ids:
            task_id = (await home.store.find(name)).task.id
            await unarchive(home.store.database, task_id)
            steering.say_archived(screen, task_id, "unarchive")
    return 0
