"""`midwatch worker`: work on what was submitted, until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import threading
from argparse import Namespace
from typing import TYPE_CHECKING

from midwatch import wiring
from midwatch.cli import arguments, following, words
from midwatch.cli.screen import Screen
from midwatch.engine.database.address import VARIABLE

if TYPE_CHECKING:
    from midwatch.sandbox.slots import Slots
    from midwatch.telemetry.opened import Telemetry

USAGE = "midwatch worker [--concurrency N] [--slots N] [--database-url URL] [--metrics-listen HOST:PORT] [--json]"


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
    """Take turns until SIGTERM or SIGINT; the second one leaves at once."""
    from midwatch import working
    from midwatch.collecting import seldom
    from midwatch.engine.workers import Terms
    from midwatch.telemetry.logs import told
    from midwatch.telemetry.opened import opened

    environ = dict(screen.environ) | ({VARIABLE: options.database_url} if options.database_url else {})
    lock = threading.Lock()

    def note(turn: str, text: str) -> None:
        told(turn, text)
        if screen.json:
            with lock:
                try:
                    screen.emit({"type": "worker", "time": words.utc_now(), "turn": turn, "text": text})
                except OSError:  # nobody reads that any more; the work goes on
                    screen.hush()

    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def end() -> None:
        if stop.is_set():
            following.leave_at_once()
        stop.set()

    async with (
        wiring.home(environ) as home,
        opened(home.settings.telemetry, options.metrics_listen or "") as telemetry,
    ):
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, end)
        engine = working.engine_of(home)
        try:
            terms = Terms(lease=options.lease, beat=options.lease / 6)
            seldom()
            await working.work(
                home, engine, working.Options(*capacity(options, telemetry), terms, note, telemetry.error), stop
            )
        finally:
            await engine.close()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
    return 0
