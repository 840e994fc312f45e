"""`midwatch admin password`: a new password for a user of the server, when theirs is lost."""

from __future__ import annotations

from argparse import Namespace

from midwatch import wiring
from midwatch.cli import arguments, words
from midwatch.cli.databases import database_option, environment
from midwatch.cli.extras import require
from midwatch.cli.screen import Screen

USAGE = "midwatch admin password USER [--database-url URL] [--json]"


def add_arguments(parser: arguments.Parser) -> None:
    """Whose."""
    parser.add_argument("user", metavar="USER", help="the user's name; `admin` is the first administrator's")
    database_option(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Give it, and print it once."""
    require("server", "argon2")
    from midwatch.server.accounts.first import new_password

    async with wiring.home(environment(options, screen.environ)) as home:
        made = await new_password(home.store.database, options.user)
    if screen.json:
        screen.emit({"type": "password", "user": made.name, "password": made.password})
    else:
        screen.say(
            [
                f"the new password of {words.line(made.name)} is {made.password}",
                "it is shown this once; sessions of before have ended",
            ]
        )
    return 0
