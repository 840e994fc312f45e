"""`midwatch mcp`: tasks for other programs, over the Model Context Protocol."""

from __future__ import annotations

import logging
import os
from argparse import Namespace
from typing import TYPE_CHECKING

from midwatch import wiring
from midwatch.cli import arguments, following
from midwatch.cli.extras import require
from midwatch.cli.screen import Screen
from midwatch.domain.errors import MidwatchError
from midwatch.sandbox.drivers import NAMES

if TYPE_CHECKING:
    from midwatch.cli.mcp.jobs import Jobs
    from midwatch.cli.mcp.roots import Roots

USAGE = "midwatch mcp [--root DIR]... [--at-once N] [--sandbox DRIVER] [--http PORT]"


def add_arguments(parser: arguments.Parser) -> None:
    """What clients may do, and how they come in."""
    parser.add_argument(
        "--root", metavar="DIR", action="append", default=[], help="clients may name repositories below it; repeatable"
    )
    parser.add_argument(
        "--at-once", metavar="N", type=arguments.count(1), default=2, help="tasks worked on at once (default: 2)"
    )
    parser.add_argument("--sandbox", choices=NAMES, help="how commands are isolated; `process` isolates nothing")
    parser.add_argument(
        "--http", metavar="PORT", type=arguments.count(0), help="serve HTTP on loopback instead of standard input"
    )


async def execute(options: Namespace, screen: Screen) -> int:
    """Serve until the client closes our standard input, or a signal comes; then end the work, which the next start
    goes on with."""
    require("mcp", "mcp")
    logging.basicConfig(level=logging.WARNING, format="midwatch mcp: %(message)s")
    from midwatch.cli.mcp.jobs import Jobs
    from midwatch.cli.mcp.roots import Roots
    from midwatch.cli.mcp.server import build
    from midwatch.cli.mcp.serving import over_http, token_of, until_told

    roots = Roots.of(options.root)
    async with wiring.home(screen.environ) as home:
        jobs = Jobs(home, options.at_once)
        await _go_on(home, jobs, roots, screen)
        server = build(home, roots, jobs, options.sandbox)
        if options.http is None:
            serving = server.run_stdio_async()
        else:
            token, path = token_of(home.state / "mcp")

            def listening(port: int) -> None:
                screen.note(f"midwatch mcp: http://127.0.0.1:{port}/mcp (the bearer token is in {path})")

            serving = over_http(server, options.http, token, listening)
        try:
            told = await until_told(serving)
        finally:
            await jobs.close()
    if told:
        os._exit(following.STOPPED)  # a thread may wait for input; the work has ended and is stored
    return 0


async def _go_on(home: wiring.Home, jobs: Jobs, roots: Roots, screen: Screen) -> None:
    """Go on with what earlier servers have left."""
    from midwatch.cli.mcp.views import shown

    for task_id in jobs.left():
        try:
            if shown(roots, (await home.store.find(task_id)).task):
                jobs.begin(task_id)
        except MidwatchError as error:
            screen.note(f"midwatch mcp: {task_id} is not gone on with: {error.message}")
