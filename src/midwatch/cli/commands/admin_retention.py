"""`midwatch admin retention`: tasks that ended long ago, out of the database into files."""

from __future__ import annotations

from argparse import Namespace

from midwatch import retaining, wiring
from midwatch.cli import arguments, words
from midwatch.cli.databases import database_option, environment
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError

USAGE = "midwatch admin retention [--days N] [--dry-run] [--database-url URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """How old, and whether to do it."""
    parser.add_argument("--days", metavar="N", type=arguments.count(1, 36500), help="since they ended")
    parser.add_argument("--dry-run", action="store_true", help="only say which these are")
    database_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Do it, and say where each lies now; 1 when one could not be."""
    async with wiring.home(environment(options, screen.environ)) as home:
        days = options.days or home.settings.retention.days
        if not days:
            raise InputError("it was not said after how many days", "give --days N, or set retention.days")
        done = await retaining.retain(home, days, dry_run=options.dry_run)
    code = 1 if done.troubles else 0
    if screen.json:
        kept = [{"task": one.task, "file": str(one.path), "bytes": one.bytes} for one in done.kept]
        told = {"type": "retention", "dry_run": options.dry_run, "tasks": kept, "swept": done.swept}
        screen.emit({**told, "troubles": done.troubles, "exit_code": code}, indent=2)
        return code
    look = screen.look()
    would = "would go to" if options.dry_run else look.arrow
    lines = [f"{one.task} {would} {words.line(str(one.path))}" for one in done.kept]
    lines += [f"{look.bad('midwatch:')} {words.line(trouble)}" for trouble in done.troubles]
    screen.say(lines or "no task has ended that long ago")
    return code
