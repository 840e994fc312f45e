"""`midwatch admin recount`: the figures of Insight, from the logs again."""

from __future__ import annotations

from argparse import Namespace

from midwatch import wiring
from midwatch.cli import arguments
from midwatch.cli.databases import database_option, environment
from midwatch.cli.screen import Screen

USAGE = "midwatch admin recount [--database-url URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Nothing but where."""
    database_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Count all tasks of the database again; how many these were. Workers may count meanwhile."""
    from midwatch.counting import count
    from midwatch.engine.insight.outcomes import Outcomes

    counted = 0
    async with wiring.home(environment(options, screen.environ)) as home:
        await Outcomes(home.store.database).recount(everything=True)
        while done := await count(home):
            counted += done
    if screen.json:
        screen.emit({"type": "recount", "tasks": counted, "exit_code": 0}, indent=2)
    else:
        screen.say([f"{counted} task{'' if counted == 1 else 's'} counted"])
    return 0
