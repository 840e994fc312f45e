"""`midwatch retry`: tries once more what has failed, at a server."""

from __future__ import annotations

from argparse import Namespace

from midwatch.cli import arguments
from midwatch.cli.remote import address, steering
from midwatch.cli.screen import Screen

USAGE = "midwatch retry ID [--server URL] [--follow] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which task."""
    arguments.task_argument(parser)
    arguments.server_option(parser)
    arguments.follow_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Have it tried once more, from the last step in the log."""
    where = address.required(options, screen.environ, "`midwatch resume ID` goes on with a task of this machine")
    return await steering.steer(options, screen, where, "retry")
