"""`midwatch apply`: a task's change in your own files."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from midwatch import reading, wiring
from midwatch.cli import arguments, render, words
from midwatch.cli.remote import address
from midwatch.cli.screen import Screen
from midwatch.domain.codec import to_json
from midwatch.domain.evidence import FileChange

USAGE = "midwatch apply ID [--repo PATH] [--server URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which task, and where to."""
    arguments.task_argument(parser)
    parser.add_argument("--repo", metavar="PATH", help="another working tree than the task's own")
    arguments.server_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Change the files, all or none; nothing is staged or committed. A server's task: those of `--repo`, or of the
    folder that one is in."""
    if where := address.chosen(options, screen.environ):
        from midwatch.cli.remote import grafting
        from midwatch.cli.remote.session import opened

        folder = options.repo or "."
        async with opened(options, screen, where) as session:
            task_id, changes = await grafting.apply(session, options.id, folder)
        return _print(task_id, "this folder" if folder == "." else folder, changes, screen)
    async with wiring.home(screen.environ) as home:
        changes = await reading.apply(home, options.id, options.repo)
        task = (await home.store.find(options.id)).task
    return _print(task.id, options.repo or task.repository, changes, screen)


def _print(task_id: str, place: str, changes: Sequence[FileChange], screen: Screen) -> int:
    if screen.json:
        screen.emit({"type": "applied", "id": task_id, "changes": to_json(changes)})
        return 0
    look = screen.look()
    screen.say(f"{look.mark(True)} applied to the files in {words.line(place)}; nothing is staged or committed")
    screen.say(render.diffstat_lines(changes, look))
    return 0
