"""`midwatch exec`: one turn without a terminal, as `codex exec` has it."""

from __future__ import annotations

from argparse import Namespace

from midwatch.cli import arguments
from midwatch.cli.codex import order as orders
from midwatch.cli.codex import stream as streams
from midwatch.cli.codex.turn import Turning
from midwatch.cli.screen import Screen
from midwatch.domain.errors import InputError

USAGE = "midwatch exec [resume ID | resume --last] [PROMPT | -] [--json] [options]"


def add_arguments(parser: arguments.Parser) -> None:
    """All of them."""
    orders.add_arguments(parser)


async def execute(options: Namespace, screen: Screen) -> int:
    """Do the turn; 0 when the agent has answered."""
    stream = streams.make(
        screen,
        json_wanted=options.json or options.experimental_json,
        extra="all" if options.json and not options.experimental_json else "none",
    )
    try:
        order = orders.make_order(options)
    except orders.Untrusted as error:
        screen.note(str(error))
        return 1
    except InputError as error:
        await stream.failed(error.message, error.mend)
        return error.exit_code
    if order.json:
        stream = streams.make(screen, json_wanted=True, extra=order.extra)
    return await Turning(order, screen, stream).run()
