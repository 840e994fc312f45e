"""`midwatch admin restore`: a task, back from the file that it was taken into."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from midwatch import retaining, wiring
from midwatch.cli import arguments, words
from midwatch.cli.databases import database_option, environment
from midwatch.cli.screen import Screen

USAGE = "midwatch admin restore FILE [--database-url URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which file."""
    parser.add_argument("file", metavar="FILE", help="as `midwatch admin retention` has written it")
    database_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Check all of it, then bring it back."""
    async with wiring.home(environment(options, screen.environ)) as home:
        task_id, trouble = await retaining.restore(home, Path(options.file))
    if screen.json:
        screen.emit({"type": "restored", "id": task_id, "trouble": trouble})
        return 0
    look = screen.look()
    lines = [f"{look.mark(True)} {task_id} is back; `midwatch verify {task_id}` proves it"]
    lines += [f"  {look.arrow} what its attempts saved could not be: {words.line(trouble)}"] if trouble else []
    screen.say(lines)
    return 0
