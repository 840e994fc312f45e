"""`midwatch worker`: work on what was submitted, until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from argparse import Namespace
from typing import TYPE_CHECKING

from midwatch import wiring
from midwatch.cli import arguments, following, keeping
from midwatch.cli.screen import Screen
from midwatch.engine.database.address import VARIABLE

if TYPE_CHECKING:
    from midwatch.sandbox.slots import Slots
    from midwatch.telemetry.opened import Telemetry

USAGE = "midwatch worker [--concurrency N] [--slots N] [--labels LABEL,…] [--database-url URL] [options]"


def arguments_of_work(parser: argparse._ActionsContainer) -> None:
    """How much at a time."""
    parser.add_argument(
        "--concurrency", metavar="N", type=arguments.count(1), help="turns at the same time (default: 16 for each core)"
    )
    parser.add_argument(
        "--slots",
        metavar="N",
        type=arguments.count(1),
        help="boxes that work at a time (default: 4 for each core)",
    )
    parser.add_argument(
        "--labels", metavar="LABEL,…", type=arguments.labels, default=(),
        help="what this worker has (gpu,arch=arm64): it takes tasks that demand this, or nothing",
    )  # fmt: skip


def capacity(options: Namespace, telemetry: Telemetry) -> tuple[int, Slots]:
    """How many turns and boxes at a time."""
    from midwatch.sandbox.slots import Slots

    cores = len(os.sched_getaffinity(0))
    slots = Slots(options.slots or 4 * cores)
    telemetry.watch(slots)
    return options.concurrency or 16 * cores, slots


def add_arguments(parser: arguments.Parser) -> None:
    """How much, and of which database."""
    arguments_of_work(parser)
    parser.add_argument("--database-url", metavar="URL", help=f"the database (default: ${VARIABLE}, else a file)")
    parser.add_argument(
        "--metrics-listen", metavar="HOST:PORT", help="show this worker's metrics there, where they are on"
    )
    parser.add_argument(
        "--lease", metavar="DURATION", type=arguments.seconds, default=30,
        help="without a beat for so long a worker counts as gone; the same for all (default: 30s)",
    )  # fmt: skip


async def execute(options: Namespace, screen: Screen) -> int:
    """Take turns until SIGTERM or SIGINT; the second one leaves at once, and so does the first after a lease."""
    from midwatch import working
    from midwatch.collecting import seldom
    from midwatch.engine.workers import Terms
    from midwatch.telemetry.opened import opened

    environ = dict(screen.environ) | ({VARIABLE: options.database_url} if options.database_url else {})
    stopping, loop = keeping.Stopping(options.keeper, options.lease), asyncio.get_running_loop()
    async with (
        wiring.home(environ) as home,
        opened(home.settings.telemetry, options.metrics_listen or "") as telemetry,
    ):
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.signalled)
        loop.add_reader(options.keeper.line, stopping.forwarded)
        engine = working.engine_of(home)
        try:
            terms = Terms(lease=options.lease, beat=options.lease / 6)
            turns, slots = capacity(options, telemetry)
            told = keeping.teller(screen), telemetry.error
            how = working.Options(turns, slots, terms, *told, options.labels, options.keeper.works)
            seldom()
            await working.work(home, engine, how, stopping.stop)
        finally:
            following.leave_within(options.lease)  # what has ended it may hold up its end, too
            await engine.close()
            loop.remove_reader(options.keeper.line)
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
    return 0
