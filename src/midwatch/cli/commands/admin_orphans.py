"""`midwatch admin orphans`: what no live attempt owns any more, and its removal."""

from __future__ import annotations

from argparse import Namespace

from midwatch import reconciling, wiring
from midwatch.cli import arguments, words
from midwatch.cli.databases import database_option, environment
from midwatch.cli.screen import Screen
from midwatch.domain.codec import to_json

USAGE = "midwatch admin orphans [--remove] [--database-url URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Whether to remove, and whose workers are alive."""
    parser.add_argument("--remove", action="store_true", help="remove what is found")
    database_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """List what there is, each with why it is nobody's; 0 when nothing is left, else 1."""
    async with wiring.home(environment(options, screen.environ)) as home:
        swept = await reconciling.orphans(home, remove=options.remove)
    code = 1 if swept.left else 0
    if screen.json:
        screen.emit({"type": "orphans", **to_json(swept), "exit_code": code}, indent=2)
        return code
    look = screen.look()
    lines = [
        f"{look.mark(orphan not in swept.left)} {'removed ' if orphan not in swept.left else ''}"
        f"{orphan.kind} {words.line(orphan.place)} ({words.line(orphan.why)})"
        for orphan in (*swept.found, *(orphan for orphan in swept.left if orphan not in swept.found))
    ]
    lines += [f"{look.bad('midwatch:')} {words.line(trouble)}" for trouble in swept.troubles]
    if not swept.left:
        lines.append("nothing is left over")
    elif not options.remove:
        lines.append(f"{look.arrow} `midwatch admin orphans --remove` removes {words.count(len(swept.left), 'thing')}")
    screen.say(lines)
    return code
