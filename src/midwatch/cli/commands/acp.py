"""`midwatch acp`: an agent for editors, over the Agent Client Protocol."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING, cast

from midwatch import wiring
from midwatch.cli import arguments, following, pipes
from midwatch.cli.extras import require
from midwatch.cli.screen import Screen
from midwatch.domain.guard import MODES
from midwatch.sandbox.drivers import NAMES

if TYPE_CHECKING:
    from acp.interfaces import Agent

USAGE = "midwatch acp [--model NAME] [--mode MODE] [--sandbox DRIVER]"


def add_arguments(parser: arguments.Parser) -> None:
    """What new conversations begin with."""
    parser.add_argument("-m", "--model", metavar="NAME", help="`repair`, `openai/…`, or one of your settings")
    parser.add_argument("--mode", choices=MODES, help="what the agent may do at first (default: as in your settings)")
    parser.add_argument("--sandbox", choices=NAMES, help="how commands are isolated; `process` isolates nothing")


async def execute(options: Namespace, screen: Screen) -> int:
    """Serve the editor until it closes our standard input. Nothing but the protocol goes to standard output."""
    require("acp", "acp")
    if sys.stdin is not None and sys.stdin.isatty():
        screen.note("midwatch acp: waiting for an editor's messages on standard input (Ctrl-D ends it)")
    reader, writer = await pipes.claim("acp")
    from acp.core import run_agent

    from midwatch.cli.acp.agent import EditorAgent
    from midwatch.cli.acp.session import Wishes

    async with wiring.home(screen.environ) as home:
        agent = EditorAgent(home, Wishes(options.model, options.mode, options.sandbox))
        try:
            await following.stoppable(run_agent(cast("Agent", agent), writer, reader, use_unstable_protocol=True))
        except following.Interrupted:
            return following.STOPPED
        finally:
            await agent.close()
    return 0
