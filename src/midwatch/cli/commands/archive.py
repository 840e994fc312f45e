"""`midwatch archive`: takes ended tasks from the lists."""

from __future__ import annotations

from argparse import Namespace

from midwatch.cli import archiving
from midwatch.cli.screen import Screen

USAGE = "midwatch archive ID... [--server URL] [--json]"
add_arguments = archiving.arguments_of_tasks


async def execute(options: Namespace, screen: Screen) -> int:
    """Take them from the lists of this machine, or of a server."""
    return await archiving.execute(options, screen, "archive")
