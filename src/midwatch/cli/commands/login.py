"""`midwatch login`: OAuth for an MCP server that is reached over HTTP."""

from __future__ import annotations

from argparse import Namespace

from midwatch import wiring
from midwatch.cli import arguments, following, words
from midwatch.cli.screen import Screen
from midwatch.workflows.servers import ServerParts, log_in

USAGE = "midwatch login SERVER"


def add_arguments(parser: arguments.Parser) -> None:
    """The server."""
    parser.add_argument("server", metavar="SERVER", help="its name in the settings, [mcp.servers.SERVER]")


async def execute(options: Namespace, screen: Screen) -> int:
    """Show the address to open, wait until the browser comes back, keep the token."""

    def show(address: str) -> None:
        screen.note(["open this address in a browser of this machine:", f"  {words.line(address)}"])

    async with wiring.home(screen.environ) as home:
        try:
            parts = ServerParts(home.state, settings=home.settings.mcp)
            done = await following.stoppable(log_in(options.server, parts, show))
        except following.Interrupted:
            screen.note("midwatch: stopped; nothing was kept")
            return following.STOPPED
    text = "logged in to" if done else "no login is needed for"
    if screen.json:
        screen.emit({"type": "login", "server": options.server, "logged_in": done})
    else:
        screen.say(f"{text} {words.line(options.server)}")
    return 0
