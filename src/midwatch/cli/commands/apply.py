"""`midwatch apply`: a task's change in your own files."""

from __future__ import annotations

from argparse import Namespace

from midwatch import reading, wiring
from midwatch.cli import arguments, render, words
from midwatch.cli.screen import Screen
from midwatch.domain.codec import to_json

USAGE = "midwatch apply ID [--repo PATH] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which task, and where to."""
    arguments.task_argument(parser)
    parser.add_argument("--repo", metavar="PATH", help="another working tree than the task's own")


async def execute(options: Namespace, screen: Screen) -> int:
    """Change the files, all or none; nothing is staged or committed."""
    async with wiring.home(screen.environ) as home:
        changes = await reading.apply(home, options.id, options.repo)
        task = (await home.store.find(options.id)).task
    if screen.json:
        screen.emit({"type": "applied", "id": task.id, "changes": to_json(changes)})
        return 0
    look = screen.look()
    where = words.line(options.repo or task.repository)
    screen.say(f"{look.mark(True)} applied to the files in {where}; nothing is staged or committed")
    screen.say(render.diffstat_lines(changes, look))
    return 0
