"""`midwatch unarchive`: puts archived tasks back into the lists."""

from __future__ import annotations

from argparse import Namespace

from midwatch.cli import archiving
from midwatch.cli.screen import Screen

USAGE = "midwatch unarchive ID... [--server URL] [--json]"
add_arguments = archiving.arguments_of_tasks


async def execute(options: Namespace, screen: Screen) -> int:
    """Put them back."""
    return await archiving.execute(options, screen, "unarchive")
