"""`midwatch migrate`: the database's schema, brought up to date."""

from __future__ import annotations

from argparse import Namespace

from midwatch import wiring
from midwatch.cli import arguments, words
from midwatch.cli.databases import database_option, environment
from midwatch.cli.extras import require
from midwatch.cli.screen import Screen

USAGE = "midwatch migrate [--database-url URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Which database."""
    database_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Add what is missing, of the tables of the durable engine too. Programs of the release before go on working."""
    require("server", "dbos")
    from midwatch import working

    async with wiring.home(environment(options, screen.environ)) as home:
        engine = working.engine_of(home)
        try:
            steps = await home.store.database.migrate()
            await engine.migrate()
        finally:
            await engine.close()
        place = home.store.database.place
    if screen.json:
        screen.emit({"type": "migrated", "database": place, "steps": steps})
    else:
        done = f"{words.count(steps, 'step')} made" if steps else "nothing was missing"
        screen.say(f"{words.line(place)}: the schema is up to date ({done})")
    return 0
