"""`midwatch pause`: stops the work on a task for a while, at a server."""

from __future__ import annotations

from argparse import Namespace

from midwatch.cli import arguments
from midwatch.cli.remote import address, steering
from midwatch.cli.screen import Screen

USAGE = "midwatch pause ID [--server URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which task."""
    arguments.task_argument(parser)
    arguments.server_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Have the work on it stop at its next move."""
    where = address.required(options, screen.environ, "Ctrl-C stops `midwatch run`, and `midwatch resume` goes on")
    return await steering.steer(options, screen, where, "pause")
