"""`midwatch attach`: look on at a task that a server works on."""

from __future__ import annotations

from argparse import Namespace

from midwatch.cli import arguments
from midwatch.cli.remote import address, steering
from midwatch.cli.screen import Screen

USAGE = "midwatch attach ID [--server URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which task."""
    arguments.task_argument(parser)
    arguments.server_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Show what has happened and what happens, until nobody works on it any more."""
    where = address.required(options, screen.environ, "`midwatch log ID` is for tasks of this machine")
    return await steering.attach(options, screen, where)
